"""How an expression fails: one sentence with the column."""

from blocks.errors import Invalid


class ExpressionError(Invalid):
    """An expression cannot be parsed, is ill-typed, fails while it runs, or exceeds a limit.

    `what` is the reason without position, `column` the 1-based column in the source (None where
    there is none). Values never appear in the message, for they may be secrets.
    """

    def __init__(self, what: str, column: int | None = None) -> None:
        """Word the failure as one sentence."""
        where = f" at column {column}" if column is not None else ""
        super().__init__(f"The expression fails{where}: {what}.")
        self.what = what
        self.column = column


class Fault(Exception):
    """A failure inside one operation, before its place in the source is known."""
