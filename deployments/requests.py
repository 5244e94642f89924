"""What people ask for on the command line or from Python: promote, approve Freight, verify, abort, retry."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from ulid import ULID

from blocks.errors import DrayageError, NotFound, Refused
from blocks.ledger.records import Phase, PromotionRecord
from flows.call_off import call_off, cancel_run
from flows.clean_up import begin_clean_up
from flows.keep_queues import end_what_it_superseded
from flows.promotion.admission import Declined, Wish, admit, check_wish
from flows.promotion.refused import refusals_told
from flows.promotion.retry import retry
from flows.promotion.wish_back import wish_back
from flows.publish import tell, tell_verification
from flows.stage.graph import downstream
from flows.stage.pipeline import read_pipeline
from flows.start import start_promotion, start_verification, start_verification_of
from flows.verify import make_verification
from flows.world import World

POLL = 0.5


async def ask_promotion(here: World, wish: Wish) -> PromotionRecord:
    """Create a Promotion and start its run. Raises Refused or NotFound with the reason before anything is made."""
    record = await admit(here.ledger, wish, datetime.now(UTC), str(ULID()))
    if isinstance(record, Declined):
        raise Refused(record.sentence)
    async with get_client() as client:
        run = await start_promotion(client, record)
    await tell(record, "promotion.created")
    await end_what_it_superseded(here, record)
    return await here.ledger.promotions.attach_run(record.project, record.name, str(run.id))


async def ask_rollback(here: World, wish: Wish) -> PromotionRecord:
    """Take a Stage back: to the wish's Freight, or to the last that was verified there before what it runs.

    Raises Refused or NotFound with the reason before anything is made.
    """
    return await ask_promotion(here, await wish_back(here.ledger, wish, datetime.now(UTC)))


async def ask_promotions(here: World, wishes: Sequence[Wish]) -> tuple[list[PromotionRecord], list[str]]:
    """Create several Promotions and start them; when one may not be, none is made (Kargo: downstream promotion).

    What goes wrong after that check hinders no other Stage: returned are the Promotions, and a sentence for each Stage
    whose Promotion could not be made or started. Raises what went wrong when there is none at all.
    """
    for wish in wishes:
        wanted = f"promote {wish.freight or 'the candidate'} to Stage {wish.stage!r} and others"
        now = datetime.now(UTC)
        async with refusals_told(here.ledger, wish.project, wish.stage, wish.actor, wanted, now):
            await check_wish(here.ledger, wish, now)
    made: list[PromotionRecord] = []
    failed: list[tuple[str, Exception]] = []
    for wish in wishes:
        try:
            made.append(await ask_promotion(here, wish))
        except (DrayageError, httpx.HTTPError, PrefectException) as error:
            failed.append((wish.stage, error))
    if failed and not made:
        raise failed[0][1]
    return made, [f"Stage {stage!r}: {str(error) or type(error).__name__}" for stage, error in failed]


async def stages_below(here: World, project: str, stage: str) -> list[str]:
    """The Stages directly downstream of one (Kargo: `--downstream-from`). Raises NotFound when there is none."""
    pipeline = await read_pipeline(here.ledger, project)
    pipeline.stage(stage)
    specs = {name: each.spec for name, each in pipeline.stages.items()}
    found = [name for name in downstream(specs, stage) if not pipeline.stages[name].control_flow]
    if not found:
        raise NotFound(f"no Stage of project {project!r} with promotion steps is downstream of {stage!r}")
    return found


async def wait_for_promotion(
    here: World, project: str, name: str, say: Callable[[PromotionRecord], None] = lambda _: None
) -> PromotionRecord:
    """Wait until a Promotion has ended; `say` hears of every change of phase."""
    phase: Phase | None = None
    while True:
        record = await here.ledger.promotions.get(project, name)
        if record is None:
            raise NotFound(f"project {project!r} has no Promotion {name!r}")
        if record.phase is not phase:
            say(record)
            phase = record.phase
        if record.phase.terminal:
            return record
        await asyncio.sleep(POLL)


async def ask_verification(here: World, project: str, stage: str, actor: str) -> str:
    """Start another verification of what a Stage runs, or find the one under way. Returns the id of its flow run.

    Raises Refused when the Stage runs nothing, NotFound without such a Stage.
    """
    record = await make_verification(here, project, stage, actor)
    if record and record.flow_run_id:
        return record.flow_run_id
    async with get_client() as client:
        if record is None:
            return str((await start_verification_of(client, project, stage, actor)).id)
        run = await start_verification(client, record, "asked")
    return (await here.ledger.verifications.attach_run(project, record.id, str(run.id))).flow_run_id or str(run.id)


async def abort_verification(here: World, project: str, stage: str, actor: str, reason: str = "") -> str:
    """Abort the verification under way in a Stage. Returns its id. Raises Refused when there is none.

    Its run stops measuring; a run that promotes, which it is a part of, ends as it would have after it.
    """
    latest = await here.ledger.verifications.latest(project, stage)
    if latest is None or latest.phase.terminal:
        raise Refused(f"no verification of Stage {stage!r} is under way")
    aborted = await here.ledger.verifications.abort(project, latest.id, actor, reason, datetime.now(UTC))
    await tell_verification(aborted)
    if aborted.flow_run_id and not await here.ledger.promotions.by_flow_run(aborted.flow_run_id):
        async with get_client() as client:
            await cancel_run(client, aborted.flow_run_id, "The verification was aborted.")
    return aborted.id


async def abort_promotion(here: World, project: str, name: str, actor: str, reason: str = "") -> PromotionRecord:
    """Abort a Promotion, waiting or running, and stop its run. One that has ended is returned as it is."""
    known = await here.ledger.promotions.get(project, name)
    if known is None:
        raise NotFound(f"project {project!r} has no Promotion {name!r}")
    aborted = await here.ledger.promotions.abort(project, name, actor, reason, datetime.now(UTC))
    if aborted.phase is Phase.ABORTED and aborted.flow_run_id:
        async with get_client() as client:
            await cancel_run(client, aborted.flow_run_id)
    await call_off(here, aborted)
    if aborted.phase is Phase.ABORTED and not known.phase.terminal:
        await tell(aborted, "promotion.aborted")
        await begin_clean_up(aborted)
    return aborted


async def retry_promotion(here: World, project: str, name: str, actor: str, reason: str = "") -> PromotionRecord:
    """Have a failed Promotion go on at the step that failed, in a new run. One that has not ended is returned as it is.

    Raises Refused when it did not fail, when its Stage has moved on, and when its Freight may not enter any more.
    """
    known = await here.ledger.promotions.get(project, name)
    if known is None:
        raise NotFound(f"project {project!r} has no Promotion {name!r}")
    if not known.phase.terminal:
        return known
    again = await retry(here.ledger, known, actor, reason, datetime.now(UTC))
    async with get_client() as client:
        run = await start_promotion(client, again)
    await tell(again, "promotion.retried")
    return await here.ledger.promotions.attach_run(project, name, str(run.id))


async def approve_freight(here: World, project: str, stage: str, freight: str, actor: str, comment: str = "") -> bool:
    """Approve Freight for a Stage, past verification and soak but never past origin (Kargo: approve).

    Returns False when it was approved before. The Stage's automation hears of it at the next advance.
    """
    definition = (await read_pipeline(here.ledger, project)).stage(stage)
    found = await here.ledger.freight.find(project, freight)
    if definition.spec.request(found.origin) is None:
        raise Refused(f"Stage {stage!r} takes no Freight from Warehouse {found.origin!r}")
    return await here.ledger.stages.approve(project, stage, found.name, actor, datetime.now(UTC), comment)
