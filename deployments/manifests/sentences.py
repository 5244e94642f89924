"""Turns what pydantic minds into sentences for people: what is there, what was expected, what to do."""

import difflib
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from deployments.manifests.problem import Path

LONGEST_SHOWN = 60

_WRONG_TYPES = {
    "string_type": "a string, put it in quotes",
    "bool_type": "true or false, write it without quotes",
    "int_type": "a whole number, write it without quotes",
    "int_from_float": "a whole number, drop the fraction",
    "float_type": "a number, write it without quotes",
    "list_type": "a list, start each item with '- '",
    "dict_type": "a mapping, write 'key: value' lines",
    "model_type": "a mapping, write 'key: value' lines",
    "model_attributes_type": "a mapping, write 'key: value' lines",
}


def sentences(model: type[BaseModel], error: ValidationError, show_values: bool = True) -> list[tuple[Path, str]]:
    """Return every problem as its path in the data and a sentence, with the values found there or without."""
    found: dict[Path, str] = {}
    for each in error.errors(include_url=False):
        found.setdefault(_place(model, each["loc"]), _sentence(model, each, show_values))
    return list(found.items())


def _place(model: type[BaseModel], loc: Path) -> Path:
    """The place in the data: without the names of a union's alternatives, which pydantic puts at the end."""
    ends = (end for end in range(len(loc)) if not any(map(_holds_others, _types(model, loc[:end]))))
    return loc[: next(ends, len(loc))]


def _holds_others(kind: Any) -> bool:
    return typing.get_origin(kind) in (list, dict) or (isinstance(kind, type) and issubclass(kind, BaseModel))


def _sentence(model: type[BaseModel], error: ErrorDetails, show_values: bool) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    found = _shown(error["input"]) if show_values else "another value"
    if kind == "missing":
        return f"is missing, expected {_description(model, error['loc'])}, add it"
    if kind == "extra_forbidden":
        return _unknown(model, error["loc"])
    if kind in _WRONG_TYPES:
        return f"is {found}, expected {_WRONG_TYPES[kind]}"
    if kind == "literal_error":
        return f"is {found}, expected {context['expected']}, write one of these"
    if kind == "value_error":
        return str(context["error"])
    message = error["msg"].removeprefix("Input should ").removeprefix("be ")
    message = message[0].lower() + message[1:]
    return f"is {found}, expected {_description(model, error['loc'])}, correct it: {message}"


def _unknown(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known = _known_fields(model, loc[:-1])
    close = difflib.get_close_matches(str(loc[-1]), known, 1)
    advice = f"did you mean {close[0]!r}?" if close else "remove it"
    return f"is no field here, expected one of {', '.join(known)}, {advice}"


def _known_fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    parents = [each for each in _types(model, loc) if isinstance(each, type) and issubclass(each, BaseModel)]
    return sorted({info.alias or name for parent in parents for name, info in parent.model_fields.items()})


def _description(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """What the field at a place is for, in the words of its model."""
    for parent in _types(model, loc[:-1]):
        info = _field(parent, loc[-1])
        if info and info.description:
            text = info.description.removesuffix(".")
            return text[0].lower() + text[1:]
    return "another value"


def _types(model: Any, loc: tuple[int | str, ...]) -> list[Any]:
    """The types a place in the data may have, optional ones and unions taken apart."""
    found = [model]
    for part in loc:
        found = [kind for parent in found for kind in _below(parent, part)]
    return found


def _below(parent: Any, part: int | str) -> Iterator[Any]:
    info = _field(parent, part)
    if info:
        yield from _alternatives(info.annotation)
    elif typing.get_origin(parent) in (list, dict):
        yield from _alternatives(typing.get_args(parent)[-1])
    elif further := getattr(parent, "__annotations__", {}).get("__pydantic_extra__"):
        yield from _alternatives(typing.get_args(further)[-1])


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for kind in typing.get_args(annotation):
            yield from _alternatives(kind)
    elif origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    else:
        yield annotation


def _field(parent: Any, part: int | str) -> FieldInfo | None:
    if not (isinstance(parent, type) and issubclass(parent, BaseModel)):
        return None
    named = (info for name, info in parent.model_fields.items() if part in (info.alias, name))
    return next(named, None)


def _shown(value: Any) -> str:
    """A value for people, cut where it is long; of mappings and lists only what they are."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = "empty" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
