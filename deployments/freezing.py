"""Stopping all promotions of a project, or of all projects, and letting them go on."""

from datetime import UTC, datetime

import httpx
from prefect.client.orchestration import get_client

from blocks.errors import Invalid, NotFound, Refused
from blocks.ledger.records import Freeze
from flows.advance import announce_ready
from flows.duration import parse_duration
from flows.keep_queues import wake_in_line
from flows.world import World


async def freeze_project(here: World, project: str, reason: str, actor: str, until: str = "") -> Freeze:
    """Let nothing begin in a project, or with an empty name anywhere. What runs goes on to its end.

    `until` is a time or a duration, empty for as long as it takes. Raises NotFound without such a project, Refused
    without a reason, Invalid for an end that cannot be read or is past.
    """
    if not reason.strip():
        raise Refused("a freeze needs a reason, for those who wait: give --reason")
    if project and await here.ledger.definitions.get("Project", "", project) is None:
        raise NotFound(f"there is no project {project!r}; list what there is with: drayage get projects")
    now = datetime.now(UTC)
    freeze = Freeze(project, reason, actor, now, read_until(until, now) if until else None)
    await here.ledger.freezes.freeze(freeze)
    return freeze


async def unfreeze_project(here: World, project: str, actor: str, reason: str = "") -> list[str]:
    """End the freeze of a project, or with an empty name that of all. Who waits goes on at once if Prefect hears it.

    Returns a sentence for each that was woken. Raises Refused when nothing is frozen.
    """
    now = datetime.now(UTC)
    if not await here.ledger.freezes.unfreeze(project, actor, reason, now):
        raise Refused(f"project {project!r} is not frozen" if project else "no freeze of all projects stands")
    try:
        async with get_client() as client:
            woken = await wake_in_line(here, client, now, project or None)
    except httpx.HTTPError:
        return []  # the sweep does it
    await announce_ready(here.ledger, project or None)
    return woken


def read_until(text: str, now: datetime) -> datetime:
    """Read a time (`2026-12-27T08:00:00+01:00`, without an offset in UTC) or a duration from now (`4h`)."""
    try:
        read = datetime.fromisoformat(text)
        at = read if read.tzinfo else read.replace(tzinfo=UTC)
    except ValueError:
        try:
            at = now + parse_duration(text)
        except (Invalid, OverflowError):
            raise Invalid(f"{text!r} is neither a time such as 2026-12-27T08:00Z nor a duration such as 4h") from None
    if at <= now:
        raise Invalid(f"{text!r} is past; give a time to come")
    return at
