"""Discovering one subscription of a further kind, and saying whose fault it is when that fails."""

import asyncio
from typing import Any

from pydantic import ValidationError

from blocks.errors import DrayageError, Unavailable
from flows.plugin.apart import Apart, Raised, StillBusy, bridged
from flows.plugin.blame import worded
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
    if isinstance(error, ValidationError) and error.title == kind.config.__name__:
        return unreadable(kind, error)
    return worded(kind.origin, error)


def _entry(kind: FurtherKind, subscription: FurtherSubscription, asking: Asking, found: Any) -> Json:
    name = asking.name or ""
    return {"name": name, "artifactReferences": references(kind, name, subscription.discovery_limit, found)}
