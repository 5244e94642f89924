"""What a step says when it returns, and what it is given to work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from blocks.errors import Invalid
from blocks.records import Credentials
from flows.freight.watched import Watched
from flows.promotion.identity import Identity

Outputs = dict[str, Any]

KEPT = frozenset({".git", ".repositories"})
"""Names no step may reach into: what is written there could make Git run a program."""

HEALTH_CHECKS = "_healthChecks"
"""Output under which a step leaves health checks, a list of `{namespace, name, desiredRevisions}` of Applications.

They are kept with the promotion, and no expression sees the key.
"""


@dataclass(frozen=True)
class Succeeded:
    """The step did its work."""

    outputs: Outputs = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True)
class Skipped:
    """There was nothing to do; later steps still find the outputs."""

    message: str
    outputs: Outputs = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """What people are asked: a JSON Schema whose properties are the fields, and Markdown that stands above them.

    With `preview` a preview of the promotion is shown below the Markdown.
    """

    schema: dict[str, Any]
    description: str = ""
    preview: bool = False


@dataclass(frozen=True)
class Waiting:
    """Not yet: ask again in `again_in` seconds. Kargo calls this Running. `outputs` are kept for the next attempt.

    `wake_when` says for what else the step waits, as `{"kind": …}` and what that kind of `flows.wake` needs. The run
    then leaves its worker, and the sweep or a webhook wakes it when that has come. With a `form` the run is suspended
    until somebody has answered it; `ctx.people` has the answer at the next attempt. `rest` waits in the step's own
    way for so many seconds, or less when it notices that it is time.
    """

    message: str
    again_in: float = 2.0
    outputs: Outputs = field(default_factory=dict)
    wake_when: dict[str, Any] = field(default_factory=dict)
    form: Form | None = None
    rest: Callable[[float], Awaitable[object]] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Failed:
    """The world said no. Final unless `terminal` is False, which counts as waiting (Kargo: failed without error)."""

    message: str
    terminal: bool = True
    outputs: Outputs = field(default_factory=dict)


StepResult = Succeeded | Skipped | Waiting | Failed


class CredentialsFor(Protocol):
    """Looks up what opens a repository: `await find("git", repo_url)`; None means anonymous."""

    def __call__(self, cred_type: str, repo_url: str) -> Awaitable[Credentials | None]:
        """Return the first credentials that match, exact before regex, project before shared."""


@dataclass(frozen=True)
class Answer:
    """What somebody answered to a form. Whoever may answer may claim any name: only `identity` was proven.

    `refused` says why what came with the answer proves nothing; such an answer counts for nobody.
    """

    values: dict[str, Any]
    at: datetime
    identity: Identity | None = None
    refused: str = ""


class People(Protocol):
    """What people said to one step, and the audit trail of it."""

    @property
    def proves(self) -> bool:
        """Whether identities can be proven here."""

    async def answers(self) -> list[Answer]:
        """Return the answers to this step's forms, oldest first."""

    async def note(self, verb: str, actor: str, message: str, at: datetime, identity: Identity | None = None) -> None:
        """Write `Promotion<verb>` to the audit trail, once for the same actor and time."""


class Control(Protocol):
    """The few things of the ledger that steps may change; each is done once however often it is called."""

    async def rename_freight(self, freight: str, alias: str) -> None:
        """Give the Freight of a name another alias. Raises NotFound without it, Refused when the alias is another's."""

    async def put_metadata(self, kind: str, name: str, values: dict[str, Any]) -> None:
        """Merge keys into the metadata of a `Stage` or `Freight`. Raises NotFound when there is none of that name."""

    async def record_event(self, step: str, type: str, message: str, actor: str, data: dict[str, Any]) -> bool:
        """Add to the audit trail what a step says, once; False when it has said it before."""


@dataclass(frozen=True)
class StepContext:
    """Everything a step may use. Nothing here knows Prefect.

    `work_dir` is the promotion's own directory; `previous` is this step's output from an earlier attempt or
    an earlier worker, so that a step can attach to what it made; `started_at` is when the step first
    started, the same on every attempt, so that whatever it makes is the same too. `images`, `commits` and
    `charts` are the contents of the Freight collection, each with its `origin` (a Warehouse name) added.
    `freight` is the name of what is promoted, `now` when this attempt began.
    `requested` lists the names of the Warehouses the Stage asks for, in order, and `watched` says what these subscribe
    to. `ask` is `blocks.web.Web.request`, the guarded and paced way to HTTP APIs. `people` is there for steps that
    ask people, `control` for those that change names, metadata or the audit trail. `registry` is
    `blocks.image_registry.ImageRegistry` and `chart_repositories` is `blocks.chart_repository.ChartRepositories`.
    `committing` reads the `blocks.git.committing.Committing` of the installation.
    """

    work_dir: Path
    project: str
    stage: str
    promotion: str
    alias: str
    actor: str
    started_at: datetime
    credentials: CredentialsFor
    git: Any = None
    argocd: Callable[..., Awaitable[Any]] | None = None
    ask: Callable[..., Awaitable[Any]] | None = None
    people: People | None = None
    control: Control | None = None
    registry: Any = None
    chart_repositories: Any = None
    committing: Callable[[], Awaitable[Any]] | None = None
    freight: str = ""
    now: datetime | None = None
    previous: Outputs = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    images: list[dict[str, Any]] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    watched: Watched = field(default_factory=Watched)

    def path(self, relative: str) -> Path:
        """Resolve a path of a config inside the working directory, symlinks included. Raises Invalid outside it.

        A path that begins with a slash begins at the working directory (Kargo).
        """
        root = self.work_dir.resolve()
        resolved = (root / relative.lstrip("/")).resolve()
        if resolved != root and root not in resolved.parents:
            raise Invalid(f"path {relative!r} leads outside the promotion's working directory")
        if kept := KEPT.intersection(resolved.relative_to(root).parts):
            raise Invalid(f"path {relative!r} leads into {min(kept)!r}, which belongs to Git alone")
        return resolved
