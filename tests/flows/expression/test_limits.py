"""No expression hangs or exhausts a worker: each ends soon, with a value or one error."""

import time

import pytest

from flows.expression import ExpressionError, evaluate, render
from flows.expression.functions import FUNCTIONS
from flows.expression.limits import MAX_SOURCE

SHARED = "reduce(1..100, [#acc, #acc], 0)"  # tiny here, endless where it is written out
DEEP = "reduce(1..100000, [#acc], 0)"
ENV = {"text": "x" * 1_000_000, "other": "x" * 999_999 + "y", "numbers": list(range(10_000)), **FUNCTIONS}

REFUSED = {
    "long-source": "1" * (MAX_SOURCE + 1),
    "parentheses": "(" * 50_000,
    "nested-arrays": "[" * 1000 + "]" * 1000,
    "nested-maps": "{a:" * 1000 + "1" + "}" * 1000,
    "nested-calls": "f(" * 1000 + ")" * 1000,
    "nested-loops": "map([1]," * 300 + "#" + ")" * 300,
    "nested-conditions": "true ? true : " * 1000 + "true",
    "nested-ifs": "if true {" * 500 + "1" + "} else {2}" * 500,
    "minus-chain": "-" * 5000 + "1",
    "power-chain": "2**" * 1000 + "2",
    "sum-chain": "+".join(["1"] * 3000),
    "member-chain": "a" + ".b" * 3000,
    "pipe-chain": "1" + " | abs()" * 2000,
    "let-chain": "let a = 1;" * 2000 + "a",
    "many-tokens": "1;" * 40_000 + "1",
    "huge-integer": "9" * 50_000,
    "repeat": 'repeat("x", 1000000000)',
    "range": "1..1000000000",
    "ranges-in-loops": "map(1..1000, map(1..1000, map(1..1000, #)))",
    "loops": "all(1..1000, all(1..1000, all(1..1000, true)))",
    "doubled-string": 'reduce(1..100, #acc + #acc, "x")',
    "doubled-quotes": "reduce(1..100, quote(#acc), '\"')",
    "doubled-array": "reduce(1..100, concat(#acc, #acc), [1])",
    "replace-by-more": f'replace(text, "", "{"y" * 100}")',
    "split-all": 'split(text, "")',
    "upper-in-loop": 'all(1..100000, upper(text) != "")',
    "compare-in-loop": "all(1..100000, numbers == numbers)",
    "search-in-loop": "all(1..900000, # in numbers)",
    "unique-arrays": "uniq(map(1..100000, [#]))",
    "deep-value": DEEP,
    "deep-json": f"toJSON({DEEP})",
    "deep-text": f"string({DEEP})",
    "deep-equality": f"{DEEP} == {DEEP}",
    "deep-flatten": f"flatten({DEEP})",
    "shared-value": SHARED,
    "shared-json": f"toJSON({SHARED})",
    "shared-text": f"string({SHARED})",
    "shared-yaml": f"asYAML({SHARED})",
    "shared-quote": f"quote({SHARED})",
    "shared-equality": f"{SHARED} == {SHARED}",
    "shared-mean": f"mean({SHARED})",
    "deep-json-text": "fromJSON('" + "[" * 20_000 + "')",
    "big-pattern": 'text matches "((a{0,1000}){0,1000}){0,1000}"',
    "big-date": "date('2023-01-01').AddDate(10000000, 0, 0)",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED.keys())
def test_refused_soon(source: str):
    """Whatever would take too much time, memory or stack is an error, and quickly."""
    began = time.thread_time()
    with pytest.raises(ExpressionError):
        evaluate(source, ENV)
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param("5 in 1..1000000000000", True, id="range-not-made"),
        pytest.param('text matches "(x+x+)+y"', False, id="linear-pattern"),
        pytest.param("len(text + other)", 2_000_000, id="megabytes"),
        pytest.param("+".join(["1"] * 150), 150, id="long-sum"),
        pytest.param("len(map(1..100000, # * 2))", 100_000, id="hundred-thousand"),
        pytest.param("bitshl(1, 1000000000000)", 0, id="wide-shift"),
        pytest.param("[" * 150 + "7" + "]" * 150 + "[0]" * 40 + "[0][0] != nil", True, id="nesting-within-bounds"),
    ],
)
def test_allowed(source: str, value: object):
    """What is merely large still works."""
    assert evaluate(source, ENV) == value


def test_document_shares_a_budget():
    """Many expensive expressions in one document do not add up."""
    with pytest.raises(ExpressionError):
        render([f"${{{{ len(map(1..200000, {number})) }}}}" for number in range(20)], {})


def test_deep_document():
    """A document nested without end is refused."""
    document: object = "x"
    for _ in range(1000):
        document = [document]
    with pytest.raises(ExpressionError):
        render(document, {})
