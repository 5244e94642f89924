"""Promote: one Freight into one Stage. Gate, ask people, run the steps, verify, hand on.

Every state change is in the ledger before it is told. The body may start again at any time, on any machine: after an
approval, after a crash, after a shutdown. It then goes on from what the ledger knows.
"""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Failed
from ulid import ULID

from blocks.errors import NotFound, Refused
from blocks.ledger.promotion_queue import superseded
from blocks.ledger.promotion_retries import RETRIED
from blocks.ledger.records import Phase, PromotionRecord
from flows.approval import Refusal, check_askable, obtain_approval
from flows.at_work import at_work
from flows.auto_rollback import roll_back_if_wanted
from flows.call_off import call_off
from flows.carry_out import carry_out
from flows.current_run import CurrentRun, current_run, describe, ended, retried_in_prefect
from flows.keep_queues import SUPERSEDED, end_what_it_superseded
from flows.preview import LONGEST_FORM, look_ahead
from flows.promotion.admission import Declined, Wish, admit
from flows.promotion.wish_back import wish_back
from flows.publish import publish_stage, tell
from flows.queue_up import wait_for_turn
from flows.serve_target import serve_target
from flows.stage.pipeline import read_pipeline
from flows.stop import stoppable
from flows.verify import verify_stage
from flows.world import World, world


@flow(name="promote", persist_result=False, validate_parameters=True)
@stoppable
async def promote(
    project: str,
    stage: str,
    freight: str = "",
    reason: str = "",
    warehouse: str = "",
    promotion: str = "",
    rollback: bool = False,
) -> Any:
    """Promote Freight into a Stage.

    Args:
        project: The project.
        stage: The Stage to promote to.
        freight: Alias or name of the Freight; empty for the Stage's current candidate.
        reason: Why, for the audit trail.
        warehouse: Take the candidate of this Warehouse.
        promotion: Continue this Promotion, made before by the command line.
        rollback: Go back: without Freight to the last one that was verified here before.
    """
    here, run = await world(), current_run()
    if not run.deployed:
        await check_askable(here.ledger, project, stage)
    wish = Wish(project, stage, run.actor, freight, warehouse, reason, run.automatic, run.id)
    async with at_work(here, run):
        if rollback and not promotion:
            wish = await wish_back(here.ledger, wish, datetime.now(UTC))
        return await _promote(here, run, wish, promotion)


async def _promote(here: World, run: CurrentRun, wish: Wish, promotion: str) -> State[Any]:
    """From the gate to the end, going on wherever an earlier execution of this run got to."""
    record = await _admitted(here, wish, promotion)
    if isinstance(record, Declined):
        return ended("Skipped", record.sentence)
    record = await _retried(here, run, record)
    alias = await _name(here, run, record)
    if record.target:
        return _final(await serve_target(here, record, run), alias)
    if refusal := await _approved(here, record, run):
        record = await _refuse(here, record, run, refusal)
        if refusal.phase is Phase.ABORTED:
            return ended("Rejected", f"{alias} does not enter {record.stage}: {refusal.sentence}")
    if not record.phase.terminal:
        record = await wait_for_turn(here, record, run)
    if record.phase is Phase.RUNNING:
        record = await carry_out(here, record, run)
    if record.phase is Phase.SUCCEEDED:
        await verify_stage(here, record, run)
    else:
        await call_off(here, record)
        await roll_back_if_wanted(here, record.project, record.stage)
        await publish_stage(here, record.project, record.stage)
    return _final(record, alias)


async def _admitted(here: World, wish: Wish, promotion: str) -> PromotionRecord | Declined:
    """Find the Promotion made for this run, or make it."""
    now = datetime.now(UTC)
    if promotion:
        found = await here.ledger.promotions.get(wish.project, promotion)
        if found is None:
            raise NotFound(f"project {wish.project!r} has no Promotion {promotion!r}")
        if found.stage != wish.stage:
            raise Refused(f"Promotion {promotion!r} is one into Stage {found.stage!r}, not {wish.stage!r}")
        return await here.ledger.promotions.attach_run(wish.project, promotion, wish.flow_run_id or "")
    record = await admit(here.ledger, wish, now, str(ULID()))
    if isinstance(record, PromotionRecord):
        await tell(record, "promotion.created")
        await end_what_it_superseded(here, record)
    return record


async def _retried(here: World, run: CurrentRun, record: PromotionRecord) -> PromotionRecord:
    """Let a failed Promotion go on when somebody pressed "Retry" in the Prefect UI."""
    if record.phase not in RETRIED or record.finished_at is None:
        return record
    if not await retried_in_prefect(run, record.finished_at):
        return record
    again = await here.ledger.promotions.retry(
        record.project, record.name, run.actor, "retried in Prefect", datetime.now(UTC), run.id
    )
    await tell(again, "promotion.retried")
    return again


async def _name(here: World, run: CurrentRun, record: PromotionRecord) -> str:
    freight = await here.ledger.freight.get(record.project, record.freight)
    alias = freight.alias if freight else record.freight[:7]
    tags = [f"project:{record.project}", f"stage:{record.stage}", f"freight:{record.freight}"]
    if record.target:
        tags += [f"target:{record.target}", f"request:{record.request}"]
    await describe(run, f"{_place(record)} ← {alias}", tags)
    return alias


async def _approved(here: World, record: PromotionRecord, run: CurrentRun) -> Refusal | None:
    """Ask people where the Stage's policies say so. Returns why it does not begin, None when they agree."""
    if record.phase is not Phase.PENDING:
        return None
    approvals = (await read_pipeline(here.ledger, record.project)).approvals(record.stage)
    if not approvals:
        return None

    async def describe_it() -> str:
        def say(what: str) -> None:
            get_run_logger().info("preview: %s", what)

        return (await look_ahead(here, record, datetime.now(UTC), say=say)).markdown(LONGEST_FORM)

    return await obtain_approval(here, record, run, approvals, describe_it)


async def _refuse(here: World, record: PromotionRecord, run: CurrentRun, refusal: Refusal) -> PromotionRecord:
    """End a Promotion that people rejected, or did not approve in time."""
    now, promotions = datetime.now(UTC), here.ledger.promotions
    if refusal.phase is Phase.ABORTED:
        refused = await promotions.abort(record.project, record.name, refusal.actor, refusal.sentence, now)
    else:
        refused = await promotions.finish(record.project, record.name, run.owner, refusal.phase, refusal.sentence, now)
    await tell(refused, f"promotion.{refused.phase.lower()}")
    return refused


def _final(record: PromotionRecord, alias: str) -> State[Any]:
    """Tell how the Promotion ended."""
    if record.phase is Phase.SUCCEEDED:
        return ended("Promoted", f"{_place(record)} runs {alias}")
    if superseded(record):
        return ended(SUPERSEDED, f"{alias} does not enter {record.stage}: {record.message}")
    if record.phase is Phase.ABORTED:
        # Cancelled, because Prefect lets a run that is asked to stop end in no other state.
        return Cancelled(name="Aborted", message=record.message or f"the promotion of {alias} was aborted")
    return Failed(name=record.phase.value, message=f"{_place(record)} did not take {alias}: {record.message}")


def _place(record: PromotionRecord) -> str:
    """Where it goes: a Stage, or one of its targets."""
    return f"{record.stage}/{record.target}" if record.target else record.stage
