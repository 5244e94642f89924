"""compose-output: put out what the config says, from inside a task also to the steps outside it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Config(BaseModel):
    """Any names and values; each becomes an output."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_extra:
            raise ValueError("there is nothing to put out: name at least one output")
        return self


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Hand the evaluated config on."""
    return Succeeded(dict(config.model_extra or {}))
