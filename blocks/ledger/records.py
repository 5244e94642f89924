"""The rows of the ledger as plain frozen records. Times are aware UTC datetimes; JSON columns are dicts and lists."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

CONTROLLER = "controller:drayage"
"""The actor of what Drayage starts by itself."""


@dataclass(frozen=True)
class Definition:
    """One manifest as applied. Cluster-scoped kinds have an empty project. Never a Secret."""

    kind: str
    project: str
    name: str
    manifest: Json
    generation: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def spec(self) -> Json:
        """The manifest's spec, empty where the kind has none."""
        return self.manifest.get("spec") or {}

    @property
    def labels(self) -> dict[str, str]:
        """The manifest's labels."""
        return (self.manifest.get("metadata") or {}).get("labels") or {}


@dataclass(frozen=True)
class WarehouseStatus:
    """What discovery last saw of one Warehouse. `discovered` and `conditions` have Kargo's shapes.

    `discovered_at` is when all of it was last looked at. `refreshes` holds what was asked for and not handled yet:
    a `token` and, where only a part is meant, a `hint`. `budgets` names whom it asks: kind, host and credential.
    """

    project: str
    name: str
    observed_generation: int = 0
    discovered_at: datetime | None = None
    discovered: Json = field(default_factory=dict)
    conditions: list[Json] = field(default_factory=list)
    last_freight: str = ""
    refresh_requested: str = ""
    refresh_handled: str = ""
    refreshes: list[Json] = field(default_factory=list)
    budgets: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class FreightRecord:
    """One Freight. `content` holds `commits`, `images`, `charts`, `artifacts` in Kargo's shapes."""

    project: str
    name: str
    alias: str
    origin: str
    content: Json
    discovered_at: datetime
    created_at: datetime
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Verified:
    """Since when Freight counts as verified in a Stage, and its longest completed verified stay there."""

    verified_at: datetime
    longest_soak: timedelta | None = None


@dataclass(frozen=True)
class Standing:
    """Where one Freight stands: by Stage name, as Kargo's Freight status.

    `passed` says since when it is through a control-flow Stage, which it never leaves.
    """

    verified_in: dict[str, Verified] = field(default_factory=dict)
    approved_for: dict[str, datetime] = field(default_factory=dict)
    currently_in: dict[str, datetime] = field(default_factory=dict)
    passed: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Visit:
    """One stay of a Freight in a Stage. `left_at` is None while it is there."""

    id: int
    project: str
    stage: str
    origin: str
    freight: str
    promotion: str
    entered_at: datetime
    verified_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True)
class Hold:
    """An older choice of a person that auto-promotion must not undo (Kargo: auto-promotion hold)."""

    project: str
    stage: str
    origin: str
    freight: str
    promotion: str
    actor: str
    created_at: datetime


EVERYWHERE = ""
"""What stands for the name of a project where all are meant."""


@dataclass(frozen=True)
class Freeze:
    """Nothing is promoted in a project, or in all of them, until somebody ends that or its time is over."""

    project: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether its time is not over."""
        return self.until is None or now < self.until


class Phase(StrEnum):
    """The phases of a Promotion, as Kargo's."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERRORED = "Errored"
    ABORTED = "Aborted"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self not in (Phase.PENDING, Phase.RUNNING)


@dataclass(frozen=True)
class PromotionRecord:
    """One request to move one Freight into one Stage, with everything frozen at creation.

    `collection` maps origin to Freight name as the Stage will hold them on success; it is empty until
    the promotion starts. `owner` names the run that works on it and `lease_until` when that claim lapses.
    `intent` is `hold`, `resume` or empty (Kargo: auto-promotion holds). `retries` counts how often people had it go on
    after a failure. `waiting_for` tells what a Running one waits for while no run works on it: `message`, `until` and
    `wake_when`. One with `targets` is a request (Kargo: PromotionRequest): it has one Promotion made for each target,
    which names it as its `request`; a target has `name`, `params` and `labels`. `rollback` names what one that goes
    back takes back, a Promotion or a failed verification, and is empty otherwise.
    """

    project: str
    name: str
    stage: str
    freight: str
    origin: str
    actor: str
    created_at: datetime
    reason: str = ""
    phase: Phase = Phase.PENDING
    message: str = ""
    vars: list[Json] = field(default_factory=list)
    steps: list[Json] = field(default_factory=list)
    collection: dict[str, str] = field(default_factory=dict)
    health_checks: list[Json] = field(default_factory=list)
    intent: str = ""
    flow_run_id: str | None = None
    owner: str = ""
    lease_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retries: int = 0
    waiting_for: Json = field(default_factory=dict)
    request: str = ""
    target: str = ""
    targets: list[Json] | None = None
    rollback: str = ""
    break_glass: bool = False

    @property
    def kind(self) -> str:
        """What Kargo calls it: a Promotion, or with targets a PromotionRequest."""
        return "Promotion" if self.targets is None else "PromotionRequest"


class StepStatus(StrEnum):
    """The statuses of a step, as Kargo's."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    ERRORED = "Errored"
    ABORTED = "Aborted"


@dataclass(frozen=True)
class StepRun:
    """What became of one step so far. `output` is the step's latest output, also of an unfinished attempt."""

    index: int
    alias: str
    uses: str
    status: StepStatus = StepStatus.RUNNING
    attempts: int = 0
    error_count: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    output: Json = field(default_factory=dict)
    continue_on_error: bool = False


@dataclass(frozen=True)
class Decision:
    """What one person said when a Promotion asked for approval. `identity` has the claims that were vouched for."""

    project: str
    promotion: str
    actor: str
    approved: bool
    comment: str
    decided_at: datetime
    authenticated: bool = False
    identity: Json = field(default_factory=dict)


class VerificationPhase(StrEnum):
    """The phases of a verification, as Kargo's."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    ABORTED = "Aborted"
    INCONCLUSIVE = "Inconclusive"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self not in (VerificationPhase.PENDING, VerificationPhase.RUNNING)


@dataclass(frozen=True)
class VerificationRecord:
    """One verification of the collection a Stage holds. `metrics` holds each metric's measurements and verdict.

    They go at `expires_at`, if that is said.
    """

    project: str
    stage: str
    id: str
    collection: dict[str, str]
    promotion: str
    actor: str
    started_at: datetime
    phase: VerificationPhase = VerificationPhase.PENDING
    message: str = ""
    metrics: list[Json] = field(default_factory=list)
    flow_run_id: str | None = None
    owner: str = ""
    lease_until: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class AuditEvent:
    """One line of the append-only trail: who did what to which thing, when, and why.

    `type` is one of Kargo's event types where there is one (`PromotionCreated`), past tense always.
    """

    project: str
    type: str
    subject: str
    actor: str
    message: str
    at: datetime
    data: Json = field(default_factory=dict)
    id: int = 0
