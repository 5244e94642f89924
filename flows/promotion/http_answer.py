"""What an HTTP answer means to the `http` step: its environment for expressions, and the decision table.

Expressions are bare and see `response` only: `status`, `headers`, `header(name)`, `body` (Kargo §6.1).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blocks.errors import BadAnswer, Invalid
from flows import expression
from flows.expression import functions
from flows.expression.errors import ExpressionError
from flows.expression.evaluation import validate
from flows.promotion.document import load_json, read_yaml
from flows.promotion.result import Failed, StepResult, Succeeded, Waiting

JSON = "application/json"
TEXT = "text/plain"
YAMLS = ("application/yaml", "application/x-yaml", "text/yaml")


@dataclass(frozen=True)
class Answer:
    """What came back; header names as sent, in order."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Criteria:
    """The expressions of the config; empty ones are not set."""

    success: str = ""
    failure: str = ""
    error: str = ""
    outputs: Mapping[str, str] | None = None
    poll: float = 30.0


def decide(answer: Answer, criteria: Criteria, content_type: str = "") -> StepResult:
    """Apply the decision table. Raises ExpressionError for a text that is no expression, BadAnswer otherwise.

    Failure counts before success; without either, a 2xx status is success and any other a failure that is
    asked again. With one of them only that decides, so with `failure` alone a step never succeeds.
    """
    env = environment(answer, content_type)
    success = _met("successExpression", criteria.success, env)
    failure = _met("failureExpression", criteria.failure, env)
    if failure:
        return Failed(f"HTTP ({answer.status}) response met failure criteria" + _reason(criteria.error, env))
    if success or (success is None and failure is None and 200 <= answer.status < 300):
        outputs = criteria.outputs or {}
        return Succeeded({name: _output(name, text, env) for name, text in outputs.items()})
    if success is None and failure is None:
        return Failed(f"HTTP ({answer.status}) response is no success; it is asked again", terminal=False)
    return Waiting(f"HTTP ({answer.status}) response does not meet the criteria yet", again_in=criteria.poll)


def environment(answer: Answer, content_type: str = "") -> dict[str, Any]:
    """Build what expressions see. `content_type` overrides the answer's own. Raises BadAnswer."""
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(_canonical(name), []).append(value)

    def header(name: str) -> str:
        return next(iter(headers.get(_canonical(name), [])), "")

    kind = (content_type or header("Content-Type")).partition(";")[0].strip().lower()
    response = {"status": answer.status, "headers": headers, "header": header, "body": _body(answer.body, kind)}
    return {"response": response}


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _body(content: bytes, kind: str) -> Any:
    """Read the body by its type; of an unknown type only JSON is read, and what is no JSON is left out."""
    if not content:
        return {}
    text = content.decode(errors="replace")
    if kind == TEXT:
        return text
    try:
        return read_yaml(text, "response") if kind in YAMLS else load_json(text)
    except (ValueError, RecursionError, Invalid):
        if kind != JSON and kind not in YAMLS:
            return {}
        language = "JSON" if kind == JSON else "YAML"
        raise BadAnswer(f"the response says it is {language}, but cannot be read as {language}") from None


def _met(name: str, text: str, env: dict[str, Any]) -> bool | None:
    if not text:
        return None
    value = _value(name, text, env)
    if not isinstance(value, bool):
        raise BadAnswer(f"{name} must be true or false for every response, and was neither")
    return value


def _value(name: str, text: str, env: dict[str, Any]) -> Any:
    """Evaluate one expression. What can never work is told so; what fails on this response may not on the next."""
    _check(name, text)
    try:
        return expression.evaluate(text, env)
    except ExpressionError as error:
        raise BadAnswer(f"{name} could not be evaluated over the response: {error}") from None


def _check(name: str, text: str) -> None:
    try:
        validate(text)
    except ExpressionError as error:
        raise ExpressionError(f"{name} is no expression: {error.what}", error.column) from None


def _output(name: str, text: str, env: dict[str, Any]) -> Any:
    value = _value(f"output {name!r}", text, env)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise BadAnswer(f"output {name!r} is no plain data: numbers, text, lists and objects can be put out") from None
    return value


def _reason(text: str, env: dict[str, Any]) -> str:
    """What the response says of the failure; nothing where it does not say it as text (Kargo)."""
    if not text:
        return ""
    _check("errorExpression", text)
    try:
        value = expression.evaluate(text, env)
    except ExpressionError:
        return ""
    return f": {functions.quote(value)}" if value and isinstance(value, str) else ""
