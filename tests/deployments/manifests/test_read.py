"""Reading keeps lines, bounds what it reads, and quotes nothing of a broken document."""

from io import BytesIO

import pytest

from deployments.manifests import read as reading
from deployments.manifests.read import read


def _read(content):
    content = content if isinstance(content, bytes) else content.encode()
    documents, problems = read(["-"], BytesIO(content))
    return [document.data for document in documents], [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("---\n---\n# only words\n", [], id="empty-documents"),
        pytest.param("\ufeffa: 1", [{"a": 1}], id="byte-order-mark"),
        pytest.param("a: yes\n'b': 'yes'\n", [{"a": True, "b": "yes"}], id="quotes-keep-text"),
        pytest.param("on: 1\n1: 2\n", [{"on": 1, "1": 2}], id="keys-are-text"),
        pytest.param("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="two"),
        pytest.param("%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="directive-and-end"),
        pytest.param("a: |\n  x\n  ---\n  y\n", [{"a": "x\n---\ny\n"}], id="dashes-in-a-block"),
        pytest.param('{"a":\t1,\n\t"b": [true, null]}', [{"a": 1, "b": [True, None]}], id="json-with-tabs"),
        pytest.param("a: &x {b: 1}\nc: *x\n", [{"a": {"b": 1}, "c": {"b": 1}}], id="alias"),
        pytest.param(
            "a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n", [{"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}], id="merge"
        ),
        pytest.param("a: !!str 5\nb: !!int '5'\n", [{"a": "5", "b": 5}], id="standard-tags"),
        pytest.param("kind: List\nitems: [{a: 1}, {b: 2}]\n", [{"a": 1}, {"b": 2}], id="list"),
    ],
)
def test_documents(content, expected):
    """What Kubernetes users write is read as Kubernetes reads it."""
    assert _read(content) == (expected, [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "---\na: 1\na: 2\n",
            ["stdin:3: document 1: a: is given twice, first on line 2, expected once, remove one of them"],
            id="duplicate-key",
        ),
        pytest.param(
            "a: 1\n\tb: 2\n",
            ["stdin:2: document 1: a tab, expected spaces, YAML does not indent with tabs"],
            id="tab",
        ),
        pytest.param(
            b"a: 1\nb: \xff\n",
            ["stdin:2: holds bytes that are not UTF-8, expected UTF-8 text, convert the file"],
            id="not-utf-8",
        ),
        pytest.param(
            "a: b\x07c",
            ["stdin:1: document 1: holds characters that YAML does not allow, expected printable text, remove them"],
            id="control-character",
        ),
        pytest.param(
            "- 1\n",
            ["stdin:1: document 1: is no mapping, expected an object with apiVersion and kind, write one"],
            id="top-level-list",
        ),
        pytest.param(
            "a: " + "[" * 70,
            ["stdin:1: document 1: values are nested more than 64 deep, expected less, flatten the document"],
            id="too-deep",
        ),
        pytest.param(
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
            ["stdin:5: document 1: aliases add more than 100000 values, expected fewer, write them out"],
            id="billion-laughs",
        ),
        pytest.param(
            "a: &a [*a]\n",
            [
                "stdin:1: document 1: an alias names no anchor before it, "
                "expected one, add the anchor or write the value"
            ],
            id="alias-of-itself",
        ),
        pytest.param(
            "? [a]\n: b\n",
            ["stdin:1: document 1: a key is empty, a list or a mapping, expected text, write the key as text"],
            id="key-is-a-list",
        ),
        pytest.param(
            "kind: List\nitems:\n- a: 1\n- 3\n",
            [
                "stdin:4: document 1 (List): items[1]: "
                "is no mapping, expected an object with apiVersion and kind, write one"
            ],
            id="list-item",
        ),
        pytest.param(
            "a: 1e999\n",
            ["stdin:1: document 1: a: is too large a number, expected one JSON can hold, put it in quotes"],
            id="infinite",
        ),
    ],
)
def test_problems(content, expected):
    """Each problem names its line and document."""
    assert _read(content)[1] == expected


def test_a_broken_document_leaves_the_others():
    """Documents before and after a broken one are read."""
    documents, problems = _read("a: 1\n---\nb: [1\n---\nc: 3\n")
    assert documents == [{"a": 1}, {"c": 3}]
    assert [problem.partition(": is not YAML")[0] for problem in problems] == ["stdin:4: document 2"]


@pytest.mark.parametrize(
    "value", ["*hunter2", "!hunter2 x", "!!hunter2 x", "'hunter2", "hunter2: x", "@hunter2", '"hunter2\\q"']
)
def test_a_broken_document_is_not_quoted(value):
    """It may be a Secret: neither aliases nor tags nor texts of it reach the report."""
    _, problems = _read(f"kind: Secret\nstringData:\n  password: {value}\n")
    assert len(problems) == 1
    assert "hunter2" not in problems[0]


def test_too_many_documents(monkeypatch):
    """Reading stops at the limit and says so."""
    monkeypatch.setattr(reading, "MOST_DOCUMENTS", 2)
    documents, problems = _read("a: 1\n---\nb: 2\n---\nc: 3\n")
    assert documents == [{"a": 1}, {"b": 2}]
    assert problems == ["stdin:4: holds more than 2 documents, expected fewer, split the file"]


def test_too_large_a_file():
    """A file past the limit is not parsed at all."""
    assert _read(b"#" * (reading.LARGEST_FILE + 1)) == (
        [],
        ["stdin:1: is larger than 4 MiB, expected less, split the file"],
    )


def test_directories_are_read_recursively(tmp_path):
    """Manifests in all folders are read in the order of their paths, each once; other files are left alone."""
    for name in ("b.yml", "a/one.yaml", "a/two.json", "notes.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'{{"name": "{name}"}}')
    documents, problems = read([str(tmp_path), str(tmp_path / "b.yml")])
    assert [document.data["name"] for document in documents] == ["a/one.yaml", "a/two.json", "b.yml"]
    assert problems == []


def test_missing_and_empty_paths(tmp_path):
    """A path that holds nothing is a problem, not silence."""
    missing = tmp_path / "missing.yaml"
    _, problems = read([str(missing), str(tmp_path)])
    assert [str(problem) for problem in problems] == [
        f"{missing}:1: cannot be read (No such file or directory), expected a manifest, check path and permissions",
        f"{tmp_path}:1: holds no manifests, expected files ending in .yaml, .yml, .json, add some",
    ]
