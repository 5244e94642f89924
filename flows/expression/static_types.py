"""What can be known of a value's type before an expression runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.expression.calendar_names import Month, Weekday
from flows.expression.times import Duration, Location, Time
from flows.expression.values import ARRAYS, AnyMap, Byte, Struct


@dataclass(frozen=True, slots=True)
class Type:
    """A static type. `element` is what an array or map holds, `form` tells apart arrays and maps of one kind."""

    kind: str
    element: "Type | None" = None
    form: str = ""
    signatures: "tuple[Signature, ...]" = ()

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known, so that everything may fit."""
        return self.kind in ("unknown", "any")

    @property
    def is_integer(self) -> bool:
        """Whether it is a signed or unsigned integer."""
        return self.kind in ("int", "uint")

    @property
    def is_number(self) -> bool:
        """Whether it is an integer or a float."""
        return self.kind in ("int", "uint", "float")

    @property
    def is_array(self) -> bool:
        """Whether it has elements by number."""
        return self.kind in ("array", "bytes")


@dataclass(frozen=True, slots=True)
class Signature:
    """The types a function takes, and gives."""

    takes: tuple[Type, ...]
    gives: Type


UNKNOWN = Type("unknown")
ANY = Type("any")
NIL = Type("nil")
BOOL = Type("bool")
INT = Type("int")
UINT = Type("uint")
FLOAT = Type("float")
STRING = Type("string")
BYTES = Type("bytes", UINT)
TIME = Type("time.Time")
DURATION = Type("time.Duration")
LOCATION = Type("time.Location")
MONTH = Type("time.Month")
WEEKDAY = Type("time.Weekday")
FUNCTION = Type("func")
ARRAY = Type("array", ANY)
STRINGS = Type("array", STRING, "strings")
FLOATS = Type("array", FLOAT, "floats")
MAP = Type("map", ANY)
ANY_MAP = Type("map", ANY, "any")
GROUPS = Type("map", ARRAY, "groups")

_SHAPES = {"array": "slice", "bytes": "slice", "unknown": "nothing", "nil": "nothing"}
_OF: dict[type, Type] = {
    type(None): NIL,
    bool: BOOL,
    int: INT,
    Byte: UINT,
    float: FLOAT,
    str: STRING,
    bytes: BYTES,
    dict: MAP,
    Struct: MAP,
    AnyMap: ANY_MAP,
    Time: TIME,
    Duration: DURATION,
    Location: LOCATION,
    Month: MONTH,
    Weekday: WEEKDAY,
    **dict.fromkeys(ARRAYS, ARRAY),
}


def type_of(value: Any) -> Type:
    """The static type of a variable that has this value; what arrays and maps hold stays open."""
    return _OF.get(value.__class__) or (UNKNOWN if callable(value) else ANY)


def array_of(element: Type) -> Type:
    """An array literal's type."""
    return Type("array", element)


def same_shape(left: Type, right: Type) -> bool:
    """Whether two elements leave an array's element type open or not."""
    return _SHAPES.get(left.kind, left.kind) == _SHAPES.get(right.kind, right.kind)


def assignable(source: Type, target: Type) -> bool:
    """Whether a value of one type may stand where the other is asked for."""
    if source.kind == "nil":
        return target.kind in ("any", "map", "array", "func")
    if "unknown" in (source.kind, target.kind) or target.kind == "nil":
        return False
    return target.kind == "any" or (source.kind == target.kind and source.form == target.form)


def comparable(left: Type, right: Type) -> bool:
    """Whether == is possible between two types."""
    return (
        left.is_unknown
        or right.is_unknown
        or "nil" in (left.kind, right.kind)
        or (left.is_number and right.is_number)
        or (left.is_array and right.is_array)
        or assignable(left, right)
    )


def maybe(left: Type, right: Type, *fits: Callable[[Type], bool]) -> bool:
    """Whether an operator may work out, one side at least being unknown."""
    if left.is_unknown and right.is_unknown:
        return True
    known = right if left.is_unknown else left
    return (left.is_unknown or right.is_unknown) and any(fit(known) for fit in fits)


def is_number(type_: Type) -> bool:
    """As a test for `maybe`."""
    return type_.is_number


def is_integer(type_: Type) -> bool:
    """As a test for `maybe`."""
    return type_.is_integer


def is_kind(kind: Type) -> Callable[[Type], bool]:
    """Make a test for `maybe`."""
    return lambda type_: type_.kind == kind.kind
