"""get-user-input: suspend the run until somebody has filled in a form, whose values later steps see."""

from typing import Any

from pydantic import Field, field_validator

from flows.model import Model
from flows.promotion.approvers import ApprovalAnswer
from flows.promotion.json_schema import schema_problems, value_problems, without_patterns
from flows.promotion.model import Duration
from flows.promotion.people import Person, Who, may_answer, nobody_can_be, one_line
from flows.promotion.result import Answer, Failed, Form, StepContext, Succeeded, Waiting

OUTWARD = True
ASKS = True

ASKED_AGAIN = 7 * 86_400.0
"""Seconds after which the run looks after a form that nobody answered."""

LONGEST_NAME = 200

Json = dict[str, Any]


class Config(Model):
    """What to ask whom."""

    # `schema` is the name of a method of Pydantic's models.
    schema_: Json = Field(alias="schema", description="JSON Schema of an object; its properties become the fields.")
    responders: list[Person] = Field(
        default_factory=list, max_length=50, description="Who may answer; without any, everybody may."
    )
    display: Json = Field(default_factory=dict, description="Kargo's layout of the form; Prefect's UI has its own.")
    poll_interval: Duration = Field(default="30s", description="Kargo's; an answer is noticed at once here.")

    @field_validator("schema_")
    @classmethod
    def _usable(cls, schema: Json) -> Json:
        if problems := schema_problems(schema):
            raise ValueError("; ".join(problems))
        return schema


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """Take the first answer that is one, or ask."""
    assert ctx.people is not None
    proves = ctx.people.proves
    if reason := "" if _anybody(config, proves) else nobody_can_be(config.responders, proves):
        return Failed(reason)
    problems: list[str] = []
    for answer in await ctx.people.answers():
        problems = problems_of(config, answer)
        if not problems:
            user = _who(answer).actor
            given = ", ".join(sorted(answer.values["values"])) or "nothing"
            message = f"{user} answered step {ctx.alias!r}: {given}"
            await ctx.people.note("Answered", user, message, answer.at, answer.identity)
            return Succeeded(
                {"values": answer.values["values"], "respondedBy": user, "respondedAt": answer.at.isoformat()}
            )
    return Waiting("waits for somebody's input", ASKED_AGAIN, form=asked(config, problems, ctx))


def _anybody(config: Config, proves: bool) -> bool:
    return not config.responders or any(each.can_be(proves) for each in config.responders)


def problems_of(config: Config, answer: Answer) -> list[str]:
    """Why an answer is none, empty when it is one. Prefect checks less, and who may write to it can go past that."""
    if answer.refused:
        return [answer.refused]
    if set(answer.values) - {"values", "respondedBy", "assertion"} or "values" not in answer.values:
        return ["it was no answer to the form"]
    if not may_answer(config.responders, _who(answer)):
        return ["somebody answered who is not among those who may"]
    return value_problems(config.schema_, answer.values["values"])


def _who(answer: Answer) -> Who:
    return Who(one_line(str(answer.values.get("respondedBy") or "")[:LONGEST_NAME]), answer.identity)


def asked(config: Config, problems: list[str], ctx: StepContext) -> Form:
    """The form: the step's own schema as one field, beside the name. No default makes an empty resume an answer."""
    name = {"type": "string", "title": "Your name", "maxLength": LONGEST_NAME, "description": "Unauthenticated."}
    # What matches patterns on Prefect's side can be made to hang; they are checked here.
    fields = {
        "values": without_patterns(config.schema_),
        "respondedBy": {**name, "default": ""},
        "assertion": ApprovalAnswer.model_json_schema()["properties"]["assertion"],
    }
    schema = {
        "title": "Input",
        "type": "object",
        "properties": fields,
        "required": ["values"],
        "additionalProperties": False,
    }
    lines = [f"## {ctx.stage}: {ctx.alias}", f"Promotion `{ctx.promotion}` of project **{ctx.project}** wants input."]
    if config.responders:
        lines.append(f"Only these may answer: {', '.join(map(str, config.responders))}.")
    lines += [f"The last answer did not count: {one_line('; '.join(problems))[:1000]}."] if problems else []
    return Form(schema, "\n\n".join(lines) + "\n")
