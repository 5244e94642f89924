"""Measuring with a function of your own, in a module that the worker can import."""

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import Field, JsonValue

from blocks.errors import Invalid
from flows.model import Model
from flows.plugin.apart import Apart
from flows.verification.custom import call_apart, checked
from flows.verification.measuring import Context, Measured, Underway

MARK = "__drayage_metric__"
F = TypeVar("F", bound=Callable[..., Any])

_apart: dict[str, Apart] = {}


def metric(function: F) -> F:
    """Mark a function as one that templates may name: `@metric` over `def error_rate(app: str) -> float`.

    It is called with the template's arguments, in a thread of its own, and returns a number, a list of numbers, JSON,
    or None for "no data".
    """
    setattr(function, MARK, True)
    return function


class PythonFunction(Model):
    """One call."""

    function: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="Module and function, such as `acme.metrics:error_rate`."
    )
    arguments: dict[str, JsonValue] = Field(default_factory=dict, description="What it is called with, by name.")


async def measure(settings: PythonFunction, context: Context) -> Measured | Underway:
    """Call the function. Raises Invalid when there is none, or none that is marked, and what it raises, worded."""
    origin = f"metric function {settings.function!r}"
    apart = _apart.setdefault(settings.function, Apart())

    async def called() -> Measured | Underway:
        function = await asyncio.to_thread(_found, settings.function, origin)
        try:
            inspect.signature(function).bind(**settings.arguments)
        except TypeError as error:
            raise Invalid(f"{origin} cannot be called with these arguments: {error}") from None
        outcome = function(**settings.arguments)
        return checked(await outcome if inspect.isawaitable(outcome) else outcome, origin)

    return await call_apart(apart, called, origin)


def _found(name: str, origin: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise Invalid(f"{origin}: module {error.name or module!r} cannot be imported on this worker") from None
    if not callable(found) or not getattr(found, MARK, False):
        raise Invalid(f"{origin} is no function marked with @metric of flows.verification.python; mark it")
    function: Callable[..., Any] = found
    return function
