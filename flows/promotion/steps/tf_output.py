"""tf-output: read outputs of Terraform's state. Sensitive ones go to a file of the working directory at most."""

import json
from typing import Any

from pydantic import Field

from blocks.errors import BadAnswer, NotFound, Refused
from flows.promotion.files import write_whole
from flows.promotion.result import StepContext, Succeeded
from flows.promotion.terraform import TerraformConfig, terraform

OUTWARD = False

Json = dict[str, Any]


class Config(TerraformConfig):
    """What to read."""

    name: str = Field(default="", max_length=200, description="One output; all of them when empty.")
    out: str = Field(default="", description="File to write it to, relative to the working directory: text or JSON.")
    state: str = Field(
        default="", description="A state file in the working directory, instead of the configured state."
    )
    sensitive: bool = Field(
        default=False, description="Take sensitive outputs, too; they are written to `out` and never put out."
    )


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Read them."""
    arguments = [f"-state={ctx.path(config.state)}"] if config.state else []
    async with terraform(config, ctx, "read the outputs of") as program:
        said = await program.run("output", "-json", "-no-color", *arguments)
    return _given(config, _read(said), ctx)


def _read(said: str) -> Json:
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise BadAnswer("the program answered something that is no JSON of outputs")
    return found


def _given(config: Config, found: Json, ctx: StepContext) -> Succeeded:
    if config.name and config.name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NotFound(f"there is no output {config.name!r} in {config.dir!r}; there are: {known}")
    chosen = {config.name: found[config.name]} if config.name else found
    secret = sorted(name for name, each in chosen.items() if each.get("sensitive"))
    if secret and config.name and not config.sensitive:
        raise Refused(f"output {config.name!r} is sensitive: set 'sensitive: true' and 'out' to have it in a file")
    if secret and config.sensitive and not config.out:
        raise Refused(f"{', '.join(secret)}: sensitive outputs are written to a file only: set 'out'")
    values = {name: each.get("value") for name, each in chosen.items() if config.sensitive or name not in secret}
    if config.out:
        _write(config, values, ctx)
    shown = {name: value for name, value in values.items() if name not in secret}
    if config.name:
        return Succeeded({"value": shown[config.name]} if shown else {})
    return Succeeded({"values": shown}, f"left out as sensitive: {', '.join(secret)}" if secret else "")


def _write(config: Config, values: Json, ctx: StepContext) -> None:
    value = values[config.name] if config.name else values
    target = ctx.path(config.out)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, (value if isinstance(value, str) else json.dumps(value, indent=2)).encode())
