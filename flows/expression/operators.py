"""What the operators do with values: integers and floats stay apart, as in Go."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from flows.expression import powers
from flows.expression.errors import Fault
from flows.expression.limits import Budget
from flows.expression.numbers_text import wrap
from flows.expression.times import Duration, Time
from flows.expression.values import ARRAYS, INTEGERS, MAPS, NUMBERS, AnyMap, Byte, is_nil, type_name


def _mismatch(operator: str, left: Any, right: Any) -> Fault:
    return Fault(f"{type_name(left)} {operator} {type_name(right)} is not possible")


def add(left: Any, right: Any) -> Any:
    """Numbers, strings, durations, and a time with a duration."""
    kinds = left.__class__, right.__class__
    if kinds[0] in NUMBERS and kinds[1] in NUMBERS:
        return left + right if float in kinds else wrap(int(left) + int(right))
    if kinds == (str, str):
        return left + right
    if kinds == (Time, Duration):
        return left.moved(right.nanoseconds)
    if kinds == (Duration, Time):
        return right.moved(left.nanoseconds)
    if kinds == (Duration, Duration):
        return Duration(wrap(left.nanoseconds + right.nanoseconds))
    raise _mismatch("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """Numbers, durations, times, and a duration from a time."""
    kinds = left.__class__, right.__class__
    if kinds[0] in NUMBERS and kinds[1] in NUMBERS:
        return left - right if float in kinds else wrap(int(left) - int(right))
    if kinds == (Time, Time):
        return Duration(_clamped(left.instant - right.instant))
    if kinds == (Time, Duration):
        return left.moved(-right.nanoseconds)
    if kinds == (Duration, Duration):
        return Duration(wrap(left.nanoseconds - right.nanoseconds))
    raise _mismatch("-", left, right)


def _clamped(nanoseconds: int) -> int:
    return max(-(1 << 63), min(nanoseconds, (1 << 63) - 1))


def multiply(left: Any, right: Any) -> Any:
    """Numbers, and durations with integers; a duration with a float is a float, of nanoseconds."""
    kinds = left.__class__, right.__class__
    if kinds[0] in NUMBERS and kinds[1] in NUMBERS:
        return float(left) * float(right) if float in kinds else wrap(int(left) * int(right))
    if Duration in kinds and all(kind in NUMBERS or kind is Duration for kind in kinds):
        factors = [part.nanoseconds if part.__class__ is Duration else part for part in (left, right)]
        if float in kinds:
            return float(factors[0]) * float(factors[1])
        return Duration(wrap(int(factors[0]) * int(factors[1])))
    raise _mismatch("*", left, right)


def divide(left: Any, right: Any) -> float:
    """Numbers; the result is a float, infinite or not a number where the divisor is 0."""
    if left.__class__ not in NUMBERS or right.__class__ not in NUMBERS:
        raise _mismatch("/", left, right)
    if right:
        return float(left) / float(right)
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: Any, right: Any) -> int:
    """Integers; the result has the sign of the dividend."""
    if left.__class__ not in INTEGERS or right.__class__ not in INTEGERS:
        raise _mismatch("%", left, right)
    if not right:
        raise Fault("division by zero")
    rest = abs(int(left)) % abs(int(right))
    return -rest if left < 0 else rest


def power(left: Any, right: Any) -> float:
    """Numbers; the result is a float."""
    if left.__class__ not in NUMBERS or right.__class__ not in NUMBERS:
        raise _mismatch("**", left, right)
    return powers.power(float(left), float(right))


def negate(value: Any) -> Any:
    """A number with the other sign."""
    if value.__class__ is float:
        return -value
    if value.__class__ is Byte:
        return Byte(-value & 0xFF)
    if value.__class__ in INTEGERS:
        return wrap(-int(value))
    raise Fault(f"-{type_name(value)} is not possible")


def less(left: Any, right: Any, operator: str = "<") -> bool:
    """Order of two numbers, strings, times or durations."""
    kinds = left.__class__, right.__class__
    if (kinds[0] in NUMBERS and kinds[1] in NUMBERS) or kinds == (str, str) or kinds == (Duration, Duration):
        return bool(left < right)
    if kinds == (Time, Time):
        return bool(left.instant < right.instant)
    raise _mismatch(operator, left, right)


def at_most(left: Any, right: Any, operator: str = "<=") -> bool:
    """Order or equality of two numbers, strings, times or durations."""
    kinds = left.__class__, right.__class__
    if (kinds[0] in NUMBERS and kinds[1] in NUMBERS) or kinds == (str, str) or kinds == (Duration, Duration):
        return bool(left <= right)
    if kinds == (Time, Time):
        return bool(left.instant <= right.instant)
    raise _mismatch(operator, left, right)


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """Whether two values are the same; inside maps an integer and a float never are."""
    kinds = left.__class__, right.__class__
    if kinds[0] in NUMBERS and kinds[1] in NUMBERS:
        return bool(left == right)
    if kinds[0] in ARRAYS and kinds[1] in ARRAYS:
        return _equal_arrays(left, right, budget, equal)
    if kinds == (Time, Time):
        return bool(left.instant == right.instant)
    return (is_nil(left) and is_nil(right)) or identical(left, right, budget)


def identical(left: Any, right: Any, budget: Budget) -> bool:
    """Whether two values are the same in type and content, all the way down."""
    if left.__class__ is not right.__class__:
        return False
    if left.__class__ in ARRAYS:
        return _equal_arrays(left, right, budget, identical)
    if left.__class__ in MAPS or left.__class__ is AnyMap:
        budget.step(1 + len(left))
        same_keys = len(left) == len(right) and all(key in right for key, _ in left.items())
        return same_keys and all(identical(value, right[key], budget) for key, value in left.items())
    return bool(left == right)


def _equal_arrays(left: Any, right: Any, budget: Budget, same: Callable[[Any, Any, Budget], bool]) -> bool:
    if is_nil(left) and is_nil(right):
        return True
    if len(left) != len(right):
        return False
    budget.step(1 + len(left))
    return all(same(one, other, budget) for one, other in zip(left, right, strict=True))


def contains(needle: Any, haystack: Any, budget: Budget) -> bool:
    """The `in` operator: an element of an array, a key of a map; nothing is in nil."""
    if haystack is None:
        return False
    kind = haystack.__class__
    if kind in ARRAYS or kind is bytes:
        budget.step(1 + len(haystack) // 10)
        return any(equal(item, needle, budget) for item in haystack)
    if kind is AnyMap:
        return needle in haystack
    if kind in MAPS:
        return map_key(needle) in haystack
    raise Fault(f"in is not possible on {type_name(haystack)}")


def in_range(needle: Any, first: int, last: int) -> bool:
    """Whether a value is among the integers of a range, which need not be made."""
    return needle.__class__ in NUMBERS and first <= needle <= last and needle == math.floor(needle)


def map_key(key: Any) -> str:
    """The key of a map with string keys; nil means the empty one."""
    if key.__class__ is str:
        return str(key)
    if key is None:
        return ""
    raise Fault(f"{type_name(key)} cannot be the key of a map of strings")


def truncate(value: Any) -> int:
    """A number as a 64-bit integer, cut towards zero."""
    if value.__class__ in INTEGERS:
        return wrap(int(value))
    if value.__class__ is float:
        in_reach = math.isfinite(value) and -(2.0**63) <= value < 2.0**63
        return int(value) if in_reach else -(1 << 63)
    raise Fault(f"{type_name(value)} is no integer")


def text_test(operator: str, test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """Make a string operator; nil on either side is simply false."""

    def run(left: Any, right: Any) -> bool:
        if is_nil(left) or is_nil(right):
            return False
        if left.__class__ is not str or right.__class__ is not str:
            raise _mismatch(operator, left, right)
        return test(left, right)

    return run


def matches(value: Any, pattern: Any) -> bool:
    """Whether a RE2 pattern is found in a string or in bytes."""
    if is_nil(value) or is_nil(pattern):
        return False
    if value.__class__ not in (str, bytes) or pattern.__class__ is not str:
        raise _mismatch("matches", value, pattern)
    return regular(pattern).search(value.encode() if value.__class__ is str else value) is not None


@lru_cache(maxsize=128)
def regular(pattern: str) -> Any:
    """Compile a RE2 pattern over UTF-8 bytes."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 4 << 20
    try:
        return re2.compile(pattern.encode(), options)
    except (re2.error, UnicodeError):
        raise Fault("a regular expression is not valid RE2") from None
