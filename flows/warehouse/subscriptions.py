"""The kinds of subscriptions: which credentials open them, where their findings go, and what asks them."""

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from typing import Any

from blocks.errors import Invalid
from flows.plugin.installed import Installed
from flows.warehouse import github_releases
from flows.warehouse.asking import Asking, Json
from flows.warehouse.discover_chart import discover_chart
from flows.warehouse.discover_further import discover_installed, discover_trusted
from flows.warehouse.discover_git import discover_git
from flows.warehouse.discover_image import discover_image
from flows.warehouse.further import FurtherKind, further_kind
from flows.warehouse.model import FurtherSubscription, Subscription


@dataclass(frozen=True)
class Kind:
    """One kind: `field` of Kargo's `discoveredArtifacts`, `cred_type` of Kargo's Secrets.

    `cred_type` is empty when `discover` looks for its credentials itself.
    """

    field: str
    cred_type: str
    discover: Callable[[Any, Asking], Awaitable[Json]]


KINDS = {
    "git": Kind("git", "git", discover_git),
    "image": Kind("images", "image", discover_image),
    "chart": Kind("charts", "helm", discover_chart),
}

OWN = {
    name: further_kind(name, module, f"subscription kind {name!r}")
    for name, module in {"github-release": github_releases}.items()
}
"""Further kinds that come with Drayage. A package cannot take their names, nor those of Kargo's kinds."""


GROUP = "drayage.subscriptions"
"""The group of entry points by which packages offer further kinds."""


@lru_cache(maxsize=1)
def installed() -> Installed[FurtherKind]:
    """Read what is installed, once per process; loading comes later, kind by kind."""
    return Installed(tuple(metadata.entry_points(group=GROUP)), "subscription kind", further_kind)


def kind_of(subscription: Subscription, others: Installed[FurtherKind] | None = None) -> Kind:
    """Return how a subscription is asked. Raises Invalid for a kind that nobody here offers."""
    name = subscription.kind
    if name in KINDS:
        return KINDS[name]
    if name in OWN:
        return Kind("results", "", partial(discover_trusted, OWN[name]))
    others = others or installed()
    if name not in others.names:
        raise Invalid(unknown(name, others))
    return Kind("results", "", partial(_discover_installed, others, name))


def further_kind_of(name: str, others: Installed[FurtherKind] | None = None) -> FurtherKind:
    """Return a further kind; blocking. Raises Invalid when nobody offers it or it cannot be used."""
    if name in OWN:
        return OWN[name]
    others = others or installed()
    if name not in others.names:
        raise Invalid(unknown(name, others))
    return others.load_blocking(name)


def unknown(name: str, others: Installed[FurtherKind]) -> str:
    """Say that a kind is not known, and which are."""
    kinds = sorted({*KINDS, *OWN, *others.names} - {"name"})
    close = difflib.get_close_matches(name, kinds, 1)
    advice = f"did you mean {close[0]!r}?" if close else "correct it, or install the package that offers it"
    return f"{name!r} is no kind of subscription, expected one of {', '.join(kinds)}, {advice}"


async def _discover_installed(
    others: Installed[FurtherKind], name: str, subscription: FurtherSubscription, asking: Asking
) -> Json:
    kind, apart = await others.load(name)
    return await discover_installed(kind, apart, subscription, asking)
