"""tf-apply: let Terraform make its changes, those of a plan that was kept or those there are now."""

import tempfile
from pathlib import Path

from pydantic import Field

from blocks.errors import Invalid, NotFound
from flows.promotion.foresight import Foreseen, Imagined, code, cut, fenced
from flows.promotion.result import StepContext, Succeeded
from flows.promotion.terraform import (
    LOCK_TIMEOUT,
    LONGEST_SHOWN,
    Terraform,
    TerraformConfig,
    hidden,
    summary,
    terraform,
)

OUTWARD = True

LONGEST = 64 * 1024
"""Characters of what Terraform said that are put out."""

STALE = "Saved plan is stale"
"""What the program says of a plan when the state has changed since, by the plan itself or by somebody else."""


class Config(TerraformConfig):
    """What to apply."""

    plan: str = Field(
        default="", description="The plan that tf-plan kept, relative to the working directory; else what there is now."
    )


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Apply; what was applied before is applied no more."""
    kept = _kept(config, ctx) if config.plan else None
    async with terraform(config, ctx, "apply") as program:
        if kept is None:
            return _applied(await _apply(program, "-auto-approve", *program.given), program)
        try:
            return _applied(await _apply(program, str(kept)), program)
        except Invalid as error:
            if STALE not in str(error):
                raise
            return await _stale(config, program)


async def _apply(program: Terraform, *arguments: str) -> str:
    return await program.run("apply", "-input=false", "-no-color", LOCK_TIMEOUT, *arguments)


def _applied(said: str, program: Terraform) -> Succeeded:
    said = hidden(said, program.secrets)
    return Succeeded({"result": said[-LONGEST:]}, summary(said))


async def _stale(config: Config, program: Terraform) -> Succeeded:
    """Find out whether a stale plan was applied before, as by a worker that was killed: then nothing is left to do."""
    with tempfile.TemporaryDirectory(prefix="drayage-plan-") as folder:
        if await program.plan(Path(folder) / "plan"):
            raise Invalid(
                f"the plan {config.plan!r} is stale: the state has changed since, and there is still something to "
                "change; plan again, in another promotion"
            )
    return Succeeded({"result": ""}, "was applied before: there is nothing left to change")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Show the plan that was kept, or make one and show that; what comes of it is known when it is applied."""
    async with terraform(config, ctx, "plan") as program:
        if config.plan:
            said = hidden(await program.run("show", "-no-color", str(_kept(config, ctx))), program.secrets)
        else:
            with tempfile.TemporaryDirectory(prefix="drayage-plan-") as folder:
                said = await program.plan(Path(folder) / "plan")
    if not said:
        return Foreseen("would change nothing", {"result": ""})
    return Foreseen(f"would apply this to {code(config.dir)}:\n\n{fenced(cut(said, LONGEST_SHOWN))}", known=False)


def _kept(config: Config, ctx: StepContext) -> Path:
    """The plan that was kept. Raises NotFound."""
    if not (kept := ctx.path(config.plan)).is_file():
        raise NotFound(
            f"there is no plan {config.plan!r} in the promotion's working directory; tf-plan makes it by 'out'"
        )
    return kept
