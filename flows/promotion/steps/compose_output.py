"""compose-output: put out what the config says, from inside a task also to the steps outside it."""

from pydantic import BaseModel, ConfigDict

from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Config(BaseModel):
    """Any names and values; each becomes an output."""

    model_config = ConfigDict(frozen=True, extra="allow")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Hand the evaluated config on."""
    return Succeeded(dict(config.model_extra or {}))
