"""Kinds of steps from installed packages: entry points of the group `drayage.steps`.

An entry point leads to a function whose first parameter is a Pydantic model, or to a module, object or class with such
a model as `Config` and a function `run`. Either is given what its parameters name, and nothing else:

| parameter | what it is |
| --- | --- |
| `work_dir` | the promotion's working directory, a `Path` |
| `path` | `path("out/values.yaml")`: a `Path` in it; Invalid for one that leads outside or into Git's own |
| `credentials` | `await credentials("git", repo_url)`: what the project knows for a repository, or None |
| `http` | `await http.get(url, …)`: guarded and bounded, see `flows.plugin.http.Http` |
| `freight` | the Freight: lists `images`, `commits` and `charts`, as expressions see them |
| `context` | `project`, `stage`, `promotion`, `alias` and `actor` |
| `previous` | what the step put out at an earlier attempt, so that it finds what it made |
| `started_at` | when the step first started, the same at every attempt, aware, in UTC |
"""

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict

from blocks.errors import Invalid, Unavailable
from flows.plugin.apart import Apart, Raised, StillBusy, bridged
from flows.plugin.blame import worded
from flows.plugin.http import Http
from flows.plugin.parameters import asked_for, made
from flows.promotion.attempt import validated
from flows.promotion.result import Failed, Skipped, StepContext, StepResult, Succeeded, Waiting

GIVEN = ("work_dir", "path", "credentials", "http", "freight", "context", "previous", "started_at")
"""The parameters a step's function may have beside the config."""

AWAITED = frozenset({"credentials", "http"})
"""What only a coroutine function can use."""

LONGEST_ATTEMPT = 3_600.0
"""Seconds one attempt may take; a step that waits for longer returns Waiting."""

LARGEST = 256 * 1024
"""Bytes of a step's outputs as JSON, as Kargo's."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Freight:
    """What the promotion brings, each artifact with its `origin`, the name of a Warehouse."""

    images: list[Json]
    commits: list[Json]
    charts: list[Json]


@dataclass(frozen=True)
class Context:
    """Which promotion a step belongs to."""

    project: str
    stage: str
    promotion: str
    alias: str
    actor: str


class Unchecked(BaseModel):
    """Any settings: a model that others wrote may do anything, so it is asked apart from our own loop."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class CustomStep:
    """One kind as it was loaded; it has the shape of a step module, see `flows.promotion.steps`.

    `model` is what its settings are in truth.
    """

    model: type[BaseModel]
    function: Callable[..., Any] = field(repr=False)
    needs: frozenset[str]
    origin: str
    OUTWARD: bool = True
    TIMEOUT: float | None = None
    Config: type[BaseModel] = Unchecked
    apart: Apart = field(default_factory=Apart, repr=False)

    async def run(self, config: BaseModel, ctx: StepContext) -> StepResult:
        """Do one attempt apart from our own loop, so that whatever the function does harms nobody else.

        Raises DrayageError only, each naming where the kind comes from.
        """
        loop = asyncio.get_running_loop()
        arguments = given(self.needs, ctx, loop)

        async def called() -> StepResult:
            try:
                settings = validated(self.model, config.model_dump())
            except Invalid as error:
                return Failed(str(error))
            found = self.function(settings, **arguments)
            return checked(self.origin, await found if inspect.isawaitable(found) else found)

        try:
            result: StepResult = await self.apart.run(called, LONGEST_ATTEMPT)
        except StillBusy as busy:
            raise Unavailable(f"{self.origin} {busy}; report it to its authors") from None
        except Raised as raised:
            raise worded(self.origin, raised.error) from None
        return result


def custom_step(name: str, found: Any, origin: str) -> CustomStep:
    """Check that an object is a kind of step. Raises Invalid with what it lacks."""
    model: Any
    function: Any
    if inspect.isfunction(found):
        model, function, called = _first_model(found, origin), found, found.__name__
    else:
        kind = made(found, origin)
        model, function, called = getattr(kind, "Config", None), getattr(kind, "run", None), "run"
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        raise Invalid(f"{origin} has no config that is a Pydantic model")
    if not inspect.isroutine(function):
        raise Invalid(f"{origin} has no function 'run(config, *, …)'")
    needs = asked_for(function, GIVEN, called, origin)
    if needs & AWAITED and not inspect.iscoroutinefunction(function):
        raise Invalid(f"{origin} asks for {min(needs & AWAITED)!r}, so its {called!r} must be an 'async def'")
    outward, timeout = getattr(found, "OUTWARD", True), getattr(found, "TIMEOUT", None)
    if not isinstance(outward, bool) or not (timeout is None or (isinstance(timeout, int | float) and timeout > 0)):
        raise Invalid(f"{origin} has an OUTWARD that is no bool, or a TIMEOUT that is no number of seconds")
    return CustomStep(model, function, needs, origin, outward, timeout)


def _first_model(function: Any, origin: str) -> Any:
    """The type of a function's first parameter."""
    first = next(iter(inspect.signature(function).parameters), "")
    try:
        return get_type_hints(function).get(first)
    except Exception as error:
        raise Invalid(f"{origin} has annotations that cannot be read ({type(error).__name__})") from None


def given(needs: frozenset[str], ctx: StepContext, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """Make what a kind's function is called with, beside the config."""
    makers: dict[str, Callable[[], Any]] = {
        "work_dir": lambda: ctx.work_dir,
        "path": lambda: ctx.path,
        "credentials": lambda: bridged(ctx.credentials, loop),
        "http": lambda: Http(bridged(_way_outside(ctx), loop), "one attempt of a step"),
        "freight": lambda: Freight(ctx.images, ctx.commits, ctx.charts),
        "context": lambda: Context(ctx.project, ctx.stage, ctx.promotion, ctx.alias, ctx.actor),
        "previous": lambda: dict(ctx.previous),
        "started_at": lambda: ctx.started_at,
    }
    return {name: makers[name]() for name in needs}


def _way_outside(ctx: StepContext) -> Any:
    if ctx.ask is None:
        raise Invalid("there is no way to HTTP servers here")
    return ctx.ask


def checked(origin: str, found: Any) -> StepResult:
    """Return a result whose outputs are JSON. Raises Invalid for anything else."""
    if found is None:
        return Succeeded()
    if not isinstance(found, Succeeded | Skipped | Waiting | Failed):
        raise Invalid(
            f"{origin} returned a value of type {type(found).__name__}, not Succeeded, Skipped, Waiting or Failed; "
            "report it to its authors"
        )
    if isinstance(found, Waiting) and (found.form or found.wake_when):
        raise Invalid(f"{origin} returned a Waiting with a form or wake_when, which only built-in steps may")
    return replace(found, outputs=_outputs(origin, found.outputs))


def _outputs(origin: str, outputs: Any) -> Json:
    """The outputs as they come back from JSON, so that nothing else is ever kept."""
    try:
        text = json.dumps(outputs, allow_nan=False, ensure_ascii=False)
        size, read = len(text.encode()), json.loads(text)
    except (TypeError, ValueError, RecursionError):
        text, size, read = "", 0, None
    if not isinstance(read, dict) or "\\u0000" in text:
        raise Invalid(f"{origin} returned outputs that are no JSON object; report it to its authors")
    if size > LARGEST:
        raise Invalid(f"{origin} returned {size} bytes of outputs, the most is {LARGEST}")
    return read
