"""What an expression sees of its surroundings, and what it never reaches."""

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import MappingProxyType

import pytest

from flows.expression import ExpressionError, evaluate, render, render_text

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Phase(StrEnum):
    """Text with a class of its own."""

    DONE = "done"


class Holder:
    """An object from outside."""

    secret = "hidden"

    def method(self) -> str:
        """Something expressions must not reach."""
        return self.secret


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param("made.Year()", 2026, id="datetime"),
        pytest.param("made.Format('15:04')", "14:00", id="datetime-zone"),
        pytest.param("ctx.made > date('2020-01-01')", True, id="datetime-in-map"),
        pytest.param("now() == date('2026-01-02 12:00:00')", True, id="clock"),
        pytest.param("phase == 'done'", True, id="text-subclass"),
        pytest.param("proxy.a + 1", 2, id="mapping"),
        pytest.param("add(1, 2)", 3, id="function"),
        pytest.param("ctx.nested(4)", 5, id="function-in-map"),
        pytest.param("found('x')?.Tag ?? 'none'", "none", id="nil-from-function"),
        pytest.param("$env['made'].Year()", 2026, id="through-env"),
    ],
)
def test_seen(source: str, value: object):
    """Plain values, datetimes and functions can be used."""
    made = datetime(2026, 1, 2, 14, tzinfo=timezone(timedelta(hours=2)))
    env = {
        "made": made,
        "ctx": {"made": made, "nested": lambda number: number + 1},
        "phase": Phase.DONE,
        "proxy": MappingProxyType({"a": 1}),
        "add": lambda left, right: left + right,
        "found": lambda _name: None,
    }
    assert evaluate(source, env, clock=lambda: NOON) == value


@pytest.mark.parametrize(
    "source",
    ["holder.secret", "holder.method()", "holder.__class__", "holder['secret']", "get(holder, 'secret') + 'x'",
     "function.__globals__", "function.__call__()", "os.environ", "os.system('true')", "'text'.upper()",
     "'a'.__class__", "[1].append(2)", "{a: 1}.keys()", "date('2020-01-01').seconds", "date('2020-01-01').civil()",
     "(1).bit_length()", "$env.holder.secret"],
)  # fmt: skip
def test_not_reached(source: str):
    """Attributes and methods of Python objects are out of reach; only what is registered can be called."""
    with pytest.raises(ExpressionError):
        evaluate(source, {"holder": Holder(), "function": lambda: 1, "os": os})


def test_variables_stay():
    """Evaluating changes nothing outside."""
    env = {"items": [3, 1, 2], "map": {"a": 1}}
    evaluate("sort(items)", env)
    evaluate("reverse(items)", env)
    render({"x": "${{ items }}"}, env)
    assert env == {"items": [3, 1, 2], "map": {"a": 1}}


def test_mapping_as_environment():
    """Any mapping is an environment."""
    assert render_text("${{ a }}", MappingProxyType({"a": 1})) == 1
    assert evaluate("a", MappingProxyType({"a": 1}), strict=True) == 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("missing", "the name missing is unknown", id="unknown"),
        pytest.param("number + 'a'", "int + string", id="mismatch"),
        pytest.param("true || number == 'a'", "int == string", id="not-even-run"),
        pytest.param("let number = 1; number", "declared already", id="redeclared"),
        pytest.param("text()", "no function", id="no-function"),
    ],
)
def test_strict(source: str, says: str):
    """Strictly, what cannot work is refused before it runs."""
    with pytest.raises(ExpressionError, match=re.escape(says)):
        evaluate(source, {"number": 1, "text": "a"}, strict=True)
