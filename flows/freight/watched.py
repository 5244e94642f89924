"""Which of the Warehouses a Stage asks for may bring an artifact: those that subscribe to it (Kargo §7).

Whether a name is ambiguous must not depend on which Freight has come so far: a template that works with the first
Warehouse's Freight would break when the second's arrives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flows.warehouse.model import Subscription
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image


@dataclass(frozen=True)
class Watched:
    """What the Warehouses a Stage asks for subscribe to, by their names in order; None for one that does not exist."""

    warehouses: Mapping[str, Sequence[Subscription] | None] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """The Warehouses that the Stage asks for and that do not exist."""
        return [name for name, subscriptions in self.warehouses.items() if subscriptions is None]

    @property
    def images(self) -> dict[str, list[str]]:
        """All image repositories, and which Warehouses watch each."""
        found: dict[str, list[str]] = {}
        for name, subscriptions in self.warehouses.items():
            for repository in {normalize_image(each.image.repo_url) for each in subscriptions or () if each.image}:
                found.setdefault(repository, []).append(name)
        return found

    def commit(self, repo_url: str) -> list[str]:
        """The Warehouses that watch a Git repository."""
        wanted = normalize_git(repo_url)
        return self._where(lambda each: bool(each.git) and normalize_git(each.wanted.repo_url) == wanted)

    def image(self, repo_url: str) -> list[str]:
        """The Warehouses that watch an image repository."""
        return self.images.get(normalize_image(repo_url), [])

    def chart(self, repo_url: str, name: str) -> list[str]:
        """The Warehouses that watch a chart."""
        wanted = (normalize_chart(repo_url), name)
        return self._where(
            lambda each: bool(each.chart) and (normalize_chart(each.wanted.repo_url), each.wanted.name or "") == wanted
        )

    def artifact(self, subscription: str) -> list[str]:
        """The Warehouses that have a further subscription of a name."""
        return self._where(lambda each: bool(each.further) and each.name == subscription)

    def _where(self, fits: Callable[[Subscription], bool]) -> list[str]:
        return [name for name, subscriptions in self.warehouses.items() if any(map(fits, subscriptions or ()))]
