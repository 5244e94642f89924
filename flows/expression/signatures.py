"""What the built-ins take and give, as far as it is checked before an expression runs."""

from collections.abc import Callable

from flows.expression.errors import Fault
from flows.expression.static_types import (
    ANY,
    ANY_MAP,
    ARRAY,
    BOOL,
    DURATION,
    FLOAT,
    FLOATS,
    INT,
    LOCATION,
    MONTH,
    STRING,
    STRINGS,
    TIME,
    UNKNOWN,
    WEEKDAY,
    Signature,
    Type,
    assignable,
)


def _one(*takes: Type, gives: Type) -> tuple[Signature, ...]:
    return (Signature(takes, gives),)


_TRIM = (*_one(STRING, gives=STRING), *_one(STRING, STRING, gives=STRING))
_SPLIT = (*_one(STRING, STRING, gives=STRINGS), *_one(STRING, STRING, INT, gives=STRINGS))
_SORT = tuple(Signature((array, *order), ARRAY) for array in (ARRAY, FLOATS, STRINGS) for order in ((), (STRING,)))

SIGNATURES: dict[str, tuple[Signature, ...]] = {
    "type": _one(ANY, gives=STRING),
    "string": _one(ANY, gives=STRING),
    **dict.fromkeys(("trim", "trimPrefix", "trimSuffix"), _TRIM),
    **dict.fromkeys(("upper", "lower", "toBase64", "fromBase64"), _one(STRING, gives=STRING)),
    **dict.fromkeys(("split", "splitAfter"), _SPLIT),
    "replace": (
        *_one(STRING, STRING, STRING, gives=STRING),
        *_one(STRING, STRING, STRING, INT, gives=STRING),
    ),
    "repeat": _one(STRING, INT, gives=STRING),
    "join": tuple(Signature((array, *glue), STRING) for array in (STRINGS, ARRAY) for glue in ((), (STRING,))),
    **dict.fromkeys(("indexOf", "lastIndexOf"), _one(STRING, STRING, gives=INT)),
    **dict.fromkeys(("hasPrefix", "hasSuffix"), _one(STRING, STRING, gives=BOOL)),
    "toJSON": _one(ANY, gives=STRING),
    "fromJSON": _one(STRING, gives=ANY),
    "duration": _one(STRING, gives=DURATION),
    "timezone": _one(STRING, gives=LOCATION),
    "sort": _SORT,
    **dict.fromkeys(("bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"), _one(INT, INT, gives=INT)),
    "bitnot": _one(INT, gives=INT),
}
"""Built-ins with fixed lists of argument types."""

TYPED: dict[str, tuple[Signature, ...]] = {
    **dict.fromkeys(("quote", "unsafeQuote", "asYAML", "asJSON"), _one(ANY, gives=STRING)),
    "semverDiff": _one(STRING, STRING, gives=STRING),
    "semverParse": _one(STRING, gives=UNKNOWN),
}
"""Our own functions of templates."""


def applied(name: str, signatures: tuple[Signature, ...], arguments: list[Type]) -> Type:
    """The type a call gives, or Fault when no signature fits."""
    reason = ""
    for signature in signatures:
        reason = _misfit(name, signature, arguments)
        if not reason:
            return signature.gives
    raise Fault(reason)


def _misfit(name: str, signature: Signature, arguments: list[Type]) -> str:
    if len(arguments) != len(signature.takes):
        return f"{name} takes {len(signature.takes)} arguments, not {len(arguments)}"
    for number, (given, asked) in enumerate(zip(arguments, signature.takes, strict=True), 1):
        if not (given.is_unknown or assignable(given, asked) or _converts(given, asked)):
            return f"{name} takes {asked.kind} as argument {number}, not {given.kind}"
    return ""


def _converts(given: Type, asked: Type) -> bool:
    return given.is_integer and asked.kind in ("int", "float")


Rule = Callable[[str, list[Type]], Type]


def _among(*kinds: str, gives: Callable[[Type], Type]) -> Rule:
    """Make the rule of a built-in that takes one argument of these kinds."""

    def rule(name: str, arguments: list[Type]) -> Type:
        _count(name, arguments, 1, 1)
        if not (arguments[0].is_unknown or arguments[0].kind in kinds):
            raise Fault(f"{name} is not possible on {arguments[0].kind}")
        return gives(arguments[0])

    return rule


