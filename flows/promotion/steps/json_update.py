"""json-update: set scalars in a JSON file, all else kept byte for byte. Missing keys are made."""

import json
import re
from typing import Any

from pydantic import Field

from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.json_text import with_value
from flows.promotion.keys import scalar_text, split_key, updated_message
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

_QUERY = re.compile(r"(?<!\\)[*?#|]|(?:^|(?<!\\)\.)@")
_FORCED = re.compile(r"(?:^|(?<!\\)\.)(:?)")


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
    shown = [(update.key, scalar_text(update.key, update.value, _quoted)) for update in config.updates]
    try:
        for key, value in shown:
            text = with_value(
                text, split_key(_path(key)), [bool(colon) for colon in _FORCED.findall(key.strip())], value
            )
    except Invalid as error:
        raise Invalid(f"file {config.path!r} cannot be updated: {error}") from None
    write_whole(ctx.path(config.path), text.encode())
    return Succeeded(updated_message(config.path, shown))


def _path(key: str) -> str:
    if _QUERY.search(key):
        raise Invalid(
            rf"key {key!r} is a query: name one key or position a part, and write \ before special characters"
        )
    return key.replace("\\*", "*").replace("\\?", "?").replace("\\#", "#").replace("\\|", "|").replace("\\@", "@")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
