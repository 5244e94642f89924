"""yaml-merge lays files over each other, and keeps what people wrote around them."""

import pytest

from blocks.errors import Invalid, NotFound
from flows.promotion.steps.yaml_merge import Config, run
from tests.flows.promotion.workspace import step_context


def merge(root, *texts, **config):
    """The merged file's text."""
    for number, text in enumerate(texts):
        (root / f"{number}.yaml").write_text(text)
    names = [f"{number}.yaml" for number in range(len(texts))]
    given = {"inFiles": names, "outFile": "new/out.yaml", **config}
    result = run(Config.model_validate(given), step_context(root))
    return (root / "new/out.yaml").read_text(), result.outputs


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["# top\na: 1 # one\nb: {c: 'x'}\n", "b: {d: 2}\n"], "# top\na: 1 # one\nb: {c: 'x', d: 2}\n",
                     id="comments"),
        pytest.param(["a: {b: {c: 1}}\n", "a: {b: null}\n"], "a: {}\n", id="null-deletes-below"),
        pytest.param(["x: &x {k: 1}\ny: *x\n", "y: {k: 2}\n"], "x: {k: 1}\ny:\n  k: 2\n", id="alias-is-parted"),
        pytest.param(["a: {b: 1}\n", "a: null\n", "a: [1]\n"], "a: [1]\n", id="another-kind-after-null"),
        pytest.param(["a: null\n", "a: {b: 1}\n"], "a: {b: 1}\n", id="map-over-null"),
        pytest.param(["x\n", "y\n"], "y\n", id="single-values"),
        pytest.param(["", ""], "", id="nothing"),
    ],
)  # fmt: skip
def test_merged(tmp_path, texts, expected):
    """Maps are merged key by key, null deletes, all else is replaced."""
    assert merge(tmp_path, *texts)[0] == expected


def test_missing_files(tmp_path):
    """They are an error, or left out and not counted; all missing is an empty file."""
    names = ["no.yaml", "0.yaml"]
    with pytest.raises(NotFound, match=r"'no.yaml'"):
        merge(tmp_path, "a: 1\n", inFiles=names)
    text, outputs = merge(tmp_path, "a: 1\n", inFiles=names, ignoreMissingFiles=True)
    assert (text, outputs) == ("a: 1\n", {"commitMessage": "Wrote 0.yaml to new/out.yaml"})
    assert merge(tmp_path, inFiles=["no.yaml"], ignoreMissingFiles=True) == ("", {})


@pytest.mark.parametrize("text", ["a: [\n", "a: 1\na: 2\n", "\x00"])
def test_broken(tmp_path, text):
    """A file that is no YAML is named with the line."""
    with pytest.raises(Invalid, match=r"file '1\.yaml' is not valid YAML"):
        merge(tmp_path, "a: 1\n", text)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a: 1\n", "a: {b: 1}\n"], "below 'a': a mapping cannot be laid over a single value"),
        (["a: {b: {c: 1}}\n", "a: {b: [1]}\n"], "below 'a': below 'b': a list cannot be laid over a mapping"),
        (["a: {b: 1}\n", "a: 5\n"], "a single value cannot be laid over a mapping"),
        (["[1]\n", "a: 1\n"], "file '1.yaml' cannot be merged: a mapping"),
    ],
)
def test_another_kind(tmp_path, texts, said):
    """A value of another kind is more likely a mistake than meant, and Kargo refuses it."""
    with pytest.raises(Invalid, match=said):
        merge(tmp_path, *texts)
