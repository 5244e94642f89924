"""Approval: the run leaves the worker and waits, with a form in the Prefect UI, until enough people have decided."""

from datetime import UTC, datetime
from typing import Any, Literal

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Decision, PromotionRecord
from flows.current_run import CurrentRun
from flows.duration import parse_duration
from flows.stage.model import Approval


class ApprovalForm(RunInput):
    """Approve or reject this promotion."""

    # No default: a form of defaults would be approved by an empty resume.
    decision: Literal["approve", "reject"] = Field(description="Whether this Freight may enter the Stage.")
    approver: str = Field(default="", max_length=200, description="Your name, for the audit trail (unauthenticated).")
    comment: str = Field(default="", max_length=2000, description="Why, for the audit trail.")


async def obtain_approval(
    ledger: Ledger, record: PromotionRecord, approval: Approval, run: CurrentRun, description: str
) -> str:
    """Return the sentence of a rejection, empty when enough people approved. Suspends the run until they have.

    Raises Refused when this run cannot be suspended because no deployment started it.
    """
    while True:
        decisions = await ledger.promotions.decisions(record.project, record.name)
        if rejection := next((each for each in decisions if not each.approved), None):
            comment = f": {rejection.comment}" if rejection.comment else ""
            return f"rejected by {rejection.actor}{comment}"
        if len(decisions) >= approval.min_approvals:
            return ""
        if not run.deployed:
            raise Refused(
                f"Stage {record.stage!r} needs approval, and only a run of its deployment can wait for it: "
                f"use 'drayage promote -p {record.project} --stage {record.stage}'"
            )
        await ledger.promotions.decide(await _ask(record, approval, len(decisions) + 1, description))


async def _ask(record: PromotionRecord, approval: Approval, number: int, description: str) -> Decision:
    form: Any = ApprovalForm.with_initial_data(description=description)
    answer = await suspend_flow_run(
        wait_for_input=form,
        key=f"approval-{number}",
        timeout=int(parse_duration(approval.timeout).total_seconds()),
    )
    return Decision(
        project=record.project,
        promotion=record.name,
        actor=f"{answer.approver.strip() or f'approver {number}'} (unauthenticated)",
        approved=answer.decision == "approve",
        comment=answer.comment,
        decided_at=datetime.now(UTC),
    )
