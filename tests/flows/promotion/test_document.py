"""The parse steps read files as Kubernetes and Kargo do."""

import pytest

from blocks.errors import Invalid
from flows.expression.errors import ExpressionError
from flows.promotion.document import read_json, read_toml, read_yaml
from flows.promotion.steps import json_parse, toml_parse, yaml_parse
from tests.flows.promotion.workspace import step_context


def put_out(step, root, text, expression):
    """What a parse step puts out for one expression."""
    (root / "f").write_bytes(text.encode())
    config = step.Config.model_validate({"path": "f", "outputs": [{"name": "x", "fromExpression": expression}]})
    return step.run(config, step_context(root)).outputs["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", True),
        ("a: OFF", False),
        ("a: n", False),
        ("a: 'yes'", "yes"),
        ("a: yEs", "yEs"),
        ("a: 017", 15),
        ("a: 0o17", 15),
        ("a: -017", -15),
        ("a: 1:30", "1:30"),
        ("a: 2024-01-01", "2024-01-01"),
        ("a: !Ref x", "x"),
        ("a: !Sub [1, {b: no}]", [1, {"b": False}]),
        ("a: {on: 1, n: 2, 3: 4, true: 5}", {"on": 1, "n": 2, "3": 4, "true": 5}),
        ("a: 1\n---\na: 2", 1),
    ],
)
def test_yaml(text, value):
    """Words and numbers mean what they mean in Kubernetes; keys are what is written, tags of one's own say nothing."""
    assert read_yaml(text, "f") == {"a": value}


@pytest.mark.parametrize("text", ["a: .inf", "a: [.nan]", "a: 1\na: 2", "a: [1", "\ta: 1"])
def test_no_yaml(text):
    """What JSON cannot hold, doubled keys and broken text are refused."""
    with pytest.raises(Invalid, match="is not valid YAML"):
        read_yaml(text, "f")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("a = 2024-01-01T00:00:00.5+02:00", "2024-01-01T00:00:00.5+02:00"),
        ("a = 2024-01-01", "2024-01-01"),
        ("a = 12:00:00", "12:00:00"),
        ("a = 9223372036854775807", 9223372036854775807),
    ],
)
def test_toml(text, value):
    """Dates are text as RFC 3339 has it, integers have 64 bits."""
    assert read_toml(text, "f") == {"a": value}


@pytest.mark.parametrize(
    ("read", "text"),
    [(read_toml, "a = 9223372036854775808"), (read_json, '{"a": NaN}'), (read_json, "1e999"), (read_json, "[1]x")],
)
def test_no_numbers(read, text):
    """What the language does not know is refused, though Python would read it."""
    with pytest.raises(Invalid):
        read(text, "f")


@pytest.mark.parametrize("step", [json_parse, toml_parse, yaml_parse])
def test_empty(tmp_path, step):
    """An empty file is an error, also when nothing of it is asked for."""
    with pytest.raises(Invalid):
        put_out(step, tmp_path, "", "1")


@pytest.mark.parametrize(
    ("step", "text"), [(json_parse, "[1]"), (json_parse, "null"), (yaml_parse, "- 1"), (yaml_parse, "x")]
)
def test_without_keys(tmp_path, step, text):
    """A document without keys is reached by $env alone; to name a variable of it is an error."""
    assert put_out(step, tmp_path, text, "$env ?? 'none'")
    with pytest.raises(ExpressionError, match="output 'x'"):
        put_out(step, tmp_path, text, "a ?? 'none'")
