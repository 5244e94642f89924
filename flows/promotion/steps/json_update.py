"""json-update: set scalars in a JSON file, all else kept byte for byte. Missing keys are made."""

import re
from typing import Any

from pydantic import Field

from blocks.errors import Invalid
from flows.expression import functions, go_json
from flows.expression.limits import Budget
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.json_text import split_path, with_value
from flows.promotion.keys import scalar_text, updated_message
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

_AWKWARD = re.compile(r'[^ -~]|["\\]')


class Update(Model):
    """One scalar to set."""

    key: str = Field(
        min_length=1, description=r"Dotted path; numbers pick list items, `-1` adds one, `\.` is a dot in a key."
    )
    value: Any = Field(description="The new text, number or boolean.")


class Config(Model):
    """What to set in which file."""

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    updates: list[Update] = Field(min_length=1, description="The changes, made in order.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Set the values, all or none."""
    text = read_text(ctx, config.path)
    try:
        for update in config.updates:
            text = with_value(text, *split_path(update.key), scalar_text(update.key, update.value, _quoted))
    except Invalid as error:
        raise Invalid(f"file {config.path!r} cannot be updated: {error}") from None
    write_whole(ctx.path(config.path), text.encode())
    shown = [(update.key, scalar_text(update.key, update.value, functions.quote)) for update in config.updates]
    return Succeeded(updated_message(config.path, shown))


def _quoted(text: str) -> str:
    """Write text; one that needs escapes has also what HTML minds escaped, as in Kargo."""
    return go_json.dump(text, Budget()) if _AWKWARD.search(text) else f'"{text}"'
