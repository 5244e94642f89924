"""The part of JSON Schema that forms are made of: what is taken, what is refused, and that no pattern hangs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.promotion.json_schema import LARGEST, schema_problems, value_problems, without_patterns

FORM = {
    "type": "object",
    "required": ["version"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "string", "pattern": r"^v\d+$"},
        "replicas": {"type": "integer", "minimum": 1},
        "pattern": {"enum": ["a", "b"]},
    },
}


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        pytest.param({"version": "v1", "replicas": 2, "pattern": "a"}, [], id="right"),
        pytest.param({}, ["'version' is a required property"], id="missing"),
        pytest.param({"version": "1"}, [r"version: does not match '^v\\d+$'"], id="pattern"),
        pytest.param({"version": "v1", "replicas": "2"}, ["replicas: '2' is not of type 'integer'"], id="type"),
        pytest.param(
            {"version": "v1", "x": 1},
            ["Additional properties are not allowed ('x' was unexpected)"],
            id="superfluous",
        ),
        pytest.param({"version": "v1", "pattern": "c"}, ["pattern: 'c' is not one of ['a', 'b']"], id="enum"),
        pytest.param([], ["[] is not of type 'object'"], id="no-object"),
    ],
)
def test_values(value, problems):
    """Each problem with its place."""
    assert schema_problems(FORM) == []
    assert value_problems(FORM, value) == problems


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        pytest.param({"type": "object", "$ref": "https://example.com/x"}, "$ref: this keyword is not", id="reference"),
        pytest.param({"type": "string"}, "type: must be 'object'", id="no-object"),
        pytest.param(
            {"type": "object", "properties": {"a": {"pattern": "("}}}, "properties.a.pattern: no regular", id="pattern"
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"anyOf": [{"$dynamicRef": "#a"}]}}},
            "properties.a.anyOf[0].$dynamicRef: this keyword",
            id="deep-reference",
        ),
        pytest.param({"type": "objects"}, "type: 'objects' is not valid", id="no-type"),
        pytest.param({"type": "object", "required": "a"}, "required: 'a' is not of type 'array'", id="no-list"),
        pytest.param({"type": "object", "description": "x" * LARGEST}, "the most is 16384", id="large"),
    ],
)
def test_schemas_refused(schema, problem):
    """By the keyword that is wrong."""
    [said] = schema_problems(schema)
    assert problem in said


def test_too_deep():
    """Levels are counted before anything recurses into them."""
    schema = {"type": "object"}
    for _ in range(40):
        schema = {"type": "object", "not": schema}
    assert "more than 16 levels" in schema_problems(schema)[0]


def test_no_pattern_hangs():
    """A pattern that backtracking takes for ever over takes no time."""
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
    began = time.monotonic()
    assert len(value_problems(schema, {"a": "a" * 5000 + "b"})) == 1
    assert time.monotonic() - began < 1


def test_patterns_are_left_out_for_others():
    """Wherever a schema has them, but a property of that name stays."""
    schema = {
        "type": "object",
        "items": {"pattern": "a"},
        "anyOf": [{"pattern": "b"}],
        "properties": FORM["properties"],
    }
    assert without_patterns(schema) == {
        "type": "object",
        "items": {},
        "anyOf": [{}],
        "properties": {**FORM["properties"], "version": {"type": "string"}},
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "properties", "items", "anyOf", "pattern", "required", "enum", "$ref", "x-a"])


@given(st.dictionaries(KEYS, JSON, max_size=5), JSON)
def test_any_schema_is_refused_or_works(schema, value):
    """Nothing breaks, whatever people write."""
    if not schema_problems(schema):
        assert isinstance(value_problems(schema, value), list)
