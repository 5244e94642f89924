"""toml-update changes scalars only, and keeps the file as people wrote it."""

import pytest

from blocks.errors import Invalid
from flows.promotion.steps.toml_update import Config, run
from tests.flows.promotion.workspace import step_context


def update(root, text, key, value):
    """The file's text after the step."""
    (root / "a.toml").write_text(text)
    config = {"path": "a.toml", "updates": [{"key": key, "value": value}]}
    run(Config.model_validate(config), step_context(root))
    return (root / "a.toml").read_text()


@pytest.mark.parametrize(
    ("text", "key", "value", "expected"),
    [
        pytest.param("a  =  1   # why\n", "a", 2, "a  =  2   # why\n", id="spaces-and-comment"),
        pytest.param("p = { x = 1, y = 'b' }\n", "p.y", "c", "p = { x = 1, y = 'c' }\n", id="inline-table"),
        pytest.param("d = 2024-01-01\n", "d", "x", "d = 'x'\n", id="date"),
        pytest.param('t = """a\nb"""\n', "t", "c", "t = 'c'\n", id="several-lines"),
        pytest.param("t = 'a'\n", "t", "a\nb", 't = "a\\nb"\n', id="line-break"),
        pytest.param("l = [\n  1, # one\n  2,\n]\n", "l.0", 7, "l = [\n  7, # one\n  2,\n]\n", id="list-in-lines"),
        pytest.param("[a]\nx = 1\n[b]\ny = 1\n[a.c]\nz = 1\n", "a.c.z", 2.5, "[a]\nx = 1\n[b]\ny = 1\n[a.c]\nz = 2.5\n",
                     id="out-of-order"),
    ],
)  # fmt: skip
def test_kept(tmp_path, text, key, value, expected):
    """Everything but the scalar stays."""
    assert update(tmp_path, text, key, value) == expected


@pytest.mark.parametrize(
    ("text", "key", "value", "said"),
    [
        pytest.param("a = \n", "a", 1, "not valid TOML", id="broken"),
        pytest.param("[a]\nb = 1\n", "a", 1, "names no scalar", id="table"),
        pytest.param("a = 1\n", "a.b", 1, "names no scalar", id="below-a-scalar"),
        pytest.param("a = [1]\n", "a.1", 1, "names no scalar", id="behind-the-end"),
        pytest.param("a = 1\n", "a", [1], "neither text, number nor boolean", id="list"),
        pytest.param("a = 1\n", "a", None, "neither text, number nor boolean", id="null"),
    ],
)
def test_refused(tmp_path, text, key, value, said):
    """What cannot be done is said, and the file stays."""
    with pytest.raises(Invalid, match=said):
        update(tmp_path, text, key, value)
    assert (tmp_path / "a.toml").read_text() == text
