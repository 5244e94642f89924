"""Whether people have paused what a Stage's promotions run through: its work queue, or the whole work pool."""

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from flows.start import stage_deployment
from flows.world import World


async def paused_sentence(here: World, project: str, stage: str) -> str:
    """Say that a Stage was paused in Prefect and how it goes on; empty when it is not, or Prefect cannot be asked."""
    if not here.tells:
        return ""
    pool, queue = here.settings.work_pool, stage_deployment(project, stage)
    try:
        async with get_client() as client:
            if (await client.read_work_pool(pool)).is_paused:
                return f"the work pool {pool!r} is paused: resume it in Prefect ('prefect work-pool resume {pool}')"
            if (await client.read_work_queue_by_name(queue, work_pool_name=pool)).is_paused:
                resume = f"prefect work-queue resume {queue} --pool {pool}"
                return f"the Stage's work queue {queue!r} is paused: resume it in Prefect ('{resume}')"
    except (ObjectNotFound, httpx.HTTPError):
        return ""
    return ""
