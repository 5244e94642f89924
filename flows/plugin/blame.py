"""Whose fault it is when something that others wrote goes wrong."""

import traceback
from pathlib import PurePath
from typing import Any

from blocks.errors import DrayageError, Invalid, Retryable


def worded(origin: str, error: BaseException) -> DrayageError:
    """Say where an error comes from. One that is not ours is told by type and place: its text may hold secrets."""
    if isinstance(error, DrayageError):
        return error if str(error).startswith(origin) else _prefixed(origin, error)
    return Invalid(f"{origin} failed: {type(error).__name__} in {_place(error)}; report it to its authors")


def _prefixed(origin: str, error: DrayageError) -> DrayageError:
    """The same sentence, after where it comes from. A package's own kind of error counts as the leaf it is one of."""
    leaf: type[Any] = next(each for each in type(error).__mro__ if each.__module__ == DrayageError.__module__)
    more = [error.retry_after] if isinstance(error, Retryable) else []
    made: DrayageError = leaf(f"{origin}: {error}", *more)
    return made


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{'/'.join(PurePath(last.filename).parts[-2:])} line {last.lineno}"
