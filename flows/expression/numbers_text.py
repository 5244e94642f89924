"""Numbers and text: reading and writing them as Go's strconv and fmt do."""

import math
import re

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1

_DIGITS = r"[0-9](?:_?[0-9])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEX_DIGITS = r"[0-9a-f](?:_?[0-9a-f])*"
_HEXADECIMAL = re.compile(
    rf"[+-]?0x_?(?:{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})p[+-]?{_DIGITS}", re.IGNORECASE
)
_SPECIAL = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")


def parse_float(text: str) -> float | None:
    """Read a float as Go's ParseFloat does; None when the text is no number or out of range."""
    if _SPECIAL.fullmatch(text):
        return float(text)
    if _DECIMAL.fullmatch(text):
        value = float(text.replace("_", ""))
    elif _HEXADECIMAL.fullmatch(text):
        value = _from_hexadecimal(text.replace("_", ""))
    else:
        return None
    return None if math.isinf(value) else value


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return math.inf


def parse_int(text: str) -> int | None:
    """Read a decimal 64-bit integer as Go's Atoi does; None when it is none."""
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if INT_MIN <= value <= INT_MAX else None


def wrap(value: int) -> int:
    """Reduce an integer to 64 bits, two's complement."""
    if INT_MIN <= value <= INT_MAX:
        return value
    return ((value + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)


def format_float(value: float, *, large: int = 6, small: int = -4) -> str:
    """Write a float in the fewest digits; an exponent below 10**small or from 10**large on."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    digits, exponent = _shortest(abs(value))
    if value and (exponent < small or exponent >= large):
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + _positional(digits, exponent)


def _shortest(value: float) -> tuple[str, int]:
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading - 1 + int(exponent or 0)
    digits = digits.rstrip("0")
    return (digits, point) if digits else ("0", 0)


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return whole + ("." + digits[exponent + 1 :] if len(digits) > exponent + 1 else "")
