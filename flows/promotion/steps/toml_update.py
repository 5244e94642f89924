"""toml-update: change existing scalars of a TOML file in place; comments and layout stay."""

import json
from collections.abc import MutableMapping
from typing import Any

import tomlkit
from pydantic import Field
from tomlkit.exceptions import TOMLKitError

from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.keys import scalar_text, split_key, updated_message
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


class Update(Model):
    """One scalar to change."""

    key: str = Field(min_length=1, description=r"Dotted path; numbers pick list items, `\.` is a dot in a key.")
    value: Any = Field(description="The new text, number or boolean.")


class Config(Model):
    """What to change in which file."""

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    updates: list[Update] = Field(min_length=1, description="The changes; when two name one key, the later counts.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Change the scalars, all or none."""
    try:
        document = tomlkit.parse(read_text(ctx, config.path))
    except (TOMLKitError, RecursionError) as error:
        raise Invalid(f"file {config.path!r} is not valid TOML: {error}") from None
    shown = []
    for update in config.updates:
        written = scalar_text(update.key, update.value, _quoted)
        _set(document, update.key, written, config.path)
        shown.append((update.key, written))
    write_whole(ctx.path(config.path), tomlkit.dumps(document).encode())
    return Succeeded(updated_message(config.path, shown))


def _set(document: Any, key: str, written: str, path: str) -> None:
    *above, last = split_key(key)
    holder: Any = document
    for part in above:
        holder = _child(holder, part)
    if holder is None or isinstance(_child(holder, last), MutableMapping | list | None):
        raise Invalid(f"key {key!r} names no scalar in {path!r}; only existing scalars can be changed")
    holder[int(last) if isinstance(holder, list) else last] = tomlkit.value(written)


def _child(holder: Any, part: str) -> Any:
    if isinstance(holder, MutableMapping):
        return holder.get(part)
    if isinstance(holder, list) and part.isascii() and part.isdigit() and int(part) < len(holder):
        return holder[int(part)]
    return None


def _quoted(text: str) -> str:
    """Write text in single quotes unless they cannot hold it."""
    literal = "'" not in text and text.isprintable()
    return f"'{text}'" if literal else json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
