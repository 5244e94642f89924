"""Whether people have paused what a Stage's promotions run through: its work queue, or the whole work pool."""

import logging
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import WorkQueueFilter, WorkQueueFilterName
from prefect.exceptions import ObjectNotFound

from blocks.ledger.records import Phase, PromotionRecord
from flows.promotion.admission import entering_of
from flows.promotion.decided import of_promotion
from flows.stage.outlook import read_outlook
from flows.start import stage_deployment
from flows.world import World

log = logging.getLogger("drayage")

MOST = 500
"""Open promotions whose Stages' queues are looked at in one sweep."""

PAGE = 200
"""Work queues read at once, Prefect's own limit."""


async def paused_sentence(here: World, project: str, stage: str) -> str:
    """Say that a Stage was paused in Prefect and how it goes on; empty when it is not, or Prefect cannot be asked."""
    if not here.tells:
        return ""
    pool, queue = here.settings.work_pool, stage_deployment(project, stage)
    try:
        async with get_client() as client:
            if (await client.read_work_pool(pool)).is_paused:
                return _pool_paused(pool)
            if (await client.read_work_queue_by_name(queue, work_pool_name=pool)).is_paused:
                return _queue_paused(pool, queue)
    except (ObjectNotFound, httpx.HTTPError):
        return ""
    return ""


async def note_paused(here: World, client: PrefectClient, now: datetime) -> None:
    """Keep in the trail, and so on its Stage's page, that a Promotion waits for what people have paused.

    Its own run cannot say so: it does not begin.
    """
    open_ones = await here.ledger.promotions.open(limit=MOST)
    waiting = [each for each in open_ones if each.phase is Phase.PENDING and not each.target]
    try:
        paused = await _paused(here, client, {stage_deployment(each.project, each.stage) for each in waiting})
    except (ObjectNotFound, httpx.HTTPError) as error:
        log.warning("cannot look which work queues are paused: %s", type(error).__name__)
        return
    by_project: defaultdict[str, list[PromotionRecord]] = defaultdict(list)
    for each in waiting:
        if stage_deployment(each.project, each.stage) in paused:
            by_project[each.project].append(each)
    for project, records in by_project.items():
        await _note(here, project, records, paused, now)


async def _note(
    here: World, project: str, records: list[PromotionRecord], paused: dict[str, str], now: datetime
) -> None:
    outlook = await read_outlook(here.ledger, project, also={each.freight for each in records})
    decided = []
    for each in records:
        if each.stage in outlook.pipeline.stages and each.freight in outlook.freight:
            verification = await here.ledger.verifications.latest(project, each.stage)
            entering = entering_of(outlook, each, verification, paused[stage_deployment(project, each.stage)])
            decided.append(of_promotion(each, entering, entering.gates(now)))
    await here.ledger.gates.note(decided, now)


async def _paused(here: World, client: PrefectClient, names: Collection[str]) -> dict[str, str]:
    """Which of some work queues let nothing through, with the sentence that says why."""
    if not names:
        return {}
    pool = here.settings.work_pool
    if (await client.read_work_pool(pool)).is_paused:
        return {name: _pool_paused(pool) for name in names}
    found: dict[str, str] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), PAGE):
        page = WorkQueueFilter(name=WorkQueueFilterName(any_=wanted[start : start + PAGE]))
        queues = await client.read_work_queues(work_pool_name=pool, work_queue_filter=page, limit=PAGE)
        found |= {each.name: _queue_paused(pool, each.name) for each in queues if each.is_paused}
    return found


def _pool_paused(pool: str) -> str:
    return f"the work pool {pool!r} is paused: resume it in Prefect ('prefect work-pool resume {pool}')"


def _queue_paused(pool: str, queue: str) -> str:
    resume = f"prefect work-queue resume {queue} --pool {pool}"
    return f"the Stage's work queue {queue!r} is paused: resume it in Prefect ('{resume}')"
