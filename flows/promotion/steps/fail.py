"""fail: end the promotion as failed, usually behind an `if`."""

from pydantic import Field

from flows.model import Model
from flows.promotion.result import Failed, StepContext

OUTWARD = False


class Config(Model):
    """What to say."""

    message: str = Field(default="", description="Why the promotion fails.")


def run(config: Config, ctx: StepContext) -> Failed:
    """Fail."""
    return Failed(config.message or f"step {ctx.alias!r} failed as it should")
