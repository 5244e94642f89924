"""What unquoted words in YAML mean to Kubernetes, whose reader follows YAML 1.1 but for a few of its traps."""

import re

_BOOLEANS = dict.fromkeys(("y", "yes", "true", "on"), True) | dict.fromkeys(("n", "no", "false", "off"), False)
_NULLS = ("", "~", "null", "Null", "NULL")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_OCTAL = re.compile(r"([-+]?)0o?([0-7]+)", re.ASCII)
_BASED = re.compile(r"[-+]?0(?:x[0-9a-fA-F]+|b[01]+)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 100

Scalar = str | int | float | bool | None


def resolve(text: str) -> Scalar:
    """Give an unquoted word its value: `yes` is true and `010` eight; times, `1:30` and `1_000x` stay strings."""
    if text in _NULLS:
        return None
    if text in (text.lower(), text.upper(), text.capitalize()) and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    digits = text.replace("_", "")
    if not digits or digits[0] not in "+-.0123456789" or len(digits) > _LONGEST_NUMBER:
        return text
    return _number(digits, text)


def _number(digits: str, text: str) -> Scalar:
    if _DECIMAL.fullmatch(digits):
        return int(digits)
    if octal := _OCTAL.fullmatch(digits):
        return int(octal[1] + octal[2], 8)
    if _BASED.fullmatch(digits):
        return int(digits, 0)
    return float(digits) if _FLOAT.fullmatch(digits) else text
