"""Measuring from the ledger, in a few queries per project however many Stages it has."""

from collections.abc import Sequence
from datetime import datetime

from blocks.ledger.changes import MOST
from blocks.ledger.ledger import Ledger
from flows.metrics.measures import Measures, measured

DAY = 86_400.0


async def read_measures(
    ledger: Ledger,
    project: str,
    stages: Sequence[str],
    since: datetime,
    now: datetime,
    stage: str | None = None,
    limit: int = MOST,
) -> list[Measures]:
    """Measure a project's Stages from a time until now, or only one of them. `stages` are measured in any case.

    Where more happened than the limit, the time that is measured begins with the oldest of the newest.
    """
    changes = await ledger.changes.list(project, since, stage, limit + 1)
    cut = len(changes) > limit
    if cut:
        changes = changes[1:]
        since = changes[0].at
    freight = {each.freight for each in changes if each.freight}
    found = await ledger.changes.found(project, freight)
    first = await ledger.changes.first_deployed(project, freight)
    return measured(project, stages, changes, found, first, max((now - since).total_seconds(), 1.0) / DAY, cut)
