"""json-update changes one place and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import Invalid
from flows.promotion.json_text import scan, with_value
from flows.promotion.steps.json_update import Config, run
from tests.flows.promotion.workspace import step_context

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def update(root, text, **updates):
    """The file's text after the step."""
    (root / "a.json").write_text(text)
    changes = [{"key": key, "value": value} for key, value in updates.items()]
    run(Config.model_validate({"path": "a.json", "updates": changes}), step_context(root))
    return (root / "a.json").read_text()


@pytest.mark.parametrize(
    ("text", "key", "value", "expected"),
    [
        pytest.param('{\n\t"a": 1\n}\n', "a", "x", '{\n\t"a": "x"\n}\n', id="tabs"),
        pytest.param("[1, 2]", "1", 3, "[1, 3]", id="list-at-the-top"),
        pytest.param("[1, 2]", "-1", 3, "[1, 2,3]", id="append"),
        pytest.param("[]", "2", True, "[null,null,true]", id="padded"),
        pytest.param('{"a":{}}', "a.b.c", "x", '{"a":{"b":{"c":"x"}}}', id="made-on-the-way"),
        pytest.param('{"a":{}}', "a.b.0", "x", '{"a":{"b":["x"]}}', id="list-made-on-the-way"),
        pytest.param('{"ex.com/v":1}', r"ex\.com/v", 2, '{"ex.com/v":2}', id="dot-in-a-key"),
        pytest.param('{"a*":1}', r"a\*", 2, '{"a*":2}', id="star-in-a-key"),
        pytest.param('{"a":1,"a":2}', "a", 3, '{"a":3,"a":2}', id="doubled-key"),
        pytest.param('{"ü":"\\u00e9"}', "ü", "é", '{"ü":"é"}', id="not-ascii"),
        pytest.param('{"a":1}', "a.b", "x", '{"a":{"b":"x"}}', id="below-a-scalar"),
        pytest.param('{"a": null}', "a.0", "x", '{"a": ["x"]}', id="below-null"),
        pytest.param(" \n", "a.b", "x", '{"a":{"b":"x"}}', id="empty"),
        pytest.param("null", "a", "x", '{"a":"x"}', id="null"),
        pytest.param("[1]", ":0", 2, "[2]", id="known-position-as-a-key"),
        pytest.param('{"k:l":1}', "k:l", 2, '{"k:l":2}', id="colon-in-a-key"),
        pytest.param('{" a ":1}', " a ", 2, '{" a ":2}', id="blanks-in-a-key"),
        pytest.param('{"a":1}', "a", "é<>", '{"a":"é\\u003c\\u003e"}', id="escaped-as-a-whole"),
        pytest.param('{"a":1}', "a", 0.00001, '{"a":0.00001}', id="small-number"),
        pytest.param('{"a":[{"b":1},{"b":2}]}', "a.1.b", 1.0, '{"a":[{"b":1},{"b":1}]}', id="in-a-list"),
    ],
)
def test_places(tmp_path, text, key, value, expected):
    """The value is found, replaced or made."""
    assert update(tmp_path, text, **{key: value}) == expected


@pytest.mark.parametrize(
    ("text", "key", "value", "said"),
    [
        pytest.param("[1]", "x", 1, "no position", id="key-in-a-list"),
        pytest.param("[1]", "99999", 1, "behind the end", id="far-behind"),
        pytest.param('{"a":1}', "a.#", 1, "is a query", id="query"),
        pytest.param('{"a":1}', "a", None, "neither text, number nor boolean", id="null"),
        pytest.param("[1]", ":1", 1, "is said to be a key", id="key-behind-a-list"),
        pytest.param('{"a":1}', "a..b", 1, "is not a path", id="empty-part"),
        pytest.param('{"a":\n 1,}', "a", 1, "line 2, column 4", id="comma"),
        pytest.param('{"a":1} x', "a", 1, "line 1, column 9", id="rest"),
        pytest.param("[" * 300 + "]" * 300, "0", 1, "deeper than 200", id="deep"),
    ],
)
def test_refused(tmp_path, text, key, value, said):
    """What cannot be done is said, and the file stays."""
    with pytest.raises(Invalid, match=said):
        update(tmp_path, text, **{key: value})
    assert (tmp_path / "a.json").read_text() == text


@given(VALUES)
def test_everything_valid_is_read(value):
    """Whatever Python writes as JSON can be scanned whole."""
    text = json.dumps(value, indent=1)
    node = scan(text)
    assert json.loads(text[node.start : node.end]) == value


@given(st.text(max_size=40))
def test_garbage(text):
    """Any text is either JSON or refused."""
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(Invalid):
            scan(text)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.text(min_size=1))
def test_only_that_changes(document, key):
    """One key set is one key changed."""
    changed = json.loads(with_value(json.dumps(document), [key], [True], '"new"'))
    assert changed == {**document, key: "new"}
