"""Approval: the run leaves the worker and waits, with a form in the Prefect UI, until enough people have decided."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import ValidationError

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Decision, PromotionRecord
from flows.duration import parse_duration
from flows.promotion.admission import inflated
from flows.promotion.approvers import UNAUTHENTICATED, ApprovalAnswer, approvers, named
from flows.promotion.steps import STEPS
from flows.stage.model import Approval
from flows.stage.pipeline import read_pipeline


class ApprovalForm(RunInput, ApprovalAnswer):
    """Approve or reject this promotion."""


async def obtain_approval(
    ledger: Ledger, record: PromotionRecord, approval: Approval, describe: Callable[[], Awaitable[str]]
) -> str:
    """Return the sentence of a rejection, empty when enough people approved. Suspends the run until they have.

    `describe` says in Markdown what they decide about; it is called only before the run suspends.

    Only an answer to the form counts: a run that was pushed on without one asks again, under the next number.
    """
    for number in count(1):
        decisions = await ledger.promotions.decisions(record.project, record.name)
        if rejection := next((each for each in decisions if not each.approved), None):
            comment = f": {rejection.comment}" if rejection.comment else ""
            return f"rejected by {rejection.actor}{comment}"
        if len(decisions) >= approval.min_approvals:
            break
        key = f"approval-{number}"
        description = "" if _asked(key) else await describe() + _so_far(decisions, approval)
        answer = await _ask(key, approval, description)
        if answer is None:
            get_run_logger().warning("the run was resumed without an answer to its form, so it asks again")
        elif decision := _decision(record, answer, decisions, approval):
            await ledger.promotions.decide(decision)
    return ""


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


def _asked(key: str) -> bool:
    """Whether this run was suspended under this key when it began this time: then the form is filled in, or lost."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and key in (run.empirical_policy.pause_keys or ()))


async def _ask(key: str, approval: Approval, description: str) -> ApprovalForm | None:
    """Suspend the run, or when this question was asked before, return its answer; None when it got none."""
    form: Any = ApprovalForm.with_initial_data(description=description)
    try:
        answer: ApprovalForm = await suspend_flow_run(
            wait_for_input=form,
            key=key,
            timeout=int(parse_duration(approval.timeout).total_seconds()),
        )
    except (ObjectNotFound, ValidationError):
        return None
    return answer


def _so_far(decisions: Sequence[Decision], approval: Approval) -> str:
    """Tell the next person who approved already, where several must."""
    if approval.min_approvals == 1:
        return ""
    names = f", so far {' and '.join(approvers(decisions))}" if decisions else ""
    return f"\n### Approvals\n\n{len(decisions)} of {approval.min_approvals}{names}. Each needs a name of its own.\n"


def _decision(
    record: PromotionRecord, answer: ApprovalForm, decisions: Sequence[Decision], approval: Approval
) -> Decision | None:
    """Make a decision of an answer; None when it is known, or an approval that cannot be told from another."""
    approved, name = answer.decision == "approve", named(answer.approver, decisions)
    if approved and (name in approvers(decisions) or (not name and approval.min_approvals > 1)):
        return None
    return Decision(
        project=record.project,
        promotion=record.name,
        actor=f"{name or 'unnamed approver'}{UNAUTHENTICATED}",
        approved=approved,
        comment=answer.comment,
        decided_at=datetime.now(UTC),
    )
