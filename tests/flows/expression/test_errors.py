"""An error is one sentence with the column; it never repeats a value."""

import pytest

from blocks.errors import Invalid, Unavailable
from flows.expression import ExpressionError, evaluate, validate

CASES = [
    pytest.param("1 +", None, "it ends too early", id="unfinished"),
    pytest.param("1 2", 3, "unexpected '2'", id="two-values"),
    pytest.param("a @ b", 3, "unexpected character", id="character"),
    pytest.param('"abc', 1, "unfinished string", id="open-string"),
    pytest.param('1 + "a"', 3, "int + string is not possible", id="types"),
    pytest.param("a.b.c", 3, "nil has no such member (reading 'b')", id="member-of-nil"),
    pytest.param("[1][5]", 4, "an index is out of range", id="index"),
    pytest.param("nope(1)", 1, "there is no function nope", id="no-function"),
    pytest.param("upper()", 1, "upper takes 1 arguments, not 0", id="too-few"),
    pytest.param("if_so ? 1 : 2", 1, "a boolean is needed, not nil", id="condition"),
    pytest.param("map([1], #foo)", 10, "#foo is unknown here", id="pointer"),
    pytest.param("# > 1", 1, "# is used outside a predicate", id="pointer-outside"),
    pytest.param("1 % 0", 3, "division by zero", id="division"),
    pytest.param("'x' matches '['", 5, "not valid RE2", id="pattern"),
    pytest.param("?? 1", 1, "unexpected '??'", id="operator-first"),
    pytest.param("a ?? b + c", 8, "?? and + cannot be mixed", id="mixed"),
]


@pytest.mark.parametrize(("source", "column", "says"), CASES)
def test_sentence_and_column(source: str, column: int | None, says: str):
    """The message names what is wrong and where."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(source, {})
    message = str(caught.value)
    assert says in message
    assert caught.value.column == column
    assert "\n" not in message
    assert message.startswith("The expression fails")
    assert message.endswith(".")


def test_is_invalid():
    """An expression error is final: somebody has to change the expression."""
    assert issubclass(ExpressionError, Invalid)


SECRET = "hunter2-very-secret"


@pytest.mark.parametrize(
    "source",
    ["int(secret)", "secret + 1", "secret.foo", "duration(secret)", "date(secret)", "fromJSON(secret)",
     "x matches secret", "timezone(secret)", "secret()", "sort([secret, 1])", "[1][secret]",
     "join([1], secret)", "fail(secret)"],
)  # fmt: skip
def test_no_value_in_message(source: str):
    """What a variable holds is not repeated, for it may be a secret."""

    def fail(value: str) -> None:
        raise ValueError(value)

    with pytest.raises(ExpressionError) as caught:
        evaluate(source, {"secret": SECRET + "[", "x": "x", "fail": fail})
    assert SECRET not in str(caught.value)


def test_own_errors_pass():
    """A function that could not reach something says so itself, so that the step is retried."""

    def secret(_name: str) -> str:
        raise Unavailable("the server cannot serve now")

    with pytest.raises(Unavailable):
        evaluate("secret('x').key", {"secret": secret})


def test_wrong_arguments():
    """A function called with the wrong number of arguments is the expression's fault."""
    with pytest.raises(ExpressionError, match="size cannot be called with these 2 arguments"):
        evaluate("size(1, 2)", {"size": len})


@pytest.mark.parametrize("source", ["1 +", "1 + 'a'", "'x' matches '('", "upper()", "# + 1"])
def test_never_valid(source: str):
    """What can never work is told without running it."""
    with pytest.raises(ExpressionError):
        validate(source)


@pytest.mark.parametrize("source", ["a.b.c", "missing(1)", "response.status == 200", "int(x)"])
def test_valid_until_run(source: str):
    """What depends on variables is not refused beforehand."""
    validate(source)
