"""What the outside world hands back: plain frozen records, with no behaviour and no imports of ours."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Credentials:
    """What a repository asks for, and under which name people know it.

    `name` and `owner`, the project whose Secret it is, may be logged, the other fields never; they are kept out of
    the repr.
    """

    name: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    owner: str = ""


@dataclass(frozen=True)
class Platform:
    """`os/architecture[/variant]` of a container image, with the annotations an index gives this platform."""

    os: str
    architecture: str
    variant: str = ""
    annotations: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class ImageDetails:
    """What the manifest and config of one digest say.

    `platforms` is empty for a plain image whose config names none; `created_at` is None when the image
    does not say.
    """

    digest: str
    created_at: datetime | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True)
class Commit:
    """One commit of a branch; `subject` is the first line of its message, `paths` what it changed."""

    id: str
    committed_at: datetime
    author: str
    committer: str
    subject: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tag:
    """One Git tag and the commit it points at; `tagger` and `annotation` only for annotated tags."""

    name: str
    commit_id: str
    created_at: datetime
    author: str
    committer: str
    subject: str
    tagger: str = ""
    annotation: str = ""
    paths: tuple[str, ...] = ()


BudgetKey = tuple[str, str, str]
"""Which budget: kind (`http` or `git`), host, and the credential's name, empty without one."""


@dataclass(frozen=True)
class BudgetState:
    """Where one credential, by its name, stands with one host, as seen at `seen_at`.

    `limit`, `remaining` and `resets_at` as the server said, None where it did not; `waiting` requests wait for
    their turn; before `backing_off_until` nobody asks.
    """

    kind: str
    host: str
    credential: str
    limit: int | None
    remaining: int | None
    resets_at: datetime | None
    waiting: int
    backing_off_until: datetime | None
    seen_at: datetime

    @property
    def key(self) -> BudgetKey:
        """Which budget it is the state of."""
        return (self.kind, self.host, self.credential)


@dataclass(frozen=True)
class Sample:
    """One answer of a metric provider.

    `value` is what conditions see as `result`: a number, a list of numbers, or JSON; None when the
    provider had no data.
    """

    value: Any
    taken_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)


Application = dict[str, Any]
"""An Argo CD Application as the Kubernetes API returns it."""

Health = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown", ""]
