"""set-metadata: note something about Freight or Stages, for later expressions to read."""

from typing import Any, Literal

from pydantic import Field

from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True


class Update(Model):
    """What to note about one of them."""

    kind: Literal["Stage", "Freight"] = Field(description="`Stage` or `Freight`.")
    name: str = Field(min_length=1, description="Name of the Stage, or name (id) of the Freight.")
    values: dict[str, Any] = Field(description="What to note, by key; a value is any JSON.")


class Config(Model):
    """What to note about what."""

    updates: list[Update] = Field(min_length=1, description="The changes, made in order.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Merge the values; keys that are not named stay."""
    assert ctx.control is not None
    for update in config.updates:
        await ctx.control.put_metadata(update.kind, update.name, update.values)
    return Succeeded()


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Tell which keys would be noted."""
    notes = (f"{each.kind} {code(each.name)}: {', '.join(map(code, each.values))}" for each in config.updates)
    return Foreseen(f"would note {'; '.join(notes)}")
