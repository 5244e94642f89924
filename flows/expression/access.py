"""How values are reached inside others: members, elements and slices."""

from typing import Any

from flows.expression.errors import Fault
from flows.expression.operators import map_key, truncate
from flows.expression.values import ARRAYS, AnyMap, Byte, Struct, known, method, type_name


def fetch(target: Any, key: Any) -> Any:
    """`target[key]`: an absent key of a map gives nil, an index out of range is an error."""
    kind = target.__class__
    if kind is dict:
        return known(target.get(map_key(key)))
    if kind in ARRAYS or kind in (str, bytes):
        found, value = element(target, truncate(key))
        if not found:
            raise Fault("an index is out of range")
        return value
    if kind is AnyMap:
        return target[key]
    if kind is Struct:
        return known(target.field(key))
    bound = method(target, key) if key.__class__ is str else None
    if bound is None:
        raise Fault(f"{type_name(target)} has no such member")
    return bound


def get(target: Any, key: Any) -> Any:
    """`get(target, key)`: what is not there is nil."""
    kind = target.__class__
    if kind in ARRAYS or kind in (str, bytes):
        return element(target, truncate(key))[1]
    if kind is dict or kind is AnyMap:
        return fetch(target, key)
    if kind is Struct:
        return known(target.get(key))
    return method(target, key) if key.__class__ is str else None


def element(target: Any, index: int) -> tuple[bool, Any]:
    """The element at an index, counted from the end when negative; strings are bytes."""
    raw = target.encode(errors="replace") if target.__class__ is str else target
    index = index + len(raw) if index < 0 else index
    if not 0 <= index < len(raw):
        return False, None
    return True, known(raw[index]) if raw.__class__ is not bytes else Byte(raw[index])


def cut(target: Any, start: Any, stop: Any) -> Any:
    """`target[start:stop]`, bounds counted from the end when negative, cut to fit."""
    kind = target.__class__
    if kind not in ARRAYS and kind not in (str, bytes):
        raise Fault(f"{type_name(target)} cannot be sliced")
    raw = target.encode(errors="replace") if kind is str and not target.isascii() else target
    first = _bound(truncate(start), len(raw))
    last = min(_bound(truncate(stop), len(raw)), len(raw))
    part = raw[min(first, last) : last]
    return part.decode(errors="replace") if kind is str and part.__class__ is bytes else part


def _bound(index: int, length: int) -> int:
    return max(0, index + length) if index < 0 else index
