"""Recovery: what happened to runs that Prefect or a worker lost, decided from the ledger and Prefect's word."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging import get_run_logger

from blocks.errors import DrayageError
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord, VerificationRecord
from flows.at_work import let_go, living, resume_hanging
from flows.call_off import call_off
from flows.promotion.admission import UNKNOWN
from flows.publish import tell, tell_verification
from flows.stage.pipeline import read_pipelines
from flows.start import bury, resume_elsewhere, start_promotion, start_verification
from flows.world import World

MOST = 500
"""Open promotions and verifications looked at in one sweep."""

MOST_STARTS = 20
"""A run that crashed this often is given up."""

What = Literal["leave", "start", "resume", "replace", "abort", "fail"]


@dataclass(frozen=True)
class Verdict:
    """What to do about one open Promotion or verification, and why; `actor` is whose doing an abort is."""

    what: What
    sentence: str = ""
    actor: str = UNKNOWN

    def calls(self, alive: bool) -> bool:
        """Whether there is anything to do; a run with a living process does not go on elsewhere."""
        return self.what != "leave" and not (self.what in ("resume", "replace") and alive)


def judge(record: PromotionRecord, run: FlowRun | None, now: datetime, lease: timedelta) -> Verdict:
    """Decide what an open Promotion needs, from its record and its flow run; None when it has no run."""
    if run is None or run.state is None:
        old = now - record.created_at > min(lease, timedelta(seconds=10))
        return Verdict("start", "it has no run") if old else Verdict("leave")
    state, since = run.state, now - run.state.timestamp
    if state.is_cancelled() or state.is_cancelling():
        return Verdict("abort", "its run was cancelled in Prefect") if since > lease / 3 else Verdict("leave")
    if state.is_failed():
        return Verdict("fail", state.message or "its run failed")
    if state.is_crashed():
        if run.run_count >= MOST_STARTS:
            return Verdict("fail", f"its run crashed {run.run_count} times: {state.message}")
        return _again(run, "its run crashed")
    if state.is_completed():
        return Verdict("fail", f"its run ended {state.name} without finishing it")
    if state.is_pending() and since > max(lease, timedelta(seconds=30)):
        return _again(run, "its worker never began it")
    if state.is_running() and _abandoned(record, since, now, lease):
        return _again(run, "its worker shows no sign of life")
    return Verdict("leave")


def _again(run: FlowRun, sentence: str) -> Verdict:
    """Let a run go on. One that a script started has no worker to go on in: another takes its place."""
    return Verdict("resume" if run.deployment_id else "replace", sentence)


def _abandoned(record: PromotionRecord, since: timedelta, now: datetime, lease: timedelta) -> bool:
    """Whether nobody works on a run that Prefect calls Running: its lease lapsed, or it never took one.

    A run that has just begun has had no time to take the lease over.
    """
    if since <= lease:
        return False
    return record.phase is not Phase.RUNNING or record.lease_until is None or record.lease_until < now


async def recover(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Put every lost Promotion, verification and run back on its way. Returns a sentence for each."""
    done = await _recover_promotions(here, client, now)
    done += await _recover_verifications(here, client, now)
    done += await resume_hanging(here, client, now)
    for sentence in done:
        get_run_logger().warning("recovered %s", sentence)
    return done


async def _recover_promotions(here: World, client: PrefectClient, now: datetime) -> list[str]:
    open_promotions = await here.ledger.promotions.open(limit=MOST)
    runs = await _runs(client, [each.flow_run_id for each in open_promotions if each.flow_run_id])
    alive = await living(here, runs, now)
    lease, done = timedelta(seconds=here.settings.lease_seconds), []
    for record in open_promotions:
        verdict = judge(record, runs.get(record.flow_run_id or ""), now, lease)
        if verdict.calls(record.flow_run_id in alive):
            done.append(f"{record.name}: {verdict.what}, because {verdict.sentence}")
            with _logged(record.name):
                await _act(here, client, record, verdict, now)
        run = runs.get(record.flow_run_id or "")
        if verdict.what == "abort" and run and run.state.is_cancelling() and record.flow_run_id not in alive:
            # It had left its worker to wait, so nobody else ends it, and until then it takes its queue's only place.
            await let_go(client, run)
    return done


@contextmanager
def _logged(name: str) -> Iterator[None]:
    """Let what goes wrong with one not keep the sweep from the others; the next sweep tries again."""
    try:
        yield
    except DrayageError as error:
        get_run_logger().error("cannot recover %s: %s", name, error)


