"""What the sandbox's Datadog and CloudWatch know: the numbers that Prometheus has, by name and labels, and arithmetic.

Beside `http_error_rate` there are `http_requests`, of which each workload has 1,000, and `http_errors` among them.
"""

import ast
import operator
from collections.abc import Callable, Mapping

from deployments.sandbox.metrics import ERROR_RATE, Labels, Metrics
from deployments.sandbox.metrics_selector import BadQuery, Selector

REQUESTS = 1_000.0
LONGEST = 1_000
"""Characters of an expression."""

DERIVED: dict[str, Callable[[float], float]] = {
    "http_requests": lambda _rate: REQUESTS,
    "http_errors": lambda rate: rate * REQUESTS,
}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def series(metrics: Metrics, name: str, labels: Labels) -> list[tuple[dict[str, str], float]]:
    """List the series of a metric that have these labels."""
    derive = DERIVED.get(name)
    wanted = ("__name__", "=", ERROR_RATE if derive else name)
    found = metrics.select(Selector((wanted, *((label, "=", value) for label, value in labels.items()))))
    return [(each, derive(value) if derive else value) for each, value in found]


def calculate(expression: str, numbers: Mapping[str, float]) -> float | None:
    """Add, subtract, multiply and divide numbers by name; None for what cannot be divided.

    Raises BadQuery, with the name of what is not known.
    """
    try:
        if len(expression) > LONGEST:
            raise BadQuery(f"the expression is longer than {LONGEST} characters")
        return _value(ast.parse(expression.strip(), mode="eval").body, numbers)
    except (SyntaxError, ValueError, RecursionError):
        raise BadQuery(f"{expression!r} is no arithmetic, which is all the sandbox can calculate") from None
    except (ZeroDivisionError, OverflowError):
        return None


def _value(node: ast.expr, numbers: Mapping[str, float]) -> float:
    match node:
        case ast.BinOp(left, by, right) if type(by) in _OPERATORS:
            return _OPERATORS[type(by)](_value(left, numbers), _value(right, numbers))
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand, numbers)
        case ast.Constant(int() | float() as number):
            return float(number)
        case ast.Name(name):
            if name not in numbers:
                raise BadQuery(f"{name!r} is none of the queries")
            return numbers[name]
    raise ValueError(ast.unparse(node))