def _count(name: str, arguments: list[Type], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise Fault(f"{name} takes {wanted} arguments, not {len(arguments)}")


def _plain(type_: Type) -> Callable[[Type], Type]:
    return lambda _given: type_


def _element(array: Type) -> Type:
    """The element type that survives: only arrays of strings or of floats are typed for good."""
    return array.element or ANY if array.form else ANY


def _aggregate(name: str, arguments: list[Type]) -> Type:
    _count(name, arguments, 1, 1000)
    for given in arguments:
        if given.is_unknown or given.is_array:
            return ANY
        if not given.is_number and given.kind != "time.Duration":
            raise Fault(f"{name} is not possible on {given.kind}")
    return arguments[0]


def _now(name: str, arguments: list[Type]) -> Type:
    _count(name, arguments, 0, 1)
    if arguments and arguments[0] != LOCATION:
        raise Fault("now takes a time zone or nothing")
    return TIME


def _date(name: str, arguments: list[Type]) -> Type:
    _count(name, arguments, 1, 4 if arguments and arguments[0] == LOCATION else 3)
    return TIME


def _take(name: str, arguments: list[Type]) -> Type:
    _count(name, arguments, 2, 2)
    array, count = arguments
    if not (array.is_unknown or array.is_array):
        raise Fault(f"take is not possible on {array.kind}")
    if not (count.is_unknown or count.kind in ("int", "time.Duration")):
        raise Fault(f"take takes an integer, not {count.kind}")
    return array if array.form or array.is_unknown else ARRAY


def _concat(name: str, arguments: list[Type]) -> Type:
    _count(name, arguments, 1, 1000)
    for given in arguments:
        if not (given.is_unknown or given.is_array):
            raise Fault(f"concat is not possible on {given.kind}")
    return ARRAY


_NUMBERS = ("int", "uint", "float", "time.Duration")
_ARRAYS = ("array", "bytes")

RULES: dict[str, Rule] = {
    "len": _among("array", "bytes", "map", "string", gives=_plain(INT)),
    "abs": _among(*_NUMBERS, gives=lambda given: given),
    **dict.fromkeys(("ceil", "floor", "round"), _among(*_NUMBERS, gives=_plain(FLOAT))),
    "int": _among(*_NUMBERS, "string", "time.Month", "time.Weekday", gives=_plain(INT)),
    "float": _among(*_NUMBERS, "string", gives=_plain(FLOAT)),
    **dict.fromkeys(("max", "min", "mean", "median"), _aggregate),
    "now": _now,
    "date": _date,
    **dict.fromkeys(("first", "last"), _among(*_ARRAYS, gives=_element)),
    "take": _take,
    **dict.fromkeys(("keys", "values", "toPairs"), _among("map", gives=_plain(ARRAY))),
    "fromPairs": _among(*_ARRAYS, gives=_plain(ANY_MAP)),
    **dict.fromkeys(("reverse", "uniq", "flatten"), _among(*_ARRAYS, gives=_plain(ARRAY))),
    "concat": _concat,
}
"""Built-ins whose result follows from their arguments."""

_TIME_FIELDS = [
    "Year",
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "YearDay",
    "Unix",
    "UnixMilli",
    "UnixMicro",
    "UnixNano",
    "Compare",
]
METHODS: dict[str, dict[str, Type]] = {
    "time.Time": {
        **dict.fromkeys(_TIME_FIELDS, INT),
        **dict.fromkeys(("Format", "String"), STRING),
        **dict.fromkeys(("Add", "AddDate", "In", "UTC", "Round", "Truncate"), TIME),
        **dict.fromkeys(("Before", "After", "Equal", "IsZero"), BOOL),
        "Sub": DURATION,
        "Location": LOCATION,
        "Month": MONTH,
        "Weekday": WEEKDAY,
    },
    "time.Duration": {
        **dict.fromkeys(("Hours", "Minutes", "Seconds"), FLOAT),
        **dict.fromkeys(("Milliseconds", "Microseconds", "Nanoseconds"), INT),
        **dict.fromkeys(("Round", "Truncate", "Abs"), DURATION),
        "String": STRING,
    },
    "time.Location": {"String": STRING},
    "time.Month": {"String": STRING},
    "time.Weekday": {"String": STRING},
}
"""What the methods of times give; nothing is said about what they take."""
