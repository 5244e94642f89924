"""The kinds of subscriptions: which credentials open them, where their findings go, and what asks them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from flows.warehouse.asking import Asking, Json
from flows.warehouse.discover_chart import discover_chart
from flows.warehouse.discover_git import discover_git
from flows.warehouse.discover_image import discover_image


@dataclass(frozen=True)
class Kind:
    """One kind: `field` of Kargo's `discoveredArtifacts`, `cred_type` of Kargo's Secrets."""

    field: str
    cred_type: str
    discover: Callable[[Any, Asking], Awaitable[Json]]


KINDS = {
    "git": Kind("git", "git", discover_git),
    "image": Kind("images", "image", discover_image),
    "chart": Kind("charts", "helm", discover_chart),
}
