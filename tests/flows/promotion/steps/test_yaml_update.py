"""yaml-update replaces scalars and nothing else."""

import pytest

from blocks.errors import Invalid, NotFound
from flows.promotion.keys import looks_typed, split_key
from flows.promotion.steps.yaml_update import Config, run
from tests.flows.promotion.workspace import step_context


def update(tmp_path, text, *updates):
    """The file after the updates."""
    (tmp_path / "v.yaml").write_bytes(text.encode())
    config = Config.model_validate({"path": "v.yaml", "updates": [{"key": key, "value": new} for key, new in updates]})
    result = run(config, step_context(tmp_path))
    return (tmp_path / "v.yaml").read_bytes().decode(), result.outputs.get("commitMessage")


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        pytest.param("a: 1 # why\n", "a", "x", "a: x # why\n", id="comment-kept"),
        pytest.param("# top\n\na: 1\n\n\nb:   2\n", "b", "x", "# top\n\na: 1\n\n\nb:   x\n", id="layout-kept"),
        pytest.param("a: &n 1\nb: *n\n", "a", "x", "a: &n x\nb: *n\n", id="anchor-kept"),
        pytest.param("a: !!str 1\n", "a", "x", "a: x\n", id="tag-dropped"),
        pytest.param("i: {r: a, t: b}\n", "i.r", "c", "i: {r: c, t: b}\n", id="flow-map"),
        pytest.param("i: {r: a}\n", "i.r", "c,d", 'i: {r: "c,d"}\n', id="flow-needs-quotes"),
        pytest.param("i: [a, b]\n", "i.1", "c", "i: [a, c]\n", id="flow-list"),
        pytest.param("a:\nb: 2\n", "a", "x", "a: x\nb: 2\n", id="empty"),
        pytest.param("a: # why\nb: 2\n", "a", "x", "a: x # why\nb: 2\n", id="empty-with-comment"),
        pytest.param("- \n- b\n", "0", "x", "- x\n- b\n", id="empty-item"),
        pytest.param("a: |\n  one\n  two\nb: 2\n", "a", "x", "a: x\nb: 2\n", id="block-scalar"),
        pytest.param("a: one\n  two\nb: 2\n", "a", "x", "a: x\nb: 2\n", id="several-lines"),
        pytest.param("a: 1\r\nb: 2\r\n", "a", "x", "a: x\r\nb: 2\r\n", id="windows-lines"),
        pytest.param("\ufeffa: 1\n", "a", "x", "\ufeffa: x\n", id="byte-order-mark"),
        pytest.param("ä: ö\nb: 1\n", "b", "ü", "ä: ö\nb: ü\n", id="beyond-ascii"),
        pytest.param("a: 1\na: 2\n", "a", "x", "a: x\na: 2\n", id="first-of-duplicates"),
        pytest.param("a: 1\n---\na: 2\n", "a", "x", "a: x\n---\na: 2\n", id="first-document"),
        pytest.param('a: {"1": b}\n', "a.1", "c", 'a: {"1": c}\n', id="numeric-key"),
        pytest.param("a: 1\n", "a", None, "a: null\n", id="null"),
        pytest.param("a: 1\n", "a", 1000000.0, "a: 1000000\n", id="million"),
        pytest.param("a: 1\n", "a", 1.5, "a: 1.5\n", id="fraction"),
        pytest.param("a: 1\n", "a", "", 'a: ""\n', id="empty-text"),
        pytest.param("a: 1\n", "a", "x: y", 'a: "x: y"\n', id="colon"),
        pytest.param("a: 1\n", "a", "x #y", 'a: "x #y"\n', id="hash"),
        pytest.param("a: 1\n", "a", "two\nlines", 'a: "two\\nlines"\n', id="line-break"),
        pytest.param("a: 1\n", "a", "0x1F", 'a: "0x1F"\n', id="hexadecimal"),
        pytest.param("a: 1\n", "a", "~", 'a: "~"\n', id="tilde"),
    ],
)
def test_one_scalar(tmp_path, before, key, value, after):
    """Only the scalar changes, and text is read back as text; doing it twice is doing it once."""
    once, _ = update(tmp_path, before, (key, value))
    assert once == after
    assert update(tmp_path, once, (key, value))[0] == after


