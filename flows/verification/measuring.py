"""What a metric provider is: a kind of settings, and how one measurement is taken with them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from blocks.budget import Budgets
from blocks.client_credentials import Tokens
from blocks.kubernetes_jobs import Jobs
from blocks.web import Web

Verdict = Literal["Successful", "Failed", "Inconclusive", "Error"]
SecretFor = Callable[[str, bool], Awaitable[Mapping[str, str]]]
"""Reads a Secret: `await secret(name, shared)`, `shared` for those of all projects. Raises Invalid without it."""

JobsFor = Callable[[], Awaitable[Jobs]]
"""Connects to the project's cluster for Jobs: `await jobs()`. Raises NotFound when none is configured."""


@dataclass(frozen=True)
class Context:
    """What one measurement may know and use.

    `now` is its moment, of which anything in a range of time is said. `key` is the same for one measurement however
    often it is begun (`<verification>.<metric>.<number>`): name after it whatever is started outside. `metadata` is
    what `Underway` said last, empty at first. `owners` says which Secret a text comes from, `ambient` for
    which clouds (`aws`) a metric may use what this machine is. The verification `started_at`, and the metric is
    measured each `interval`.
    """

    now: datetime
    web: Web = field(repr=False)
    budgets: Budgets = field(repr=False)
    secret: SecretFor = field(repr=False)
    jobs: JobsFor = field(repr=False)
    tokens: Tokens = field(default_factory=Tokens, repr=False)
    project: str = ""
    stage: str = ""
    key: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict, repr=False)
    ambient: frozenset[str] = frozenset()
    started_at: datetime | None = None
    interval: timedelta = timedelta()

    def account(self, *texts: str) -> str:
        """Name the Secret whose value is in one of the texts, for `web.request` and `budgets.of`; empty for none."""
        names = {name for secret, name in self.owners.items() if any(secret in text for text in texts)}
        return f"{self.project}/{min(names)}" if names else ""


@dataclass(frozen=True)
class Measured:
    """One answer. `value` is what conditions see as `result`.

    A float or an int; a tuple of floats for several numbers of one kind; None for "no data"; or a JSON document (dict
    or list), all of whose numbers are floats. With a `verdict` the provider judges itself, and conditions do not.
    `metadata` is shown to people, as is the value, or `shown` in its place; of `logs` the ledger keeps the end, an
    artifact all.
    """

    value: Any
    metadata: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    message: str = ""
    logs: str = ""
    shown: Any = None


@dataclass(frozen=True)
class Underway:
    """What was begun has not ended: ask again after so many seconds, with this metadata, perhaps on another worker."""

    seconds: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


Measure = Callable[[Any, Context], Awaitable[Measured | Underway]]
"""Takes one measurement: `await measure(settings, context)`.

Raises the leaves of `blocks.errors`. Whatever it raises makes the measurement an Error, never a verdict; a Retryable's
`retry_after` puts the next one off.
"""


End = Callable[[Any, Context], Awaitable[None]]
"""Ends what a measurement began and nobody wants any more: `await end(settings, context)`. Does no harm twice."""


@dataclass(frozen=True)
class ProviderKind:
    """One provider.

    Those that only ask are `shared`: who asks the same at the same moment gets the same answer; `same_for_all` says
    that the settings tell all, so that also who asks in another project does.
    """

    settings: type[BaseModel]
    measure: Measure
    description: str
    shared: bool = True
    same_for_all: bool = False
    end: End | None = None
