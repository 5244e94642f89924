"""Passes over the tokens what the grammar alone cannot tell: predicate braces and a last semicolon."""

from collections.abc import Iterator

from lark import Token
from lark.lark import PostLex

from flows.expression.errors import ExpressionError
from flows.expression.limits import MAX_TOKENS

_OPENING = {"LPAR", "SQUARE", "BRACE"}
_CLOSING = {"RPAR", "RSQB", "RBRACE"}


class Marker(PostLex):
    """Marks the `{` that opens a predicate, which elsewhere opens a map, and drops a last `;`."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Yield the tokens, one behind, so that the last one is known as such."""
        held: Token | None = None
        for count, token in enumerate(_mark_predicates(stream)):
            if count > MAX_TOKENS:
                raise ExpressionError(f"it has more than {MAX_TOKENS} tokens")
            if held is not None:
                yield held
            held = token
        if held is not None and held.type != "SEMICOLON":
            yield held


def _mark_predicates(stream: Iterator[Token]) -> Iterator[Token]:
    before = previous = ""
    open_loops: list[int | None] = []  # arguments still to come before the predicate; None: no loop's bracket
    for token in stream:
        kind = token.type
        if kind == "BRACE" and previous in ("LPAR", "COMMA") and open_loops and open_loops[-1] == 0:
            token = Token.new_borrow_pos("PREDICATE_BRACE", token.value, token)
        elif kind == "COMMA" and open_loops and open_loops[-1] is not None:
            open_loops[-1] -= 1
        if kind in _OPENING:
            is_loop = kind == "LPAR" and previous == "LOOP_NAME"
            open_loops.append((0 if before == "VBAR" else 1) if is_loop else None)
        elif kind in _CLOSING and open_loops:
            open_loops.pop()
        before, previous = previous, kind
        yield token
