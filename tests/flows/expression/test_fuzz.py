"""Whatever is written as an expression gives a value or an ExpressionError, soon."""

import contextlib
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.expression import ExpressionError, evaluate, render_text
from flows.expression.conditions import judge
from flows.expression.names import FUNCTIONS, LOOPS

ENV = {"a": 1, "b": 2.5, "s": "text", "n": None, "t": True, "xs": [1, 2.0, "x", None, [3]], "m": {"k": {"v": [1]}}}
ATOMS = [
    "1",
    "0",
    "-1",
    "2.5",
    "1e308",
    "9223372036854775807",
    '"x"',
    "'é😀'",
    'b"\\xff"',
    "nil",
    "true",
    "[]",
    "{}",
    *ENV,
]
ATOMS += ["#", "#acc", "#index", ".k", "$env", "date('2023-01-01')", "duration('1h')", "[1, 2]", "{k: 1}", "1..3"]
INFIX = ["+", "-", "*", "/", "%", "**", "==", "!=", "<", ">=", "and", "||", "in", "not in", "matches", "contains", "??"]
INFIX += ["..", ";", "? 1 :", "| len() +", "startsWith", "."]

atoms = st.sampled_from(ATOMS)
fragments = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(INFIX), inner),
        st.builds("{}({})".format, st.sampled_from(sorted(FUNCTIONS)), inner),
        st.builds("{}({}, {})".format, st.sampled_from(sorted(FUNCTIONS)), inner, inner),
        st.builds("{}({}, {})".format, st.sampled_from(sorted(LOOPS)), inner, inner),
        st.builds("{}({}, {{{}}}, {})".format, st.sampled_from(["reduce", "sortBy"]), inner, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}[{}:{}]".format, inner, inner, inner),
        st.builds("({})?.k.v".format, inner),
        st.builds("let v = {}; [v, {}]".format, inner, inner),
        st.builds("if {} {{ {} }} else {{ {} }}".format, inner, inner, inner),
        st.builds("-{}".format, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=12,
)
garbage = st.text(st.sampled_from("abs01.#?:;,()[]{}|&!=<>+-*/%^'\"`\\ \n$_eExnot"), max_size=60)


def _holds(source: str, strict: bool) -> None:
    began = time.thread_time()
    try:
        evaluate(source, ENV, strict=strict)
    except ExpressionError as error:
        assert str(error).endswith(".")
    assert time.thread_time() - began < 3


@settings(max_examples=300, deadline=None)
@given(source=fragments, strict=st.booleans())
def test_built_expressions(source: str, strict: bool):
    """Expressions put together from valid parts."""
    _holds(source, strict)


@settings(max_examples=300, deadline=None)
@given(source=garbage, strict=st.booleans())
def test_garbage(source: str, strict: bool):
    """Text that happens to look like an expression."""
    _holds(source, strict)


@settings(max_examples=100, deadline=None)
@given(before=garbage, source=fragments, after=garbage)
def test_templates(before: str, source: str, after: str):
    """A template gives a value or one error."""
    with contextlib.suppress(ExpressionError):
        render_text(f"{before}${{{{ {source} }}}}{after}", ENV)


@settings(max_examples=100, deadline=None)
@given(result=st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.lists(st.floats())), condition=fragments)
def test_conditions(result: object, condition: str):
    """A condition always comes to one of the four phases."""
    assert judge(result, condition, "")[0] in ("Successful", "Failed", "Error")
