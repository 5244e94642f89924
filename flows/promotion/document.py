"""Reads YAML, JSON and TOML into plain data, and takes outputs from it by expressions (Kargo: the parse steps)."""

import datetime
import json
import math
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode, SequenceNode

from blocks.errors import Invalid
from flows import expression
from flows.expression.errors import ExpressionError
from flows.expression.go_json import whole_characters
from flows.model import Model
from flows.promotion.files import read_text
from flows.promotion.result import StepContext, Succeeded


class Output(Model):
    """One output."""

    name: str = Field(min_length=1, description="Its name.")
    from_expression: str = Field(
        min_length=1, description="Bare expression; the document's keys are variables, `$env` is all of it."
    )


class ParseConfig(Model):
    """What to take from which file."""

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    outputs: list[Output] = Field(min_length=1, description="What to take; when two have one name, the later counts.")


_WORDS = {
    spelled: word in ("y", "yes", "on")
    for word in ("y", "yes", "on", "n", "no", "off")
    for spelled in (word, word.title(), word.upper())
}
_OCTAL = re.compile(r"[-+]?0[0-7]+")


class _Constructor(SafeConstructor):
    """Plain data only: a timestamp stays the text that was written, and a tag nobody knows says nothing."""

    def construct_untagged(self, node: Any) -> Any:
        """Read what has a tag of its own as if it had none."""
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_mapping(node, deep=True)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Read a mapping; a word among its keys is the word."""
        for key, _ in node.value:
            if isinstance(key, ScalarNode):
                key.style = key.style or "'"
        return super().construct_mapping(node, deep=deep)

    def construct_text(self, node: Any) -> Any:
        """Read a plain word that is a boolean to YAML 1.1, else text."""
        return _WORDS.get(node.value, node.value) if node.style is None else node.value

    def construct_whole(self, node: Any) -> Any:
        """Read a whole number; with a 0 in front it is octal."""
        return int(node.value, 8) if _OCTAL.fullmatch(node.value) else self.construct_yaml_int(node)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.construct_whole)
_Constructor.add_constructor("tag:yaml.org,2002:str", _Constructor.construct_text)
_Constructor.add_constructor(None, _Constructor.construct_untagged)


def parsed(config: ParseConfig, ctx: StepContext, read: Callable[[str, str], Any]) -> Succeeded:
    """Read the file and evaluate all outputs, or none. Raises Invalid and ExpressionError."""
    text = read_text(ctx, config.path)
    if not text:
        raise Invalid(f"file {config.path!r} is empty")
    return Succeeded(outputs_from(read(text, config.path), config.outputs))


def outputs_from(document: Any, outputs: Sequence[Output]) -> dict[str, Any]:
    """Evaluate the outputs. Raises ExpressionError naming the output that is wrong, Invalid for what is no data."""
    keyed = isinstance(document, dict)
    env = {**(document if keyed else {}), "$env": document}
    return {output.name: _evaluated(env, output, strict=not keyed) for output in outputs}


def _evaluated(env: dict[str, Any], output: Output, *, strict: bool) -> Any:
    """Evaluate one output; a document without keys has no variables, and to name one is an error."""
    try:
        value = expression.evaluate(output.from_expression, env, strict=strict)
    except ExpressionError as error:
        raise ExpressionError(f"output {output.name!r}: {error.what}", error.column) from None
    return plain(output.name, value)


def plain(name: str, value: Any) -> Any:
    """Return a value that can be kept as an output. Raises Invalid for functions, NaN and the like."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid(f"output {name!r} is no plain data: numbers, text, lists and objects can be put out") from None
    return value


def read_yaml(text: str, path: str) -> Any:
    """Read the first document of YAML, as Kubernetes does: yes is true, 017 is 15. Raises Invalid."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        return _plain_keys(next(yaml.load_all(text), None))
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise Invalid(f"file {path!r} is not valid YAML{where}: {getattr(error, 'problem', '') or 'broken'}") from None


def read_json(text: str, path: str) -> Any:
    """Read JSON. Raises Invalid with line and column."""
    try:
        return load_json(text)
    except json.JSONDecodeError as error:
        raise Invalid(
            f"file {path!r} is not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except ValueError as error:
        raise Invalid(f"file {path!r} is not valid JSON: {error}") from None
    except RecursionError:
        raise Invalid(f"file {path!r} is nested too deeply") from None


def load_json(text: str) -> Any:
    """Read JSON as its standard says; whole numbers of 64 bits stay whole. Raises ValueError and RecursionError."""
    value = json.loads(text, parse_int=_whole, parse_float=_number, parse_constant=_number)
    return whole_characters(value) if "\\u" in text else value


def _whole(text: str) -> int | float:
    # Python takes hours for a number of a million digits, and refuses it with an error of its own.
    value = int(text) if len(text) < 21 else 1 << 64
    return value if -(1 << 63) <= value < 1 << 63 else _number(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return value


def read_toml(text: str, path: str) -> Any:
    """Read TOML; dates and times become text. Raises Invalid with the place."""
    try:
        return _dates_as_text(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"file {path!r} is not valid TOML: {error}") from None
    except RecursionError:
        raise Invalid(f"file {path!r} is nested too deeply") from None


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(below) for below in value]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise Invalid("it has a whole number of more than 64 bits, which TOML does not know")
    return _moment(value) if isinstance(value, datetime.date | datetime.time) else value


def _moment(value: datetime.date | datetime.time) -> str:
    text = value.isoformat().replace("+00:00", "Z")
    return re.sub(r"(\.[0-9]*?)0+(?=[Z+-]|$)", r"\1", text)


def _plain_keys(value: Any) -> Any:
    """Keys are text, as in JSON: Kargo reads YAML through it."""
    if isinstance(value, dict):
        return {_key(key): _plain_keys(below) for key, below in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("infinite, or not a number")
    return [_plain_keys(below) for below in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key)
