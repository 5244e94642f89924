"""JSON Schema as people write it for forms: a bounded part of it, checked before it is used, with RE2's patterns.

Keywords that could lead elsewhere (`$ref`) or that nobody can show in a form are refused by name.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend

Json = dict[str, Any]

LARGEST = 16 * 1024
"""Bytes of a schema, and of a value, as JSON."""

DEEPEST = 16
"""Levels of schemas within schemas."""

MOST_PROBLEMS = 10

_ONE = frozenset({"items", "additionalProperties", "not", "if", "then", "else"})
_MANY = frozenset({"allOf", "anyOf", "oneOf"})
_PLAIN = frozenset(
    (
        "$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "format", "position", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "required",
        "minProperties", "maxProperties",
    )
)  # fmt: skip
_KNOWN = _ONE | _MANY | _PLAIN | {"properties"}


def schema_problems(schema: Json) -> list[str]:
    """What keeps a schema from being used, each with its place."""
    size = len(json.dumps(schema).encode())
    if size > LARGEST:
        return [f"the schema has {size} bytes, the most is {LARGEST}"]
    if problems := list(islice(_odd(schema, "", 0), MOST_PROBLEMS)):
        return problems
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"{_place(error)}{error.message[:200]}"]
    return [] if schema.get("type") == "object" else ["type: must be 'object', whose properties are the form's fields"]


def value_problems(schema: Json, value: Any) -> list[str]:
    """What a value lacks to be one of this schema, each with its place; the schema must have no problems."""
    if len(json.dumps(value).encode()) > LARGEST:
        return [f"the answer has more than {LARGEST} bytes"]
    found = _Validator(schema).iter_errors(value)
    return [f"{_place(error)}{error.message[:200]}" for error in islice(found, MOST_PROBLEMS)]


def without_patterns(schema: Any) -> Any:
    """The schema for who would match its patterns with something that can be made to hang."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "pattern"}
    for key in _ONE & kept.keys():
        kept[key] = without_patterns(kept[key])
    for key in _MANY & kept.keys():
        kept[key] = [without_patterns(each) for each in kept[key]]
    if "properties" in kept:
        kept["properties"] = {name: without_patterns(each) for name, each in kept["properties"].items()}
    return kept


def _odd(schema: Any, place: str, depth: int) -> Iterator[str]:
    """Find keywords that are not supported, patterns that are none, and too much depth."""
    if not isinstance(schema, dict):
        return
    if depth > DEEPEST:
        yield f"{place}: more than {DEEPEST} levels"
        return
    for key in schema.keys() - _KNOWN:
        if not key.startswith("x-"):
            yield f"{_below(place, key)}: this keyword is not supported"
    if isinstance(pattern := schema.get("pattern"), str) and not _compiles(pattern):
        yield f"{_below(place, 'pattern')}: no regular expression of RE2"
    for path, inner in _inner(schema):
        yield from _odd(inner, _below(place, path), depth + 1)


def _inner(schema: Json) -> Iterator[tuple[str, Any]]:
    for key in sorted(_ONE & schema.keys()):
        yield key, schema[key]
    for key in sorted(_MANY & schema.keys()):
        yield from ((f"{key}[{index}]", each) for index, each in enumerate(_list(schema[key])))
    properties = schema.get("properties")
    if isinstance(properties, dict):
        yield from ((f"properties.{name}", each) for name, each in properties.items())


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _compiles(pattern: str) -> bool:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True


def _matches(validator: Any, pattern: str, value: Any, schema: Json) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re2.search(pattern, value):
        yield ValidationError(f"does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _matches})


def _place(error: Any) -> str:
    path = ".".join(map(str, error.absolute_path))
    return f"{path}: " if path else ""
