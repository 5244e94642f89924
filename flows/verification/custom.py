"""Metrics that others wrote: functions of installed packages, by entry points of the group `drayage.metrics`.

An entry point leads to a function whose first parameter is a Pydantic model, its settings. It returns the value: a
number, a text, a boolean, a list of numbers, JSON, or None for "no data"; or `Measured` or `Underway` of
`flows.verification.measuring`. It is given what its parameters name, and nothing else:

| parameter | what it is |
| --- | --- |
| `now` | the moment of the measurement, aware, in UTC |
| `http` | `await http.get(url, …)`: guarded and bounded, see `flows.plugin.http.Http` |
| `secret` | `await secret("name")`: what a Secret of the project holds |
| `project`, `stage` | where it is measured |
| `key` | the same for one measurement however often it is begun |
| `metadata` | what `Underway` said last, empty at first |
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from typing import Any, get_type_hints

from pydantic import BaseModel, RootModel, ValidationError, model_validator

from blocks.errors import Invalid, Unavailable
from flows.plugin.apart import Apart, Raised, StillBusy, bridged
from flows.plugin.blame import worded
from flows.plugin.http import Http
from flows.plugin.installed import Installed
from flows.plugin.parameters import asked_for
from flows.verification.json_path import as_floats
from flows.verification.measuring import Context, Measured, Underway

GROUP = "drayage.metrics"
NOUN = "metric provider"
GIVEN = ("now", "http", "secret", "project", "stage", "key", "metadata")
AWAITED = frozenset({"http", "secret"})
LONGEST = 300.0
"""Seconds one call may take; what takes longer returns Underway."""


@dataclass(frozen=True)
class CustomMetric:
    """One function as it was loaded; `model` is what its settings are."""

    model: type[BaseModel]
    function: Callable[..., Any] = field(repr=False)
    needs: frozenset[str]
    origin: str


class Plugin(RootModel[dict[str, Any]]):
    """A metric of an installed package: its name, and its settings."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "Plugin":
        if len(self.root) != 1:
            raise ValueError("'plugin' names exactly one metric of an installed package, with its settings")
        return self

    @property
    def name(self) -> str:
        """Which metric."""
        return next(iter(self.root))


def custom_metric(name: str, found: Any, origin: str) -> CustomMetric:
    """Check that an object is such a function. Raises Invalid with what it lacks."""
    if not inspect.isfunction(found):
        raise Invalid(f"{origin} is no function 'measure(settings, *, …)'")
    needs = asked_for(found, GIVEN, found.__name__, origin)
    if needs & AWAITED and not inspect.iscoroutinefunction(found):
        raise Invalid(f"{origin} asks for {min(needs & AWAITED)!r}, so it must be an 'async def'")
    try:
        model = get_type_hints(found).get(next(iter(inspect.signature(found).parameters)))
    except Exception as error:
        raise Invalid(f"{origin} has annotations that cannot be read ({type(error).__name__})") from None
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        raise Invalid(f"{origin} has no settings that are a Pydantic model")
    return CustomMetric(model, found, needs, origin)


@lru_cache(maxsize=1)
def installed() -> Installed[CustomMetric]:
    """Read what is installed, once per process; loading comes later, one by one."""
    return Installed(tuple(metadata.entry_points(group=GROUP)), NOUN, custom_metric)


async def measure(
    settings: Plugin, context: Context, others: Installed[CustomMetric] | None = None
) -> Measured | Underway:
    """Call the function apart from our own loop, so that whatever it does harms nobody else.

    Raises DrayageError only, each naming where the metric comes from.
    """
    offers = others or installed()
    if settings.name not in offers.names:
        raise Invalid(unknown(settings.name, offers))
    metric, apart = await offers.load(settings.name)
    given = _given(metric.needs, context, asyncio.get_running_loop())
    written = settings.root[settings.name]

    async def called() -> Measured | Underway:
        outcome = metric.function(_validated(metric, written), **given)
        return checked(await outcome if inspect.isawaitable(outcome) else outcome, metric.origin)

    return await call_apart(apart, called, metric.origin)


async def call_apart(apart: Apart, called: Callable[[], Any], origin: str) -> Measured | Underway:
    """Run what others wrote in a thread of its own. Raises Unavailable when it does not end, and what it raises."""
    try:
        outcome: Measured | Underway = await apart.run(called, LONGEST)
    except StillBusy as busy:
        raise Unavailable(f"{origin} {busy}; report it to its authors") from None
    except Raised as raised:
        raise worded(origin, raised.error) from None
    return outcome


def missing(settings: Plugin) -> str:
    """Say that nobody here offers the metric; empty when somebody does."""
    return "" if settings.name in installed().names else unknown(settings.name, installed())


def unknown(name: str, offers: Installed[CustomMetric]) -> str:
    """Say that nobody offers a metric, and which ones there are."""
    known = f"installed are: {', '.join(offers.names)}" if offers.names else "none is installed"
    return f"there is no metric plugin {name!r}; {known}. Install a package with an entry point of group {GROUP!r}"


def checked(found: Any, origin: str) -> Measured | Underway:
    """Make a measurement of what a function returned. Raises Invalid for what is no JSON."""
    if isinstance(found, Measured | Underway):
        return found
    if not _is_json(found):
        raise Invalid(f"{origin} returned a value of type {type(found).__name__}, which is no JSON")
    if isinstance(found, list | tuple) and found and all(_is_number(each) for each in found):
        return Measured(tuple(map(float, found)))
    return Measured(found if _is_number(found) else as_floats(found))


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _is_json(found: Any, depth: int = 0) -> bool:
    if depth > 50:
        return False
    if isinstance(found, Mapping):
        return all(isinstance(key, str) and _is_json(each, depth + 1) for key, each in found.items())
    if isinstance(found, list | tuple):
        return all(_is_json(each, depth + 1) for each in found)
    return found is None or isinstance(found, str | bool | int | float)


def _validated(metric: CustomMetric, written: Any) -> BaseModel:
    try:
        return metric.model.model_validate(written)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in error.errors())
        raise Invalid(f"the settings of {metric.origin} are not valid: {said}") from None


def _given(needs: frozenset[str], context: Context, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    async def secret(name: str) -> dict[str, str]:
        return dict(await context.secret(name, False))

    makers: dict[str, Callable[[], Any]] = {
        "now": lambda: context.now,
        "http": lambda: Http(bridged(context.web.request, loop), "one measurement"),
        "secret": lambda: bridged(secret, loop),
        "project": lambda: context.project,
        "stage": lambda: context.stage,
        "key": lambda: context.key,
        "metadata": lambda: dict(context.metadata),
    }
    return {name: makers[name]() for name in needs}
