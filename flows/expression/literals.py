"""Numbers and strings as they are written in an expression."""

import re

from flows.expression.errors import Fault
from flows.expression.numbers_text import parse_float

_INTEGERS = ((re.compile(r"0[xX][0-9a-fA-F]+"), 16), (re.compile(r"0[bB][01]+"), 2), (re.compile(r"0[oO][0-7]+"), 8))
_DECIMAL = re.compile(r"[0-9]+")
_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u\{(?P<braced>[0-9a-fA-F]{1,6})\}|u(?P<u>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<simple>.)|$)",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def number(text: str) -> int | float:
    """Read a number literal: decimal, hexadecimal, octal or binary integers, floats, with underscores."""
    digits = text.replace("_", "")
    is_hexadecimal = digits[:2] in ("0x", "0X")
    if not is_hexadecimal and any(mark in digits for mark in ".eE"):
        return _float(digits)
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(digits):
            return _integer(int(digits, base))
    if not _DECIMAL.fullmatch(digits) or len(digits) > 1000:
        raise Fault("a number is written wrongly")
    return _integer(int(digits))


def _float(digits: str) -> float:
    value = parse_float(digits)
    if value is None:
        raise Fault("a number is written wrongly or too large")
    return value


def _integer(value: int) -> int:
    if value >= 1 << 63:
        raise Fault("an integer is too large")
    return value


def string(text: str) -> str:
    """Read a string in single or double quotes."""
    quote, body = text[0], _newlines(text[1:-1])
    return body if "\\" not in body else _ESCAPE.sub(lambda found: _character(found, quote), body)


def raw_string(text: str) -> str:
    """Read a string in backticks: no escapes, a doubled backtick is one."""
    return text[1:-1].replace("``", "`")


def bytes_literal(text: str) -> bytes:
    """Read `b"..."`: escapes name bytes, other characters stand for their UTF-8."""
    quote, body = text[1], _newlines(text[2:-1])
    parts, position = [], 0
    for found in _ESCAPE.finditer(body):
        parts += [body[position : found.start()].encode(), _byte(found, quote)]
        position = found.end()
    return b"".join([*parts, body[position:].encode()])


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _character(found: re.Match[str], quote: str) -> str:
    kind, value = found.lastgroup, found.group(found.lastgroup or 0)
    if kind == "simple":
        return _simple(value, quote)
    if kind is None:
        raise Fault("a string has a wrong escape")
    code = int(value, 8 if kind == "octal" else 16)
    if code > 0x10FFFF:
        raise Fault("a string has a wrong escape")
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _byte(found: re.Match[str], quote: str) -> bytes:
    kind, value = found.lastgroup, found.group(found.lastgroup or 0)
    if kind == "simple":
        return _simple(value, quote).encode()
    if kind not in ("x", "octal"):
        raise Fault("a bytes literal has a wrong escape")
    return bytes([int(value, 8 if kind == "octal" else 16)])


def _simple(character: str, quote: str) -> str:
    if character == quote:
        return quote
    if character not in _SIMPLE:
        raise Fault("a string has a wrong escape")
    return _SIMPLE[character]
