"""What a function that others wrote asks for by the names of its parameters, beside the config that comes first."""

import inspect
from collections.abc import Callable
from typing import Any

from blocks.errors import Invalid


def asked_for(function: Callable[..., Any], offered: tuple[str, ...], name: str, origin: str) -> frozenset[str]:
    """Return the names of the parameters after the first. Raises Invalid for one that is not on offer."""
    parameters = inspect.signature(function).parameters.values()
    first, *others = [*parameters, None, None][: len(offered) + 3]
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        raise Invalid(f"{origin} has a {name!r} that does not take the config as its first parameter")
    named = [each for each in others if each is not None]
    for each in named:
        if each.name not in offered or each.kind not in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD):
            raise Invalid(
                f"{origin} has a {name!r} with the parameter {each.name!r}; it may have: {', '.join(offered)}"
            )
    return frozenset(each.name for each in named)


def made(found: Any, origin: str) -> Any:
    """Return an object as it is, and of a class an instance. Raises Invalid when that needs arguments."""
    if not inspect.isclass(found):
        return found
    try:
        return found()
    except Exception as error:
        raise Invalid(f"{origin} cannot be made without arguments ({type(error).__name__})") from None