def test_two_on_one_line_and_the_last_of_two(tmp_path):
    """Several scalars of one line change, and the later of two updates of a key counts."""
    text, message = update(tmp_path, "i: {r: a, t: b}\n", ("i.r", "x"), ("i.t", "y"), ("i.r", "z"))
    assert text == "i: {r: z, t: y}\n"
    assert message == "Updated v.yaml\n\n- i.r: x\n- i.t: y\n- i.r: z"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("a: &n x\nb: *n\n", "b", id="alias"),
        pytest.param("a: &m {x: 1}\nb: *m\n", "b.x", id="below-an-alias"),
        pytest.param("l: [&n x, *n]\n", "l.1", id="alias-in-a-list"),
        pytest.param("a: &m {x: 1}\nb: {<<: *m}\n", "b.x", id="merged"),
        pytest.param("l: [1]\n", "l.x", id="no-index"),
        pytest.param("l: [1]\n", "l.-1", id="negative-index"),
        pytest.param("", "a", id="empty-file"),
        pytest.param("a: 1\nb: [", "a", id="broken"),
    ],
)
def test_nothing_to_change(tmp_path, text, key):
    """A key that names no scalar of its own is refused, and the file stays."""
    with pytest.raises(Invalid, match=r"v\.yaml"):
        update(tmp_path, text, (key, "x"))
    assert (tmp_path / "v.yaml").read_text() == text


def test_files_that_cannot_be_read(tmp_path):
    """A missing file, one outside and one that is no text are told apart."""
    (tmp_path / "work").mkdir()
    (tmp_path / "outside.yaml").write_text("a: 1\n")
    (tmp_path / "work" / "link.yaml").symlink_to("../outside.yaml")
    (tmp_path / "work" / "bytes.yaml").write_bytes(b"a: \xff\n")
    ctx = step_context(tmp_path / "work")
    for path, error in (
        ("none.yaml", NotFound),
        ("../outside.yaml", Invalid),
        ("link.yaml", Invalid),
        ("bytes.yaml", Invalid),
    ):
        with pytest.raises(error, match=path.strip("./")):
            run(Config.model_validate({"path": path, "updates": [{"key": "a", "value": 2}]}), ctx)
    assert (tmp_path / "outside.yaml").read_text() == "a: 1\n"


def test_the_mode_of_the_file_is_kept(tmp_path):
    """Replacing a file does not change who may read it, and leaves nothing beside it."""
    (tmp_path / "v.yaml").write_text("a: 1\n")
    (tmp_path / "v.yaml").chmod(0o640)
    update(tmp_path, "a: 1\n", ("a", 2))
    assert (tmp_path / "v.yaml").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["v.yaml"]


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("a", ["a"]),
        (" a.b.0 ", ["a", "b", "0"]),
        (r"a\.b.c", ["a.b", "c"]),
        (r"a\:b", ["a:b"]),
        (":1.a", ["1", "a"]),
        ("::1", ["1"]),
    ],
)
def test_split_key(key, parts):
    """Dots separate, a backslash takes their meaning away."""
    assert split_key(key) == parts


@pytest.mark.parametrize("key", ["", " ", ".", "a.", ".a", "a..b", "a:b", "a.:", r"a\n", "a\\"])
def test_keys_that_are_none(key):
    """Empty parts, stray colons and unknown escapes are refused."""
    with pytest.raises(Invalid):
        split_key(key)


TYPED = ["1", "1.10", "-1e5", "007", ".5", "inf", "-Infinity", "NaN", "0x1p-2", "T", "false", "null", "[1]"]
TEXTS = ["1.2.3", "v1", "tRUE", "yes", "0x1F", "1_0", "1e", "", "+nan", "٣"]


@pytest.mark.parametrize("text", TYPED + TEXTS)
def test_looks_typed(text):
    """What Go reads as float or bool, and what is JSON, gets quotes."""
    assert looks_typed(text) is (text in TYPED)
