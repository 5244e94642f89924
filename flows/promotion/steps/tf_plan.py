"""tf-plan: say what Terraform would change, and keep the plan for tf-apply."""

import hashlib
import tempfile
from pathlib import Path

from pydantic import Field

from blocks.errors import Invalid
from flows.promotion.foresight import Foreseen, Imagined, cut, fenced
from flows.promotion.result import Outputs, Skipped, StepContext, Succeeded
from flows.promotion.terraform import LONGEST_SHOWN, TerraformConfig, summary, terraform

OUTWARD = True

LONGEST = 64 * 1024
"""Characters of a plan that are put out."""


class Config(TerraformConfig):
    """What to plan, and where to keep the plan."""

    out: str = Field(
        default="", description="File to keep the plan in for tf-apply, relative to the working directory."
    )


async def run(config: Config, ctx: StepContext) -> Succeeded | Skipped:
    """Plan; nothing to change is Skipped."""
    said = await _planned(config, ctx)
    if not said:
        return Skipped("there is nothing to change", {"plan": ""})
    return Succeeded({"plan": said[:LONGEST], "digest": _digest(said)}, summary(said))


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Plan again where the plan was lost. Raises Invalid when it is no longer the one that people saw."""
    if not config.out:
        return
    said = await _planned(config, ctx)
    if said and _digest(said) != outputs.get("digest"):
        raise Invalid(
            f"step {ctx.alias!r} planned something else when its plan had to be made again: what is to be changed "
            "has changed since; abort this promotion and start another"
        )


async def _planned(config: Config, ctx: StepContext) -> str:
    with tempfile.TemporaryDirectory(prefix="drayage-plan-") as folder:
        target = ctx.path(config.out) if config.out else Path(folder) / "plan"
        target.parent.mkdir(parents=True, exist_ok=True)
        async with terraform(config, ctx, "plan") as program:
            return await program.plan(target)


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Plan now: that changes nothing but the working directory."""
    result = await run(config, ctx)
    plan = result.outputs["plan"]
    return Foreseen(result.message + (f"\n\n{fenced(cut(plan, LONGEST_SHOWN))}" if plan else ""), result.outputs)
