"""How one subscription is asked: through what, for whom, and with what is known already."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.records import Credentials
from flows.promotion.result import CredentialsFor

Json = dict[str, Any]


@dataclass(frozen=True)
class Hint:
    """What somebody says has changed, so that only that need be examined. Empty fields say nothing.

    `repo_url` is where, in any spelling; discovery has compared it before a subscription is asked.
    """

    tag: str = ""
    branch: str = ""
    commit: str = ""
    paths: tuple[str, ...] = ()
    repo_url: str = ""


@dataclass(frozen=True)
class Sources:
    """The ways outside that discovery needs, and the seconds one subscription may take: a first clone is long.

    `confirm_after`: after that long it is looked again whether an image's tag still points at the same.
    """

    registry: Any
    git: Any
    cache: Any
    credentials: CredentialsFor
    charts: Any = None
    web: Any = None
    index: Any = None
    confirm_after: timedelta = timedelta(hours=1)
    timeout: float = 120.0
    git_timeout: float = 1_000.0


@dataclass(frozen=True)
class Asking:
    """One subscription being asked.

    `before` is its entry of the last discovery when its Warehouse has not been changed since. `thorough`: a person
    asked, so what is thought to be known is looked at again.
    """

    sources: Sources
    now: datetime
    name: str | None = None
    credentials: Credentials | None = None
    before: Json | None = None
    hint: Hint | None = None
    thorough: bool = False
