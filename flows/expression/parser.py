"""Reads the source of an expression into a syntax tree."""

from lark import Lark, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, VisitError

from flows.expression.builder import Builder, column
from flows.expression.errors import ExpressionError
from flows.expression.limits import MAX_SOURCE
from flows.expression.syntax import Node
from flows.expression.tokens import Marker

_LARK = Lark.open(
    "grammar.lark", rel_to=__file__, parser="lalr", lexer="basic", postlex=Marker(), maybe_placeholders=False
)


def parse(source: str) -> Node:
    """Parse an expression; raise ExpressionError when it is none, or too large."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"it is longer than {MAX_SOURCE} characters")
    try:
        node: Node = Builder().transform(_LARK.parse(source))
    except UnexpectedInput as error:
        raise _unexpected(error) from None
    except VisitError as error:
        raise error.orig_exc from None
    return node


def _unexpected(error: UnexpectedInput) -> ExpressionError:
    if isinstance(error, UnexpectedCharacters):
        return ExpressionError(
            "there is an unexpected character or an unfinished string", (error.pos_in_stream or 0) + 1
        )
    token = getattr(error, "token", None)
    if token is None or token.type == "$END":
        return ExpressionError("it ends too early")
    return ExpressionError(f"unexpected {str(token)[:40]!r}", column(token))
