"""Where the reference engine surprises: each value here is what it answers."""

import math

import pytest

from flows.expression import ExpressionError, evaluate, render_text
from flows.expression.times import Duration
from flows.expression.values import Byte, NilArray

ENV = {"i": 7, "s": "abc", "n": None, "a": [3, 1, 2], "m": {"x": 1}}
DAY = 'date("2024-02-29")'


def same(value, expected):
    """Whether two values are one in type, too."""
    if isinstance(expected, list) and type(value) is list:
        return len(value) == len(expected) and all(map(same, value, expected))
    return type(value) is type(expected) and repr(value) == repr(expected)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # Months and days have names; they are no numbers to reckon with.
        (f"{DAY}.Month()", 2),
        (f"{DAY}.Month().String()", "February"),
        (f"string({DAY}.Weekday())", "Thursday"),
        (f"int({DAY}.Weekday())", 4),
        (f"type({DAY}.Month())", "time.Month"),
        (f"string([{DAY}.Month()])", "[February]"),
        (f"toJSON({DAY}.Weekday())", "4"),
        (f'{DAY}.Weekday() == date("2024-03-07").Weekday()', True),
        # Powers are rounded as in Go.
        ("1.1 ** 10", 2.593742460100002),
        ("0.1 ** 3", 0.0010000000000000002),
        ("10 ** 23", 9.999999999999999e22),
        ("2 ** 2.5", 5.65685424949238),
        ("9 ** -0.5", 0.3333333333333333),
        ("(-8) ** (1/3)", math.nan),
        ("0 ** -1", math.inf),
        ("2 ** 5000", math.inf),
        ("(-2) ** -1075", -0.0),
        # Durations times floats are floats, and count as numbers in means.
        ('2.5 * duration("1h30m")', 13500000000000.0),
        ('2 * duration("1h")', Duration(7200000000000)),
        ('min(duration("2h"), duration("1h"))', Duration(3600000000000)),
        ('mean([duration("1h")])', 3600000000000.0),
        # A single value is its own extreme; strings and bytes have a first and a last byte.
        ("min(s)", "abc"),
        ("max(m)", {"x": 1}),
        ("first(s)", Byte(97)),
        ("last(b'ab')", Byte(98)),
        ("first(i)", None),
        ("abs(-0.0)", -0.0),
        # Bytes are arrays of unsigned integers.
        ("max(1, b'ab')", Byte(98)),
        ("reverse(b'ab')", [Byte(98), Byte(97)]),
        ("concat(a, b'a')", [3, 1, 2, Byte(97)]),
        ("97 in b'ab'", True),
        ("map(s[:1], -#)", [Byte(159)]),
        # Arrays that were never made.
        ('split("a,b", ",", 0)', NilArray()),
        ("sort(i)", NilArray()),
        ("sort(s)", NilArray()),
        # Letters change one for one.
        ('lower("İ")', "i"),
        ('upper("ß")', "ß"),
        ('upper("ᾳ")', "ᾼ"),
        ("n in ['a']", False),
        ("i in []", False),
    ],
)
def test_values(source, value):
    """The value is the reference's, in type too."""
    assert same(evaluate(source, ENV), value), evaluate(source, ENV)


@pytest.mark.parametrize(
    "source",
    [
        "sort(nil)",
        f"{DAY}.Month() == 2",
        f"{DAY}.Month() + 1",
        f"{DAY}.Weekday() > 3",
        f"map([{DAY}], #.Month())[0] > 1",
        f"max({DAY}.Month(), 1)",
        f"-{DAY}.Month()",
        f"float({DAY}.Month())",
        f"{DAY}.Month().Nope",
        "a[1:nil]",
        "a[n:2]",
        "s[:n]",
        "i in ['a', 'b']",
        "i not in ['7']",
        "min(s, 1)",
        "sort(n, 'up')",
        'date("Thu, 29 Feb 2024 12:00:00 +0100")',
    ],
)
def test_errors(source):
    """What the reference refuses is refused."""
    with pytest.raises(ExpressionError):
        evaluate(source, ENV)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\tb", '"a\\tb"\n'),
        ("a\n\tb", "|-\n    a\n    \tb\n"),
        ("\U0001f600", '"\\U0001F600"\n'),
        ("a\x85b", '"a\\Nb"\n'),
        ("<<", "<<\n"),
        (["="], "- =\n"),
        ({"a\tb": ""}, '"a\\tb": ""\n'),
    ],
)
def test_yaml(value, written):
    """What asYAML() quotes is what the reference quotes."""
    assert render_text("${{ asYAML(v) }}", {"v": value}) == written
