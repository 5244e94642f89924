"""set-freight-alias: call a Freight otherwise."""

from pydantic import Field

from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True


class Config(Model):
    """Which Freight, and what it is called from now on."""

    name: str = Field(min_length=1, description="Name (id) of the Freight.")
    alias: str = Field(min_length=1, description="Its new alias, which no other Freight of the project has.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Rename it; Freight that has the alias already keeps it."""
    assert ctx.control is not None
    await ctx.control.rename_freight(config.name, config.alias)
    return Succeeded(message=f"Freight {config.name!r} is called {config.alias!r}")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Tell the new name."""
    return Foreseen(f"would call Freight {code(config.name)} {code(config.alias)}")
