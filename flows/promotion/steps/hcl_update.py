"""hcl-update: change existing scalars of an HCL file, all else kept byte for byte."""

from typing import Any

from pydantic import Field

from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.hcl_text import quoted, with_value
from flows.promotion.keys import scalar_text, split_key, updated_message
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Update(Model):
    """One scalar to change."""

    key: str = Field(
        min_length=1,
        description=r"Dotted path: types and labels of blocks, names, positions from 0 on; `\.` is a dot in a name.",
    )
    value: Any = Field(description="The new text, number or boolean.")


class Config(Model):
    """What to change in which file."""

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    updates: list[Update] = Field(min_length=1, description="The changes, made in order.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Change the scalars, all or none."""
    text = read_text(ctx, config.path)
    shown = [(update.key, scalar_text(update.key, update.value, quoted)) for update in config.updates]
    try:
        for key, value in shown:
            text = with_value(text, split_key(key), value)
    except Invalid as error:
        raise Invalid(f"file {config.path!r} cannot be updated: {error}") from None
    write_whole(ctx.path(config.path), text.encode())
    return Succeeded(updated_message(config.path, shown))
