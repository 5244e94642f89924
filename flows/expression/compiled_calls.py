"""Compiles calls: of functions from outside, of methods, of built-ins."""

from collections.abc import Callable
from typing import Any

from blocks.errors import DrayageError
from flows.expression import builtin_collections, builtin_numbers, builtin_text, builtin_times
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.runs import NOTHING, Compile, Run, located
from flows.expression.syntax import Builtin, Call, Name
from flows.expression.values import known, type_name

FUNCTIONS = {
    **builtin_collections.TABLE,
    **builtin_numbers.TABLE,
    **builtin_text.TABLE,
    **builtin_times.TABLE,
}
"""Built-ins that take plain arguments: function, least and most arguments."""


def call(node: Call, compile_: Compile) -> Run:
    """Compile a call of a function of the environment or of a method."""
    callee, at = compile_(node.callee), node.at
    name = node.callee.name if isinstance(node.callee, Name) else "the method"
    arguments = [compile_(argument) for argument in node.arguments]

    def run(frame: Frame) -> Any:
        function = callee(frame)
        if function is NOTHING:
            return NOTHING
        if not callable(function):
            what = "there is no function" if function is None else f"{type_name(function)} is no function:"
            raise ExpressionError(f"{what} {name}", at)
        value = known(_called(function, name, [argument(frame) for argument in arguments], at))
        frame.budget.write(len(value) if value.__class__ is str else 0)
        frame.budget.look_at_clock()
        return value

    return located(run, at)


def _called(function: Callable[..., Any], name: str, arguments: list[Any], at: int) -> Any:
    """Call a function from outside; our own errors pass, so that what may succeed later is still retried."""
    try:
        return function(*arguments)
    except (Fault, DrayageError):
        raise
    except TypeError:
        raise ExpressionError(f"{name} cannot be called with these {len(arguments)} arguments", at) from None
    except Exception as error:
        raise ExpressionError(f"{name} fails with {type(error).__name__}", at) from error


def builtin(node: Builtin, compile_: Compile) -> Run:
    """Compile a call of a built-in that takes plain arguments."""
    function, least, most = FUNCTIONS[node.name]
    if not least <= len(node.arguments) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise ExpressionError(f"{node.name} takes {count} arguments, not {len(node.arguments)}", node.at)
    arguments = [compile_(argument) for argument in node.arguments]

    def run(frame: Frame) -> Any:
        frame.budget.step()
        return function(frame, *[argument(frame) for argument in arguments])

    return located(run, node.at)
