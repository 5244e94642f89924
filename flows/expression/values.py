"""The kinds of value an expression knows beside Python's own, and their names.

bool, int (64-bit), float, str, bytes, list and dict (keys are strings) stand for themselves, None
is nil. Methods are reached only through the tables registered here with `expose`, never by
Python's attribute access.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from flows.expression.errors import Fault
from flows.expression.times import Duration, Location, Time


class Byte(int):
    """One byte of a string or of bytes, an unsigned integer."""


class Struct(dict[str, Any]):
    """A map with the fields that its kind has and no other: one that is misspelt is an error, not nil.

    `written` are the fields' names in JSON, as Go's tags give them; what is empty is left out there.
    """

    def __init__(self, kind: str, values: Mapping[str, Any], written: Mapping[str, str]) -> None:
        """Take the values of all fields."""
        super().__init__(values)
        self.kind = kind
        self.written = written

    def field(self, name: Any) -> Any:
        """The value of a field. Raises Fault when there is none of this name."""
        if name not in self:
            raise Fault(f"{self.kind} has no field {str(name)[:60]!r}: it has {', '.join(self)}")
        return self[name]

    def as_map(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {self.written[name]: value for name, value in self.items() if value not in ("", None, {})}


class NilArray(list[Any]):
    """An array that was never made: empty, and equal to nil."""


class AnyMap:
    """A map whose keys are any scalars; 1, 1.0 and true are different keys."""

    __slots__ = ("_entries", "missing")

    def __init__(self, missing: Callable[[], Any] = lambda: None) -> None:
        """Start empty; `missing` makes what an absent key gives."""
        self._entries: dict[tuple[type, Any], tuple[Any, Any]] = {}
        self.missing = missing

    def __setitem__(self, key: Any, value: Any) -> None:
        self._entries[_hashable(key)] = (key, value)

    def __getitem__(self, key: Any) -> Any:
        found = self._entries.get(_hashable(key))
        return self.missing() if found is None else found[1]

    def __contains__(self, key: Any) -> bool:
        return _hashable(key) in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> Iterator[tuple[Any, Any]]:
        """The entries, in the order they were made."""
        return iter(self._entries.values())


def _hashable(key: Any) -> tuple[type, Any]:
    kind = key.__class__
    if kind in (list, tuple, NilArray, dict, AnyMap, bytes):
        raise Fault(f"{type_name(key)} cannot be the key of a map")
    return kind, key


ARRAYS: frozenset[Any] = frozenset({list, tuple, NilArray})
MAPS: frozenset[Any] = frozenset({dict, Struct})
"""Maps whose keys are strings."""

INTEGERS: frozenset[Any] = frozenset({int, Byte})
NUMBERS: frozenset[Any] = frozenset({int, Byte, float})

_NAMES: dict[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    Byte: "uint",
    float: "float",
    str: "string",
    bytes: "array",
    dict: "map",
    Struct: "map",
    AnyMap: "map",
    Time: "time.Time",
    Duration: "time.Duration",
    Location: "time.Location",
    **dict.fromkeys(ARRAYS, "array"),
}
_METHODS: dict[type, Mapping[str, Callable[..., Any]]] = {}


def expose(kind: type, name: str, methods: Mapping[str, Callable[..., Any]]) -> None:
    """Let expressions hold values of exactly this type and call these methods on them, by these names."""
    _NAMES[kind] = name
    _METHODS[kind] = methods


def method(value: Any, name: str) -> Callable[..., Any] | None:
    """Find a method registered for the value's type."""
    found = _METHODS.get(value.__class__, {}).get(name)
    return None if found is None else partial(found, value)


def type_name(value: Any) -> str:
    """The name of a value's type, as `type()` gives it."""
    return _NAMES.get(value.__class__) or ("func" if callable(value) else "unknown")


def is_nil(value: Any) -> bool:
    """Whether a value is nil or an array that was never made."""
    return value is None or value.__class__ is NilArray


def known(value: Any) -> Any:
    """Take a value from outside: a datetime becomes a time, a subclass of a plain type that plain type."""
    if value.__class__ in _NAMES:
        return value
    if isinstance(value, datetime):
        return Time.of(value)
    if isinstance(value, Mapping):
        return {str(key): known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [known(item) for item in value]
    plain = next((kind for kind in (str, int, float) if isinstance(value, kind)), None)
    return value if plain is None else plain(value)
