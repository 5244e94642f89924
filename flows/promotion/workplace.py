"""Where one promotion works and what its steps are given there."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from blocks.ledger.records import FreightRecord, PromotionRecord, StepRun
from flows.freight.watched import Watched
from flows.promotion.result import Control, CredentialsFor, StepContext

Json = dict[str, Any]


@dataclass(frozen=True)
class Workplace:
    """A promotion's working directory on this machine, with a note of how far the work in it has come.

    The note tells a directory that a killed process left here, and that is as far as the ledger says, from
    one that must be rebuilt.
    """

    root: Path
    promotion: str

    @property
    def directory(self) -> Path:
        """Where the steps work."""
        return self.root / self.promotion / "work"

    def note(self, finished: list[str]) -> None:
        """Write down which steps are finished in this directory."""
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        draft = self._notes.with_suffix(".tmp")
        draft.write_text(json.dumps(finished))
        draft.replace(self._notes)

    def usable(self, finished: list[str]) -> bool:
        """Whether the directory is here and holds what exactly these steps made."""
        try:
            return self.directory.is_dir() and json.loads(self._notes.read_text()) == finished
        except (OSError, ValueError):
            return False

    async def clear(self) -> None:
        """Make the directory, empty."""
        await self.remove()
        self.directory.mkdir(parents=True)

    async def remove(self) -> None:
        """Remove the directory and its note."""
        await asyncio.to_thread(shutil.rmtree, self.root / self.promotion, ignore_errors=True)

    @property
    def _notes(self) -> Path:
        return self.root / self.promotion / "finished.json"


@dataclass(frozen=True)
class Surroundings:
    """What every step of one promotion shares: the record, the Freight it brings, and the ways outside."""

    record: PromotionRecord
    freight: dict[str, FreightRecord]
    requested: list[str]
    directory: Path
    credentials: CredentialsFor
    git: Any
    argocd: Callable[..., Any]
    ask: Callable[..., Any] | None = None
    control: Control | None = None
    registry: Any = None
    chart_repositories: Any = None
    committing: Callable[..., Any] | None = None
    trailers: dict[str, str] = field(default_factory=dict)
    watched: Watched = field(default_factory=Watched)

    def context(self, run: StepRun, now: datetime) -> StepContext:
        """Build what one step is given."""
        return StepContext(
            work_dir=self.directory,
            project=self.record.project,
            stage=self.record.stage,
            promotion=self.record.name,
            alias=run.alias,
            actor=self.record.actor,
            started_at=run.started_at or now,
            credentials=self.credentials,
            git=self.git,
            argocd=self.argocd,
            ask=self.ask,
            control=self.control,
            registry=self.registry,
            chart_repositories=self.chart_repositories,
            committing=self.committing,
            freight=self.record.freight,
            now=now,
            previous=run.output,
            trailers=self.trailers,
            images=self.artifacts("images"),
            commits=self.artifacts("commits"),
            charts=self.artifacts("charts"),
            requested=self.requested,
            watched=self.watched,
        )

    def artifacts(self, kind: str) -> list[Json]:
        """List one kind of artifact of the whole collection, each with the Warehouse it came from."""
        return [
            {**artifact, "origin": origin}
            for origin, freight in self.freight.items()
            for artifact in freight.content.get(kind) or []
        ]


def trailers(record: PromotionRecord, alias: str) -> dict[str, str]:
    """The lines that make a commit tell by itself why it was made."""
    target = {"Drayage-Target": record.target} if record.target else {}
    return {
        "Drayage-Project": record.project,
        "Drayage-Stage": record.stage,
        **target,
        "Drayage-Freight": f"{record.freight} ({alias})",
        "Drayage-Promotion": record.name,
        "Drayage-Actor": record.actor,
    }
