"""wait-for-approval: suspend the run until enough people have approved, in the middle of a promotion.

Everything follows from the answers to the step's forms, which are read anew at each attempt: whoever goes on with the
promotion comes to the same end.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field, ValidationError

from flows.model import Model
from flows.promotion.approvers import ApprovalAnswer, same_name
from flows.promotion.model import Duration
from flows.promotion.people import Person, may_answer, nobody_can_be, one_line, signature
from flows.promotion.result import Answer, Failed, Form, StepContext, Succeeded, Waiting

OUTWARD = True
ASKS = True

ASKED_AGAIN = 7 * 86_400.0
"""Seconds after which the run looks after a form that nobody answered."""

WHY_NOT = {
    "nobody": "somebody was not among those who may decide",
    "unnamed": "somebody gave no name, which is needed here",
    "again": "somebody had approved before",
}

Response = dict[str, Any]


class Approver(Person):
    """One who may decide."""

    required: bool = Field(default=False, description="Nothing goes on before this one has approved.")


class Config(Model):
    """Who must approve."""

    approvers: list[Approver] = Field(
        default_factory=list, max_length=50, description="Who may decide; without any, everybody may."
    )
    min_approvals: int = Field(default=1, ge=1, le=50, description="How many different people must approve.")
    poll_interval: Duration = Field(default="30s", description="Kargo's; an answer is noticed at once here.")


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """Count the answers so far, and ask for what is missing."""
    assert ctx.people is not None
    if reason := impossible(config):
        return Failed(reason)
    responses, ignored = counted(config, await ctx.people.answers())
    for each, answer in responses:
        verb = "Approved" if each["action"] == "approve" else "Rejected"
        message = f"{each['user']} {verb.lower()} step {ctx.alias!r}: {each['message'] or 'no comment'}"
        await ctx.people.note(verb, each["user"], message, answer.at)
    return judged(config, [each for each, _ in responses], ignored, ctx)


def impossible(config: Config) -> str:
    """Why this can never be approved, empty when it can be."""
    named = [each for each in config.approvers if each.provable]
    if reason := nobody_can_be(each for each in config.approvers if each.required or not named):
        return reason
    if config.approvers and len(named) < config.min_approvals:
        more = nobody_can_be(config.approvers)
        return f"{config.min_approvals} must approve and {len(named)} can{f': {more}' if more else ''}"
    return ""


def counted(config: Config, answers: Sequence[Answer]) -> tuple[list[tuple[Response, Answer]], str]:
    """The answers that count with what they say, and why the last one did not, empty when it did."""
    kept: list[tuple[Response, Answer]] = []
    ignored = ""
    for answer in answers:
        response = _response(answer)
        ignored = _ignored(config, response, [each for each, _ in kept])
        if response and not ignored:
            kept.append((response | {"user": signature(response["user"])}, answer))
    return kept, ignored


def _response(answer: Answer) -> Response | None:
    """Read one answer; None when it is none of the form's, which somebody who may write to Prefect can make."""
    try:
        said = ApprovalAnswer.model_validate(answer.values)
    except ValidationError:
        return None
    user, message = one_line(said.approver), one_line(said.comment)
    return {"user": user, "action": said.decision, "time": answer.at.isoformat(), "message": message}


def _ignored(config: Config, response: Response | None, before: Sequence[Response]) -> str:
    if response is None or not may_answer(config.approvers, response["user"]):
        return WHY_NOT["nobody"]
    if response["action"] == "reject":
        return ""
    if not response["user"] and config.min_approvals > 1:
        return WHY_NOT["unnamed"]
    return WHY_NOT["again"] if any(_by(each, response["user"]) for each in before) else ""


def judged(
    config: Config, responses: Sequence[Response], ignored: str, ctx: StepContext
) -> Succeeded | Waiting | Failed:
    """What the answers come to: any rejection fails, else everybody who is required and enough must have approved."""
    outputs = {"responses": [*responses]}
    if rejection := next((each for each in responses if each["action"] == "reject"), None):
        comment = f": {rejection['message']}" if rejection["message"] else ""
        return Failed(f"rejected by {rejection['user']}{comment}", outputs=outputs)
    missing = [
        each.name for each in config.approvers if each.required and not any(_by(r, each.name) for r in responses)
    ]
    so_far = f"{len(responses)} of {config.min_approvals} approved"
    if len(responses) >= config.min_approvals and not missing:
        return Succeeded(outputs, so_far)
    told = so_far + (f", needed yet: {', '.join(missing)}" if missing else "")
    schema = ApprovalAnswer.model_json_schema()
    form = Form(schema, _description(config, responses, ignored, told, ctx))
    return Waiting(f"waits for approval: {told}", ASKED_AGAIN, outputs, form=form)


def _by(response: Response, name: str) -> bool:
    return same_name(response["user"], signature(name))


def _description(config: Config, responses: Sequence[Response], ignored: str, told: str, ctx: StepContext) -> str:
    """What stands above the form."""
    lines = [f"## {ctx.stage}: {ctx.alias}", f"Promotion `{ctx.promotion}` of project **{ctx.project}** waits: {told}."]
    if config.approvers:
        named = ", ".join(one_line(each.name) for each in config.approvers if each.provable)
        lines.append(f"Only these may decide: {named}.")
    lines += [f"Approved by {each['user']}." for each in responses]
    if ignored:
        lines.append(f"The last answer did not count: {ignored}.")
    return "\n\n".join(lines) + "\n"
