"""wait-for-approval: suspend the run until enough people have approved, in the middle of a promotion.

Everything follows from the answers to the step's forms, which are read anew at each attempt: whoever goes on with the
promotion comes to the same end.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from flows.promotion.approvers import (
    ApprovalAnswer,
    Terms,
    Vote,
    answerer,
    counted,
    impossible,
    missing,
    rejected,
    rejection,
    told,
)
from flows.promotion.model import Duration
from flows.promotion.result import Failed, Form, StepContext, Succeeded, Waiting

OUTWARD = True
ASKS = True

ASKED_AGAIN = 7 * 86_400.0
"""Seconds after which the run looks after a form that nobody answered."""


class Config(Terms):
    """Who must approve."""

    poll_interval: Duration = Field(default="30s", description="Kargo's; an answer is noticed at once here.")


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """Count the answers so far, and ask for what is missing."""
    assert ctx.people is not None
    if reason := impossible([config], ctx.actor, ctx.people.proves):
        return Failed(reason)
    answers = await ctx.people.answers()
    votes, ignored = counted([config], ctx.actor, answers)
    if ignored:
        said = f"an answer to step {ctx.alias!r} does not count: {ignored}"
        await ctx.people.note("AnswerIgnored", answerer(answers[-1]), said, answers[-1].at)
    for each in votes:
        verb = "Approved" if each.approved else "Rejected"
        message = f"{each.who.actor} {verb.lower()} step {ctx.alias!r}: {each.comment or 'no comment'}"
        await ctx.people.note(verb, each.who.actor, message, each.at, each.who.identity)
    return judged(config, votes, ignored, ctx)


def judged(config: Config, votes: Sequence[Vote], ignored: str, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """What the answers come to: any rejection fails, else everybody who is required and enough must have approved."""
    outputs = {"responses": [_response(each) for each in votes]}
    if against := rejection(votes):
        return Failed(rejected(against), outputs=outputs)
    if lacking := missing([config], votes, ctx.actor):
        form = Form(
            ApprovalAnswer.model_json_schema(), _description(config, votes, ignored, lacking, ctx), preview=True
        )
        return Waiting(f"waits for approval: {lacking}", ASKED_AGAIN, outputs, form=form)
    return Succeeded(outputs, f"{len(votes)} of {config.needed(ctx.actor)} approved")


def _response(vote: Vote) -> dict[str, Any]:
    action = "approve" if vote.approved else "reject"
    return {"user": vote.who.actor, "action": action, "time": vote.at.isoformat(), "message": vote.comment}


def _description(config: Config, votes: Sequence[Vote], ignored: str, lacking: str, ctx: StepContext) -> str:
    """What stands above the form."""
    title = [
        f"## {ctx.stage}: {ctx.alias}",
        f"Promotion `{ctx.promotion}` of project **{ctx.project}** waits: {lacking}.",
    ]
    return "\n\n".join([*title, *told([config], votes, ignored, ctx.actor)]) + "\n"
