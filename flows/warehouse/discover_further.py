"""Discovering one subscription of a further kind, and saying whose fault it is when that fails."""

import asyncio
import traceback
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from blocks.errors import DrayageError, Invalid, Retryable, Unavailable
from flows.warehouse.apart import Apart, Raised, StillBusy, bridged
from flows.warehouse.asking import Asking, Json
from flows.warehouse.further import FurtherKind, read_config, references, unreadable
from flows.warehouse.given import given
from flows.warehouse.model import FurtherSubscription

SECONDS = 60.0
"""Within these an installed kind has to answer."""


async def discover_trusted(kind: FurtherKind, subscription: FurtherSubscription, asking: Asking) -> Json:
    """Discover by a kind of our own, in our own loop. Raises what it raises, and Invalid for a config it refuses."""
    try:
        config = read_config(kind, subscription)
    except ValidationError as error:
        raise unreadable(kind, error) from None
    return _entry(kind, subscription, asking, await kind.discover(config, **given(kind, subscription, asking)))


async def discover_installed(
    kind: FurtherKind, apart: Apart, subscription: FurtherSubscription, asking: Asking, seconds: float = SECONDS
) -> Json:
    """Discover by a kind that others wrote, apart from our own loop, so that whatever it does harms nobody else.

    Raises DrayageError only, each naming where the kind comes from.
    """
    loop = asyncio.get_running_loop()
    needs = given(kind, subscription, asking, lambda ask: bridged(ask, loop))

    async def discovered() -> Json:
        found = await kind.discover(read_config(kind, subscription), **needs)
        return _entry(kind, subscription, asking, found)

    try:
        entry: Json = await apart.run(discovered, seconds)
    except StillBusy as busy:
        raise Unavailable(f"{kind.origin} {busy}; report it to its authors") from None
    except Raised as raised:
        raise _worded(kind, raised.error) from None
    return entry


def _worded(kind: FurtherKind, error: BaseException) -> DrayageError:
    """What it worded itself stays; anything else is told by type and place, as its text may hold secrets."""
    if isinstance(error, ValidationError) and error.title == kind.config.__name__:
        return unreadable(kind, error)
    if isinstance(error, DrayageError):
        return error if str(error).startswith(kind.origin) else _prefixed(kind, error)
    return Invalid(f"{kind.origin} failed: {type(error).__name__} in {_place(error)}; report it to its authors")


def _prefixed(kind: FurtherKind, error: DrayageError) -> DrayageError:
    """The same sentence, after where it comes from. A package's own kind of error counts as the leaf it is one of."""
    leaf: type[Any] = next(each for each in type(error).__mro__ if each.__module__ == DrayageError.__module__)
    more = [error.retry_after] if isinstance(error, Retryable) else []
    made: DrayageError = leaf(f"{kind.origin}: {error}", *more)
    return made


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{'/'.join(PurePath(last.filename).parts[-2:])} line {last.lineno}"


def _entry(kind: FurtherKind, subscription: FurtherSubscription, asking: Asking, found: Any) -> Json:
    name = asking.name or ""
    return {"name": name, "artifactReferences": references(kind, name, subscription.discovery_limit, found)}
