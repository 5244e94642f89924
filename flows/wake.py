"""Waking promotions that left their worker: what they wait for is looked at for all of them at once.

A step says what it waits for (`wake_when`, with a `kind` of the table here). The sweep asks in batches, a webhook for
what it tells of; either lets the run go on, whose step then looks for itself.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.logging import get_run_logger

from blocks.errors import DrayageError
from blocks.ledger.records import PromotionRecord
from flows.fan_out import TARGETS, ended_targets
from flows.github_waits import changed_issues, completed_runs
from flows.people import ANSWER, overdue
from flows.promotion.github_steps import ISSUE, RUN
from flows.promotion.pull_requests import KIND
from flows.pull_requests import closed_pull_requests, waits_for_it
from flows.start import resume_elsewhere
from flows.world import World

Look = Callable[[World, Sequence[PromotionRecord]], Awaitable[list[PromotionRecord]]]
"""Looks at what promotions wait for and returns those for which it has come."""

LOOKS: dict[str, Look] = {
    ANSWER: overdue,
    TARGETS: ended_targets,
    KIND: closed_pull_requests,
    RUN: completed_runs,
    ISSUE: changed_issues,
}


async def wake_waiting(here: World, client: PrefectClient) -> list[str]:
    """Let go on what has got what it waits for. Returns names with "woken"; an outage of one kind hinders no other."""
    by_kind: defaultdict[str, list[PromotionRecord]] = defaultdict(list)
    for record in await here.ledger.promotions.waiting():
        by_kind[str(record.waiting_for["wake_when"].get("kind"))].append(record)
    done: list[str] = []
    for kind, records in by_kind.items():
        if look := LOOKS.get(kind):
            try:
                done += [record.name for record in await look(here, records) if await wake(client, record)]
            except DrayageError as error:
                get_run_logger().warning("cannot look what %d promotions wait for: %s", len(records), error)
    return [f"{name}: woken" for name in done]


async def wake(client: PrefectClient, record: PromotionRecord) -> bool:
    """Let one run go on now; False when it does already, or is over."""
    run = await client.read_flow_run(UUID(record.flow_run_id))
    if run.state is None or not (run.state.is_scheduled() or run.state.is_paused()):
        return False
    await resume_elsewhere(client, run.id, f"Woken: {record.waiting_for.get('message', '')}")
    return True


async def wake_pull_request(here: World, repo_url: str, number: int) -> list[str]:
    """Let go on what waits for one pull request, because something tells that it was merged or closed.

    Returns the names of the promotions. Telling it wrongly or twice does no harm: their step looks for itself.
    """
    waiting = waits_for_it(await here.ledger.promotions.waiting(), repo_url, number)
    async with get_client() as client:
        return [record.name for record in waiting if await wake(client, record)]
