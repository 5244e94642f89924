"""Freight put together by hand: one artifact per subscription and no extras (Kargo: Freight assembly, clone)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from blocks.errors import DrayageError, Invalid
from flows.freight.assemble import Discovered, Entry, Incomplete, assemble, described, entry_of, shape_of
from flows.freight.identity import Content
from flows.freight.picks import Picks, assigned, option_of, spoken
from flows.warehouse.model import Subscription, WarehouseSpec

SHOWN = 5
"""Known versions that a sentence names."""

ALIAS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""Kubernetes' rule for the values of labels, one of which is the alias in Kargo."""

FREIGHT_NAME = re.compile(r"[0-9a-f]{40}")

LookUp = Callable[[Subscription, str], Awaitable[Entry | None]]
"""Asks the source for a version that discovery has not brought; gives an entry as discovery does, or None."""


async def put_together(
    spec: WarehouseSpec, discovered: Discovered, picks: Picks, base: Content | None, look_up: LookUp
) -> Content:
    """Return the content of Freight with what was picked, and for the rest what `base` has.

    What discovery has not brought is looked up at its source. Raises Invalid with all problems at once.
    """
    versions, problems = assigned(spec, picks)
    one = _Assembly(spec, discovered, base, look_up)
    pieces = await asyncio.gather(
        *(one.piece(each, versions.get(place)) for place, each in enumerate(spec.subscriptions))
    )
    problems += [piece for piece in pieces if isinstance(piece, str)]
    if problems:
        raise Invalid(_all(problems))
    content: Content = {}
    for piece in pieces:
        for kind, items in piece.items() if isinstance(piece, dict) else ():
            content.setdefault(kind, []).extend(items)
    return content


def check_alias(alias: str) -> None:
    """Raise Invalid for what cannot be an alias."""
    if not ALIAS.fullmatch(alias):
        raise Invalid(
            f"{alias!r} cannot be an alias: it has 1 to 63 letters, digits, '-', '_' and '.', "
            "a letter or digit first and last"
        )
    if FREIGHT_NAME.fullmatch(alias):
        raise Invalid(f"{alias!r} cannot be an alias: it looks like the name of a Freight")


class _Assembly:
    """One Freight as it is put together."""

    def __init__(self, spec: WarehouseSpec, discovered: Discovered, base: Content | None, look_up: LookUp) -> None:
        self._spec = spec
        self._discovered = discovered
        self._base = base
        self._look_up = look_up

    async def piece(self, subscription: Subscription, version: str | None) -> Content | str:
        """Content with what is picked for one subscription, or the sentence that says what is wrong."""
        if version is None:
            return self._kept(subscription)
        entry = entry_of(subscription, self._discovered)
        if (found := self._chosen(subscription, entry, version)) is None:
            try:
                entry = await self._look_up(subscription, version) or {}
            except DrayageError as error:
                return f"{described(subscription)} was asked for {version!r}: {error}; {self._known(subscription)}"
            found = self._chosen(subscription, entry, version)
        return found or f"{described(subscription)} has no {version!r}; {self._known(subscription)}"

    def _chosen(self, subscription: Subscription, entry: Entry, version: str) -> Content | str | None:
        """What a version means among what was found; None when nothing is meant."""
        field, results, _, _ = shape_of(subscription)
        meant = [one for one in entry.get(results) or [] if option_of(subscription).means(version, one)]
        if len(meant) > 1:
            names = ", ".join(one.get("tag") or one.get("id", "") for one in meant[:SHOWN])
            return f"{version!r} may mean several of {described(subscription)}: {names}"
        if not meant:
            return None
        alone = self._spec.model_copy(update={"subscriptions": [subscription]})
        content = assemble(alone, {field: [entry | {results: meant}]})
        return content.sentence if isinstance(content, Incomplete) else content

    def _kept(self, subscription: Subscription) -> Content | str:
        """What the base has for a subscription."""
        kind = shape_of(subscription)[2]
        if item := _same((self._base or {}).get(kind) or [], subscription):
            kept = {key: value for key, value in item.items() if key != "subscriptionName"}
            if not subscription.further:
                kept["repoURL"] = subscription.wanted.repo_url
            return {kind: [kept | ({"subscriptionName": subscription.name} if subscription.name else {})]}
        lacking = "the Freight cloned has nothing" if self._base is not None else "nothing is picked"
        return f"{lacking} for {described(subscription)}: give {spoken(subscription)}=…; {self._known(subscription)}"

    def _known(self, subscription: Subscription) -> str:
        found = entry_of(subscription, self._discovered).get(shape_of(subscription)[1]) or []
        called = [option_of(subscription).called(one) for one in found]
        more = f" and {len(called) - SHOWN} more" if len(called) > SHOWN else ""
        return f"discovered are {', '.join(called[:SHOWN])}{more}" if called else "nothing was discovered yet"


def _same(items: Sequence[Entry], subscription: Subscription) -> Entry | None:
    """The artifact of a Freight that is this subscription's; by name where several are of one repository."""
    if subscription.further:
        return next((item for item in items if item.get("subscriptionName") == subscription.name), None)
    normalize, chart = option_of(subscription).normalize, subscription.chart and subscription.chart.name
    url = normalize(subscription.wanted.repo_url)
    there = [item for item in items if (normalize(item["repoURL"]), item.get("name")) == (url, chart)]
    return next((item for item in there if item.get("subscriptionName") == subscription.name), next(iter(there), None))


def _all(problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n  ".join([f"{len(problems)} problems, no Freight was made:", *problems])
