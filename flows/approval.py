"""Approval: the run leaves the worker and waits, with a form in the Prefect UI, until enough people have decided."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from prefect.context import FlowRunContext

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import CONTROLLER, Json, Phase, PromotionRecord
from flows.current_run import CurrentRun
from flows.duration import parse_duration
from flows.people import ANSWER, answers_to, suspend
from flows.promotion.admission import inflated
from flows.promotion.approvers import (
    ApprovalAnswer,
    Vote,
    answerer,
    counted,
    decision_of,
    impossible,
    missing,
    rejected,
    rejection,
    told,
    vote_from,
)
from flows.promotion.result import Form
from flows.promotion.steps import STEPS
from flows.stage.model import Approval
from flows.stage.pipeline import read_pipeline
from flows.world import World

QUESTION = "approval"
"""What the keys of these forms begin with."""

Describe = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Refusal:
    """Why a Promotion does not begin: who said so, and how it ends."""

    phase: Phase
    actor: str
    sentence: str


async def obtain_approval(
    here: World, record: PromotionRecord, run: CurrentRun, approvals: Sequence[Approval], describe: Describe
) -> Refusal | None:
    """Return why people do not let a Promotion begin, None when enough approved. Suspends the run until they have.

    `describe` says in Markdown what they decide about; it is called only before the run suspends.
    Only an answer to the form counts: a run that was pushed on without one asks again, under the next number.
    """
    if reason := impossible(approvals, record.actor, here.settings.identity_key_file is not None):
        return Refusal(Phase.FAILED, CONTROLLER, f"it can never be approved: {reason}")
    since = _since(record) or datetime.now(UTC)
    for key in (f"{QUESTION}-{number}" for number in count(1)):
        if _asked(key):
            continue
        votes, ignored = await _votes(here, record, run, approvals)
        if against := rejection(votes):
            return Refusal(Phase.ABORTED, against.who.actor, rejected(against))
        lacking = missing(approvals, votes, record.actor)
        if not lacking:
            if _since(record):  # else it has its place in the queue already
                await here.ledger.promotions.ask(record.project, record.name, {})
            break
        if late := _late(approvals, since, lacking):
            return Refusal(Phase.FAILED, CONTROLLER, late)
        await here.ledger.promotions.ask(record.project, record.name, _waiting(approvals, since, lacking))
        await suspend(key, await _form(approvals, votes, ignored, lacking, describe, record.actor))
    return None


async def check_askable(ledger: Ledger, project: str, stage: str) -> None:
    """Raise Refused when a run that no deployment started would have to wait for people. Raises NotFound."""
    pipeline = await read_pipeline(ledger, project)
    definition = pipeline.stage(stage)
    why = "needs approval" if pipeline.approval(stage) else ""
    if not why and not definition.control_flow:
        _, steps = await inflated(ledger, project, definition)
        asking = [step["as"] for step in steps if getattr(STEPS.get(step["uses"]), "ASKS", False)]
        why = f"asks people in its step {asking[0]!r}" if asking else ""
    if why:
        raise Refused(
            f"Stage {stage!r} {why}, and only a run of its deployment can wait for them: "
            f"use 'drayage promote -p {project} --stage {stage}'"
        )


async def _votes(
    here: World, record: PromotionRecord, run: CurrentRun, approvals: Sequence[Approval]
) -> tuple[list[Vote], str]:
    """Read what was answered; what counts is kept in the ledger, for later runs of the same Promotion."""
    known = [vote_from(each) for each in await here.ledger.promotions.decisions(record.project, record.name)]
    answers = await answers_to(run.id, QUESTION, here.settings.identity_key_file)
    votes, ignored = counted(approvals, record.actor, answers, known)
    if ignored:
        who, said = answerer(answers[-1]), f"an answer to Promotion {record.name!r} does not count: {ignored}"
        await here.ledger.promotions.note(record.project, record.name, "AnswerIgnored", who, said, answers[-1].at)
    for vote in votes[len(known) :]:
        await here.ledger.promotions.decide(decision_of(record.project, record.name, vote))
    return votes, ignored


def _asked(key: str) -> bool:
    """Whether this run was suspended under this key when it began this time: then the form is filled in, or lost."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and key in (run.empirical_policy.pause_keys or ()))


async def _form(
    approvals: Sequence[Approval], votes: Sequence[Vote], ignored: str, lacking: str, describe: Describe, requester: str
) -> Form:
    lines = ["### Approvals", f"{lacking}."[0].upper() + f"{lacking}."[1:], *told(approvals, votes, ignored, requester)]
    return Form(ApprovalAnswer.model_json_schema(), await describe() + "\n" + "\n\n".join(lines) + "\n")


def _timeout(approvals: Sequence[Approval]) -> Approval:
    """The one that waits the least."""
    return min(approvals, key=lambda each: parse_duration(each.timeout))


def _until(approvals: Sequence[Approval], since: datetime) -> datetime:
    patience: timedelta = parse_duration(_timeout(approvals).timeout)
    return since + patience


def _late(approvals: Sequence[Approval], since: datetime, lacking: str) -> str:
    """The sentence that ends what nobody answered in time, empty while there is time."""
    if datetime.now(UTC) < _until(approvals, since):
        return ""
    timeout = _timeout(approvals).timeout
    return f"it was not approved within {timeout}: {lacking}; promote again to ask anew"


def _waiting(approvals: Sequence[Approval], since: datetime, lacking: str) -> Json:
    until = _until(approvals, since).isoformat()
    wake_when = {"kind": ANSWER, "until": until}
    return {
        "message": f"waits for approval: {lacking}",
        "since": since.isoformat(),
        "until": until,
        "wake_when": wake_when,
    }


def _since(record: PromotionRecord) -> datetime | None:
    """Since when people are asked, from the ledger: the time does not begin anew with each question."""
    said = record.waiting_for.get("since")
    return datetime.fromisoformat(said) if said else None
