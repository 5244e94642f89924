"""Bare expressions give what the reference gives, without and with knowledge of the variables' types."""

import base64
from typing import Any

import pytest

from flows.expression import ExpressionError, evaluate
from flows.expression.layouts import RFC3339_NANO, format_time
from flows.expression.times import Duration, Time
from flows.expression.values import AnyMap, Byte, NilArray
from tests.conformance.cases import Case, cases


@pytest.mark.parametrize("case", cases("expr.json"))
def test_expression(case: Case):
    """Variables have no static type, an unknown name is nil: Kargo's way."""
    _hold(case, case, strict=False)


@pytest.mark.parametrize("case", cases("expr.json"))
def test_expression_strictly(case: Case):
    """Variables have the type of their value, an unknown name is an error: the way of conditions."""
    _hold(case, case.get("strict", case), strict=True)


def _hold(case: Case, expected: Case, strict: bool) -> None:
    if expected.get("error"):
        with pytest.raises(ExpressionError):
            evaluate(case["expr"], case.get("env", {}), strict=strict)
        return
    value = evaluate(case["expr"], case.get("env", {}), strict=strict)
    want, kind = expected["want"], expected.get("kind", "")
    if kind in _KINDS:
        assert _KINDS[kind](value) == _comparable(want if kind != "pairs" else [tuple(pair) for pair in want], kind)
    elif expected.get("unordered"):
        assert sorted(map(repr, value)) == sorted(map(repr, want))
    else:
        assert _same(value, want), value


def _typed(kind: type, value: Any) -> Any:
    assert type(value) is kind
    return value


def _pairs(value: Any) -> list[str]:
    return sorted(repr((key, list(item) if isinstance(item, list) else item)) for key, item in value.items())


_KINDS = {
    "int": lambda value: _typed(int, value),
    "uint": lambda value: int(_typed(Byte, value)),
    "float": lambda value: repr(_typed(float, value)),
    "time": lambda value: format_time(_typed(Time, value), RFC3339_NANO),
    "duration": lambda value: _typed(Duration, value).nanoseconds,
    "bytes": lambda value: base64.b64encode(_typed(bytes, value)).decode(),
    "nil-array": lambda value: list(_typed(NilArray, value)),
    "pairs": lambda value: _pairs(_typed(AnyMap, value)),
}


def _comparable(want: Any, kind: str) -> Any:
    if kind == "float":
        return repr(float(want))
    return sorted(map(repr, want)) if kind == "pairs" else want


def _same(value: Any, want: Any) -> bool:
    """Compare deeply; an integer and a float are never the same."""
    if isinstance(want, list):
        return isinstance(value, list) and len(value) == len(want) and all(map(_same, value, want))
    if isinstance(want, dict):
        return type(value) is dict and value.keys() == want.keys() and all(_same(value[key], want[key]) for key in want)
    return (type(value) is type(want) or isinstance(value, Byte)) and value == want