async def _act(here: World, client: PrefectClient, record: PromotionRecord, verdict: Verdict, now: datetime) -> None:
    promotions = here.ledger.promotions
    if verdict.what == "replace":
        await bury(client, record.flow_run_id or "", f"Another run goes on: {verdict.sentence}.")
    if verdict.what in ("start", "replace"):
        run = await start_promotion(client, record)
        await promotions.attach_run(record.project, record.name, str(run.id))
    elif verdict.what == "resume":
        await resume_elsewhere(client, record.flow_run_id or "", f"Taken up again: {verdict.sentence}.")
    elif verdict.what == "abort":
        aborted = await promotions.abort(record.project, record.name, verdict.actor, verdict.sentence, now)
        await tell(aborted, "promotion.aborted")
    else:
        await _fail(here, record, verdict.sentence, now)
    if verdict.what in ("abort", "fail"):
        await call_off(here, record)


async def _fail(here: World, record: PromotionRecord, sentence: str, now: datetime) -> None:
    """End a Promotion whose run is over. The sweep takes it over first, so that nobody else finishes it too."""
    promotions, owner = here.ledger.promotions, f"sweep/{now.isoformat()}"
    phase = Phase.FAILED
    if record.phase is Phase.RUNNING:
        phase, lease = Phase.ERRORED, now + timedelta(seconds=here.settings.lease_seconds)
        if not isinstance(
            await promotions.start(record.project, record.name, owner, lease, record.collection, now), Started
        ):
            return
    finished = await promotions.finish(record.project, record.name, owner, phase, sentence, now)
    await tell(finished, f"promotion.{phase.lower()}")


async def _recover_verifications(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Let what lost its worker go on: in its own run while that hangs, else in a new one."""
    lease, done = timedelta(seconds=here.settings.lease_seconds), []
    unfinished = await here.ledger.verifications.open(limit=MOST)
    dead = [each for each in unfinished if lost(each, now, lease) or soaks(each, now)]
    runs = await _runs(client, [each.flow_run_id for each in dead if each.flow_run_id])
    alive = await living(here, runs, now)
    pipelines = await read_pipelines(here.ledger, {each.project for each in dead})
    for record in dead:
        run = runs.get(record.flow_run_id or "")
        verdict = judge_soaking(run, now, lease) if soaks(record, now) else judge_lost(run, now, lease)
        if not pipelines[record.project].has(record.stage):
            verdict = Verdict("abort", "its Stage was deleted", CONTROLLER)
        if verdict.calls(record.flow_run_id in alive):
            done.append(f"verification {record.id} of {record.stage}: {verdict.what}, because {verdict.sentence}")
            with _logged(record.id):
                await _act_on_verification(here, client, record, verdict, now)
        if verdict.what == "abort" and run and run.state.is_cancelling() and record.flow_run_id not in alive:
            await let_go(client, run)
    return done


async def _act_on_verification(
    here: World, client: PrefectClient, record: VerificationRecord, verdict: Verdict, now: datetime
) -> None:
    if verdict.what == "replace":
        await bury(client, record.flow_run_id or "", f"Another run goes on: {verdict.sentence}.")
    if verdict.what in ("start", "replace"):
        await start_verification(client, record, str(int(now.timestamp()) // 60))
    elif verdict.what == "resume":
        await resume_elsewhere(client, record.flow_run_id or "", f"Taken up again: {verdict.sentence}.")
    else:
        aborted = await here.ledger.verifications.abort(record.project, record.id, verdict.actor, verdict.sentence, now)
        await tell_verification(aborted)


def lost(record: VerificationRecord, now: datetime, lease: timedelta) -> bool:
    """Whether nobody works on an open verification any more."""
    if record.lease_until is None:
        return now - record.started_at > lease
    return record.lease_until < now


def soaks(record: VerificationRecord, now: datetime) -> bool:
    """Whether its run left the worker until the next measurement."""
    return not record.owner and record.lease_until is not None and record.lease_until >= now


def judge_soaking(run: FlowRun | None, now: datetime, lease: timedelta) -> Verdict:
    """Decide what a verification needs whose run is to go on later: something only when that run never will."""
    if run and run.state and not (run.state.is_final() or run.state.is_cancelling()):
        return Verdict("leave")
    return judge_lost(run, now, lease)


def judge_lost(run: FlowRun | None, now: datetime, lease: timedelta) -> Verdict:
    """Decide what a verification needs that nobody works on, from the flow run that made it."""
    if run is None or run.state is None:
        return Verdict("start", "its run is gone")
    if run.state.is_cancelled() or run.state.is_cancelling():
        return Verdict("abort", "its run was cancelled in Prefect")
    if run.state.is_crashed():
        return _again(run, "its run crashed")
    if run.state.is_final():
        return Verdict("start", f"its run ended {run.state.name} without finishing it")
    if run.state.is_running() and now - run.state.timestamp > lease:
        return _again(run, "its worker shows no sign of life")
    return Verdict("leave")


async def _runs(client: PrefectClient, ids: list[str]) -> dict[str, Any]:
    """Read these runs, all pages at once."""

    async def read(page: Any) -> list[FlowRun]:
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=page))
        return await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=200)

    pages = await asyncio.gather(*(read(ids[start : start + 200]) for start in range(0, len(ids), 200)))
    return {str(run.id): run for page in pages for run in page}
