"""How texts of a command line become values of a form."""

import pytest

from deployments.answers import read_text


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        pytest.param({"type": "string"}, "1.0", "1.0", id="string"),
        pytest.param({"type": ["string", "null"]}, "null", "null", id="string-or-null"),
        pytest.param({"type": "integer"}, "3", 3, id="integer"),
        pytest.param({"type": "boolean"}, "true", True, id="boolean"),
        pytest.param({"type": "array"}, '["a"]', ["a"], id="array"),
        pytest.param({"type": "integer"}, "many", "many", id="left-to-the-form"),
        pytest.param(None, "plain", "plain", id="unknown"),
    ],
)
def test_texts(schema, text, value):
    """As the schema says."""
    assert read_text(schema, text) == value
