"""record-audit-event: leave a line in the audit trail."""

from typing import Any

from pydantic import Field

from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.result import Skipped, StepContext, StepResult, Succeeded

OUTWARD = True


class Config(Model):
    """What the line says."""

    message: str = Field(min_length=1, max_length=4_096, description="The sentence.")
    type: str = Field(
        default="recorded",
        pattern=r"^[a-z][a-z0-9.-]{0,62}$",
        description="What kind of event it is: lower case, as no event of Drayage's own is.",
    )
    actor: str = Field(default="", max_length=256, description="Who did it; the Promotion's actor if not given.")
    data: dict[str, Any] = Field(default_factory=dict, description="More about it, any JSON.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Write the line, unless this step of this Promotion already has."""
    assert ctx.control is not None
    if await ctx.control.record_event(ctx.alias, config.type, config.message, config.actor, config.data):
        return Succeeded()
    return Skipped("the event is recorded already")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Tell the line."""
    return Foreseen(f"would record an event {code(config.type)}: {code(config.message)}")
