"""Which types the operators take, and what they give."""

from collections.abc import Callable

from flows.expression.errors import Fault
from flows.expression.static_types import (
    ANY,
    BOOL,
    DURATION,
    FLOAT,
    INT,
    NIL,
    STRING,
    TIME,
    UNKNOWN,
    Type,
    array_of,
    assignable,
    comparable,
    is_integer,
    is_kind,
    is_number,
    maybe,
)

_is_string, _is_time, _is_duration, _is_bool = map(is_kind, (STRING, TIME, DURATION, BOOL))

_SUMS = {
    ("time.Time", "time.Duration"): TIME,
    ("time.Duration", "time.Time"): TIME,
    ("time.Duration", "time.Duration"): DURATION,
    ("string", "string"): STRING,
}
_DIFFERENCES = {
    ("time.Time", "time.Time"): DURATION,
    ("time.Time", "time.Duration"): TIME,
    ("time.Duration", "time.Duration"): DURATION,
}


def unary(operator: str, operand: Type) -> Type:
    """The type of `operator operand`, or Fault."""
    if operator in ("!", "not"):
        fits, gives = operand == BOOL, BOOL
    else:
        fits, gives = operand.is_number, operand
    if fits or operand.is_unknown:
        return gives if fits or operator in ("!", "not") else UNKNOWN
    raise Fault(f"{operator} {operand.kind} is not possible")


def binary(operator: str, left: Type, right: Type) -> Type:
    """The type of `left operator right`, or Fault."""
    found = _RULES[operator](left, right)
    if found is None:
        raise Fault(f"{left.kind} {operator} {right.kind} is not possible")
    return found


Rule = Callable[[Type, Type], Type | None]


def _equality(left: Type, right: Type) -> Type | None:
    return BOOL if comparable(left, right) else None


def _logic(left: Type, right: Type) -> Type | None:
    return BOOL if left == right == BOOL or maybe(left, right, _is_bool) else None


def _order(left: Type, right: Type) -> Type | None:
    if left.is_number and right.is_number:
        return BOOL
    if left.kind == right.kind and left.kind in ("string", "time.Time", "time.Duration"):
        return BOOL
    return BOOL if maybe(left, right, is_number, _is_string, _is_time, _is_duration) else None


def _promoted(left: Type, right: Type) -> Type | None:
    if not (left.is_number and right.is_number):
        return None
    return FLOAT if FLOAT in (left, right) else INT


def _plus(left: Type, right: Type) -> Type | None:
    found = _promoted(left, right) or _SUMS.get((left.kind, right.kind))
    return found or (UNKNOWN if maybe(left, right, is_number, _is_string, _is_time, _is_duration) else None)


def _minus(left: Type, right: Type) -> Type | None:
    found = _promoted(left, right) or _DIFFERENCES.get((left.kind, right.kind))
    return found or (UNKNOWN if maybe(left, right, is_number, _is_time, _is_duration) else None)


def _times(left: Type, right: Type) -> Type | None:
    if DURATION in (left, right) and all(side.is_number or side == DURATION for side in (left, right)):
        return DURATION
    return _promoted(left, right) or (UNKNOWN if maybe(left, right, is_number, _is_duration) else None)


def _quotient(left: Type, right: Type) -> Type | None:
    return FLOAT if (left.is_number and right.is_number) or maybe(left, right, is_number) else None


def _rest(left: Type, right: Type) -> Type | None:
    return INT if (left.is_integer and right.is_integer) or maybe(left, right, is_integer) else None


def _range(left: Type, right: Type) -> Type | None:
    return array_of(INT) if _rest(left, right) else None


def _membership(left: Type, right: Type) -> Type | None:
    if right.kind == "map":
        fits = left.is_unknown or (assignable(left, ANY) if right.form else left == STRING)
    elif right.is_array:
        fits = comparable(left, right.element or UNKNOWN)
    else:
        fits = right.is_unknown or (left.is_unknown and right == STRING)
    return BOOL if fits else None


def _text(left: Type, right: Type) -> Type | None:
    return BOOL if left == right == STRING or maybe(left, right, _is_string) else None


def _pattern(left: Type, right: Type) -> Type | None:
    return BOOL if left.kind == "bytes" and right == STRING else _text(left, right)


def _otherwise(left: Type, right: Type) -> Type | None:
    if NIL in (left, right):
        return right if left == NIL else left
    return left if assignable(right, left) else UNKNOWN


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("==", "!="), _equality),
    **dict.fromkeys(("and", "&&", "or", "||"), _logic),
    **dict.fromkeys(("<", "<=", ">", ">="), _order),
    "+": _plus,
    "-": _minus,
    "*": _times,
    **dict.fromkeys(("/", "**", "^"), _quotient),
    "%": _rest,
    "..": _range,
    "in": _membership,
    **dict.fromkeys(("contains", "startsWith", "endsWith"), _text),
    "matches": _pattern,
    "??": _otherwise,
}
