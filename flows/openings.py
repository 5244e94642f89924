"""Being there when Stages open: an `advance` is scheduled for the moment when a window opens or a freeze ends.

Only for what comes before the next sweep or two; what is further off a later sweep schedules.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
from prefect.client.orchestration import get_client

from blocks.errors import DrayageError
from flows.stage.outlook import Outlook
from flows.start import start_advance

log = logging.getLogger("drayage")

SOON = timedelta(seconds=130)
"""Two sweeps and a little."""


def openings(outlooks: Mapping[str, Outlook], now: datetime) -> dict[str, datetime]:
    """When, by project, something that stops a Stage which promotes by itself ends soon, and nothing else stops it."""
    found: dict[str, datetime] = {}
    for project, outlook in outlooks.items():
        if not outlook.pipeline.windows and not outlook.freezes:
            continue
        for name, stage in outlook.pipeline.stages.items():
            stops = outlook.stops(stage, now) if outlook.pipeline.auto(name) else []
            ends = [each.until for each in stops if each.until]
            if ends and len(ends) == len(stops) and max(ends) - now <= SOON:
                found[project] = min(max(ends), found.get(project, max(ends)))
    return found


async def be_there(found: Mapping[str, datetime]) -> None:
    """Schedule the looks. Asking twice for the same moment makes one; an outage is logged, for the sweep comes too."""
    if not found:
        return
    try:
        async with get_client() as client:
            for project, at in found.items():
                await start_advance(client, project, at)
    except (DrayageError, httpx.HTTPError) as error:
        log.warning("cannot be there when %d projects open, the sweep will: %s", len(found), error)
