"""Taking the measurements of one verification, each with its provider."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from blocks.budget import Budgets, asking_for
from blocks.client_credentials import Tokens
from blocks.errors import Invalid
from blocks.web import Web
from flows.duration import parse_duration
from flows.verification.measuring import Context, JobsFor, Measured, ProviderKind, Underway
from flows.verification.model import Metric
from flows.verification.providers import PROVIDERS
from flows.verification.sharing import MOMENT, Sharing

ReadSecrets = Callable[[bool], Awaitable[Mapping[str, Mapping[str, str]]]]
"""Reads the Secrets of the project, or with True those of all projects, by name."""


@dataclass(frozen=True)
class Sampling:
    """What the measurements of one verification have in common.

    `owners` says by secret text which Secret it is of; it grows as providers read Secrets.
    """

    project: str
    stage: str
    verification: str
    web: Web
    budgets: Budgets
    sharing: Sharing
    now: Callable[[], datetime]
    read_secrets: ReadSecrets = field(repr=False)
    jobs: JobsFor = field(repr=False)
    owners: MutableMapping[str, str] = field(default_factory=dict, repr=False)
    ambient: frozenset[str] = frozenset()
    started_at: datetime | None = None
    tokens: Tokens = field(default_factory=Tokens, repr=False)

    async def sample(self, metric: Metric, number: int, metadata: Mapping[str, str]) -> Measured | Underway:
        """Take the measurement of this number, or go on with it. Raises what the provider raises."""
        kind, settings, context = (
            PROVIDERS[metric.provider.kind],
            metric.provider.settings,
            self._context(metric, number),
        )
        with asking_for(f"{self.project}/{self.stage}"):
            if not kind.shared or metadata:
                return await kind.measure(settings, Context(**context, metadata=metadata))
            moment = min(MOMENT, parse_duration(metric.interval) / 2) if metric.interval else MOMENT
            return await self._shared(kind, metric, context, moment)

    async def end(self, metric: Metric, number: int, metadata: Mapping[str, str]) -> None:
        """End what a measurement began. Raises what the provider raises."""
        if end := PROVIDERS[metric.provider.kind].end:
            await end(metric.provider.settings, Context(**self._context(metric, number), metadata=metadata))

    async def _shared(
        self, kind: ProviderKind, metric: Metric, context: dict[str, Any], moment: timedelta
    ) -> Measured | Underway:
        settings = metric.provider.settings
        asked = settings.model_dump_json(by_alias=True, exclude_none=True)
        whose = "" if kind.same_for_all and '"secretRef":' not in asked else self.project
        key = (whose, metric.provider.kind, asked)
        return await self.sharing.ask(key, context["now"], lambda: kind.measure(settings, Context(**context)), moment)

    def _context(self, metric: Metric, number: int) -> dict[str, Any]:
        return {
            "now": self.now(),
            "web": self.web,
            "budgets": self.budgets,
            "secret": self._secret,
            "jobs": self.jobs,
            "tokens": self.tokens,
            "project": self.project,
            "stage": self.stage,
            "key": f"{self.verification}.{metric.name}.{number}",
            "owners": self.owners,
            "ambient": self.ambient,
            "started_at": self.started_at,
            "interval": parse_duration(metric.interval) if metric.interval else timedelta(),
        }

    async def _secret(self, name: str, shared: bool = False) -> Mapping[str, str]:
        found = (await self.read_secrets(shared)).get(name)
        if found is None:
            where = "among the shared ones" if shared else f"in project {self.project!r}"
            raise Invalid(f"there is no Secret {name!r} {where}, which a metric needs: apply it")
        self.owners.update({text: name for text in found.values() if text})
        return found
