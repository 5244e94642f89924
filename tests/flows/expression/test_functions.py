"""Kargo's pure functions."""

import pytest

from flows.expression import evaluate
from flows.expression.functions import FUNCTIONS

YAML = [
    pytest.param({"b": 1, "a10": 2, "a2": 3}, "a2: 3\na10: 2\nb: 1\n", id="natural-order"),
    pytest.param({"a": ["x", {"k": 1, "l": [True]}]},
                 "a:\n    - x\n    - k: 1\n      l:\n        - true\n", id="nested"),
    pytest.param({"a": {"b": {"c": None}}}, "a:\n    b:\n        c: null\n", id="maps"),
    pytest.param(["1", "true", "no", "~", "1e3", "2023-08-14", "0x1f", ""],
                 '- "1"\n- "true"\n- "no"\n- "~"\n- "1e3"\n- "2023-08-14"\n- "0x1f"\n- ""\n', id="lookalikes"),
    pytest.param(["a: b", "a #b", "- x", "#c", "@d", " e", "f ", "'g'", "*h", "a:b", "x-y", "http://a/b"],
                 "- 'a: b'\n- 'a #b'\n- '- x'\n- '#c'\n- '@d'\n- ' e'\n- 'f '\n- '''g'''\n- '*h'\n- a:b\n- x-y\n- http://a/b\n",
                 id="indicators"),
    pytest.param({"a": "x\ny"}, "a: |-\n    x\n    y\n", id="literal"),
    pytest.param({"a": "x\n\n"}, "a: |+\n    x\n\n", id="literal-kept"),
    pytest.param(["x\ny\n"], "- |\n  x\n  y\n", id="literal-in-list"),
    pytest.param(1e6, "1e+06\n", id="large-float"),
    pytest.param("a\tb\x07", '"a\\tb\\a"\n', id="control-characters"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), YAML)
def test_as_yaml(value: object, text: str):
    """YAML is written as Go's yaml.v3 writes it, in quotes that a template strips."""
    assert evaluate("asYAML(value)", {"value": value, **FUNCTIONS}) == f'"{text}"'


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param("semverParse('v1.2.3-rc.1+b').Prerelease()", "rc.1", id="prerelease"),
        pytest.param("semverParse('v1.2.3').IncMinor().String()", "1.3.0", id="inc-minor"),
        pytest.param("semverParse('1.2.3').IncMajor()", "2.0.0", id="inc-major"),
        pytest.param("semverParse('1.2.3').IncPatch()", "1.2.4", id="inc-patch"),
        pytest.param("semverParse('1.2.3-rc.1').IncPatch()", "1.2.3", id="inc-patch-of-prerelease"),
        pytest.param("semverParse('1.2').Patch()", 0, id="loose"),
        pytest.param("semverParse('1.2.3').LessThan(semverParse('1.10.0'))", True, id="order"),
        pytest.param("semverDiff('1.2.3+a', '1.2.3+b')", "Metadata", id="metadata"),
        pytest.param("semverDiff('1.2.3', 'v1.2.3')", "None", id="same"),
        pytest.param("string(semverParse('v1.2.3'))", "1.2.3", id="text"),
        pytest.param("toJSON(semverParse('v1.2.3'))", '"1.2.3"', id="json"),
        pytest.param("quote('a\"b\\n\\x01é')", '"a\\"b\\n\\x01é"', id="quote"),
        pytest.param("unsafeQuote({a: '<'})", '"{"a":"\\u003c"}"', id="unsafe-quote"),
        pytest.param("asJSON({b: 1, a: []})", '"{\n  "a": [],\n  "b": 1\n}\n"', id="as-json"),
    ],
)
def test_function(source: str, value: object):
    """Each gives what Kargo's function of that name gives."""
    found = evaluate(source, dict(FUNCTIONS))
    assert (str(found) if isinstance(value, str) else found) == value
