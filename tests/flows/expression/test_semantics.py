"""Corners of the language that are easily got wrong."""

from typing import Any

import pytest

from flows.expression import evaluate
from flows.expression.values import NilArray

ENV = {"n": None, "i": 3, "f": 2.5, "s": "text", "xs": [3, 1, 2], "m": {"k": [1]}, "t": True}

CASES: list[Any] = [
    pytest.param("missing and false", False, id="decided-by-the-right-side"),
    pytest.param("missing.a.b or true", True, id="decided-without-a-look"),
    pytest.param("s and !true", False, id="decided-by-a-negation"),
    pytest.param("7 / 2", 3.5, id="division-is-float"),
    pytest.param("-7 % 3", -1, id="rest-has-the-sign-of-the-dividend"),
    pytest.param("2 ** -1", 0.5, id="power-is-float"),
    pytest.param("9223372036854775807 + 1", -9223372036854775808, id="integers-wrap"),
    pytest.param("1 == 1.0 and [1] == [1.0] and {a: 1} != {a: 1.0}", True, id="numbers-in-maps-keep-their-type"),
    pytest.param("m == {k: [1]}", True, id="maps-by-content"),
    pytest.param("xs | sort() | map(string(#)) | join('-')", "1-2-3", id="pipes"),
    pytest.param("'a' | upper() + 'b' | lower()", "ab", id="pipe-takes-all-before-it"),
    pytest.param("map(xs, #index * #)", [0, 1, 4], id="index"),
    pytest.param("map(xs, let d = # * 2; map([1], d + #))", [[7], [3], [5]], id="variables-in-nested-predicates"),
    pytest.param("reduce(xs, #acc * 10 + #, 0)", 312, id="accumulator"),
    pytest.param("filter(xs, {let half = # / 2; half >= 1})", [3, 2], id="predicate-in-braces"),
    pytest.param("groupBy(xs, # > 1 ? 'big' : 'small').big", [3, 2], id="groups"),
    pytest.param("xs[-1] + xs[:2][0]", 5, id="indexes-and-slices"),
    pytest.param("m?.nope?.deeper ?? 'none'", "none", id="chain-and-default"),
    pytest.param("if i > 2 { 'big' } else if i > 1 { 'middle' } else { 'small' }", "big", id="if"),
    pytest.param("not (i in 1..2) and i not in [1, 2]", True, id="not-in"),
    pytest.param("1 < f < i", True, id="comparison-chain"),
    pytest.param("len('北京') == 2 and '北京'[3:] == '京'", True, id="characters-counted-bytes-sliced"),
    pytest.param("\"\\u{1F600}\" + '\\x41' + `\\n`", "😀A\\n", id="strings"),
    pytest.param("0x_ff + 0b11 + 0o17 + 1_000", 1273, id="numbers"),
    pytest.param("1 /* one */ + 2 // two", 3, id="comments"),
    pytest.param("{'a b': 1, 2: 3, (s): 4}", {"a b": 1, "2": 3, "text": 4}, id="map-keys"),
    pytest.param("fromPairs([[1, 'a'], [true, 'b']])[true]", "b", id="keys-of-any-kind"),
    pytest.param("string([1, 2.0, nil, {a: 1e6}])", "[1 2 <nil> map[a:1e+06]]", id="text"),
]


@pytest.mark.parametrize(("source", "value"), CASES)
def test_value(source: str, value: Any):
    """An expression and its value, type included."""
    found = evaluate(source, ENV)
    assert found == value
    assert type(found) is type(value)


def test_the_other_side_as_it_is():
    """`true and x` is x, whatever it is."""
    assert evaluate("true and s", ENV) == "text"
    assert evaluate("n or false", ENV) is None


def test_array_never_made():
    """Go's nil slice: empty, and nil to `??`."""
    assert isinstance(evaluate("concat([], [])", ENV), NilArray)
    assert evaluate("concat([], []) ?? 'x'", ENV) == "x"
    assert evaluate("sort(n)", ENV) == []
