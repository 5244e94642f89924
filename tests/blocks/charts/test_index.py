"""Any bytes are an index, or a sentence why they are none; and never more than the limits."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blocks.charts import index
from blocks.charts.index import MAX_DEPTH, Index, read_index
from blocks.errors import BadAnswer, DrayageError, Invalid, NotFound

WHERE = "https://charts.example.com/index.yaml"

HELM = b"""\
apiVersion: v1
entries:
  app:
  - apiVersion: v2
    annotations:
      version: 9.9.9
    dependencies:
    - name: db
      version: 8.8.8
    description: |-
      Not a version:
      version: 7.7.7
    deprecated: true
    urls:
    - https://elsewhere.example.com/app-1.1.0.tgz
    version: 1.1.0
  - {version: 1.10, urls: [app-1.10.tgz]}
  - version: "latest"
  - name: without
  "db":
  - version: 0.1.0+b1
  empty: []
  nothing:
generated: "2026-01-01T00:00:00Z"
"""
FOUND = {"app": ("1.1.0", "1.10", "latest"), "db": ("0.1.0+b1",), "empty": (), "nothing": ()}


def read(body):
    """The charts of an index."""
    return dict(read_index(body, WHERE).charts)


def test_what_helm_writes():
    """Only the versions of the charts themselves are kept, as they are written, deprecated ones too."""
    assert read(HELM) == FOUND


@pytest.mark.parametrize("compact", [True, False])
def test_json(compact):
    """An index may be JSON, on one line or many, with any escapes."""
    odd = {"description": 'an emoji \U0001f600, a quote " and \\ud83d', "icon": "a/b", "name": "é"}
    entries = {name: [{**odd, "version": version} for version in versions] for name, versions in FOUND.items()}
    text = (
        json.dumps({"entries": entries}, separators=(",", ":"))
        if compact
        else json.dumps({"entries": entries}, indent="\t")
    )
    assert read(text.replace("a/b", "a\\/b").encode()) == FOUND


def test_bytes_before_yaml():
    """A byte order mark and Windows line ends change nothing."""
    assert read(b"\xef\xbb\xbf" + HELM.replace(b"\n", b"\r\n")) == FOUND


@pytest.mark.parametrize("body", [b"entries: {}", b"entries:\n", b"entries: ~\n", b'{"entries": null}'])
def test_no_charts_yet(body):
    """A repository without charts is a repository."""
    assert read(body) == {}


ODD = [
    pytest.param(
        b"entries: {app: [3, null, [], text, {version: [1.0.0]}, {version: {}}, {1: 2}]}", {"app": ()}, id="items"
    ),
    pytest.param(
        b"entries: {app: {version: 1.0.0}, db: text, web: [{version: 1.0.0}]}", {"web": ("1.0.0",)}, id="charts"
    ),
    pytest.param(b"entries: {[a]: [{version: 1}], {b: c}: [], ? , web: []}", {"web": ()}, id="names"),
    pytest.param(
        b"a: &a [{version: 9}]\nentries: {x: *a, web: [*a, {version: *a}, {<<: *a, version: 1}]}",
        {"web": ("1",)},
        id="aliases",
    ),
    pytest.param(b"a: &a {b: *a}\nentries: {web: [{version: 1, self: *a}]}", {"web": ("1",)}, id="loop"),
    pytest.param(b"entries: {web: [{version: 1}]}\n--- \nentries: {}", {"web": ("1",)}, id="second-document"),
    pytest.param(b"entries: {web: [{version: !!python/object/apply:os.abort []}]}", {"web": ()}, id="tags"),
    pytest.param(b"entries: {web: [{version: '" + b"1" * 300 + b"'}]}", {"web": ()}, id="long-version"),
    pytest.param(b"entries: {" + b"a" * 300 + b": []}", {}, id="long-name"),
]


@pytest.mark.parametrize(("body", "found"), ODD)
def test_wrong_types(body, found):
    """What is no version of a chart is left out, and keeps nothing else from being found."""
    assert read(body) == found


GARBAGE = [
    pytest.param(b"", "it is empty", id="empty"),
    pytest.param(b"# nothing\n", "it is empty", id="comment"),
    pytest.param(b"\n <!DOCTYPE html>\n<html>", "it is a web page", id="html"),
    pytest.param(b"[]", "it is no map", id="list"),
    pytest.param(b"not found", "it is no map", id="text"),
    pytest.param(b"apiVersion: v1\n", "it has no 'entries'", id="no-entries"),
    pytest.param(b"entries: []\n", "its 'entries' are no map", id="entries-list"),
    pytest.param(b"entries: text\n", "its 'entries' are no map", id="entries-text"),
    pytest.param(b"entries:\n  app:\n  - version: '1.0", "in line 3", id="truncated"),
    pytest.param(b'{"entries": {"app": [{"version": "1.0', "in line 1", id="truncated-json"),
    pytest.param(b"entries: {}\n]", "in line 2", id="more-behind"),
    pytest.param(b"entries: \xff\xfe", "octet", id="no-unicode"),
    pytest.param(b"entries: \x00", "control characters", id="control-characters"),
    pytest.param(HELM.decode().encode("utf-16")[:-1], "", id="half-a-character"),
]


@pytest.mark.parametrize(("body", "problem"), GARBAGE)
def test_what_is_no_index(body, problem):
    """The sentence names the address and what is wrong."""
    with pytest.raises(BadAnswer) as raised:
        read(body)
    assert str(raised.value).startswith(f"{WHERE} is no index of a chart repository: ")
    assert problem in str(raised.value)


def test_an_alias_bomb_costs_nothing():
    """Aliases are not followed, so ten to the power of a hundred of them are a hundred lines."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 100))]
    bomb = "\n".join([*lines, "entries: {app: [{version: 1.0.0, maintainers: *a99}]}"])
    assert read(bomb.encode()) == {"app": ("1.0.0",)}


DEEP = [
    b"x: " + b"[" * 1_000_000,
    b"x: " + b"{a: " * 1_000_000,
    b"? " * 1_000_000,
    b"entries: {app: [{v: " + b"[" * 100_000,
]


@pytest.mark.parametrize("body", DEEP, ids=["lists", "maps", "keys", "versions"])
def test_too_deep(body):
    """Lists in lists are refused early, whatever they are in."""
    with pytest.raises(Invalid, match=f"more than {MAX_DEPTH} deep"):
        read(body)


def test_deep_enough():
    """What charts hold may be nested as charts are."""
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert read(b"entries: {app: [{version: 1.0.0, x: " + nested + b"}]}") == {"app": ("1.0.0",)}


def test_too_many(monkeypatch):
    """More versions or values than the limit are refused with the limit."""
    monkeypatch.setattr(index, "MAX_VERSIONS", 3)
    with pytest.raises(Invalid, match="more than 3 versions"):
        read(HELM)
    monkeypatch.setattr(index, "MAX_EVENTS", 30)
    with pytest.raises(Invalid, match="more than 30 values"):
        read(HELM)


@pytest.mark.parametrize(
    ("name", "said"),
    [("ap", "it has 'app'"), ("App", "it has 'app'"), ("no-such-thing", "it has 3 others")],
)
def test_a_chart_that_is_not_there(name, said):
    """The sentence names charts that may be meant."""
    listed = Index({"app": (), "db": (), "postgresql": ()})
    with pytest.raises(NotFound) as raised:
        listed.versions(name, WHERE)
    assert str(raised.value) == f"{WHERE} has no chart {name!r}, {said}: check the subscription's 'name'"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["version", "1.0.0"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["entries", "version", "app"]) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=30,
)
LISTED = st.fixed_dictionaries({"entries": st.dictionaries(st.text(max_size=8), TREES | st.lists(TREES), max_size=4)})


def is_sound(body):
    """An index of texts, or an error that Drayage words, with the address in it."""
    try:
        charts = read(body)
    except DrayageError as error:
        assert WHERE in str(error)
    else:
        assert all(isinstance(each, str) for name, versions in charts.items() for each in (name, *versions))


@given(st.binary(max_size=200))
def test_any_bytes(body):
    """Whatever a server sends, nothing else is raised."""
    is_sound(body)


@given(st.text(alphabet="entris: vo\n-[]{}&*!|>'\"%@`#?,<.10\t\\u", max_size=120))
def test_anything_like_yaml(text):
    """The characters that mean something to YAML, in any order."""
    is_sound(b"entries:\n" + text.encode())


@given(TREES | LISTED, st.integers(0, 400))
def test_any_yaml(tree, end):
    """Any tree, also cut off anywhere."""
    body = yaml.safe_dump(tree, allow_unicode=True).encode()
    is_sound(body)
    is_sound(body[:end])


@given(TREES | LISTED, st.integers(0, 400))
def test_any_json(tree, end):
    """Any JSON, also cut off anywhere."""
    body = json.dumps(tree).encode()
    is_sound(body)
    is_sound(body[:end])


VERSIONS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12), max_size=5)


@given(st.dictionaries(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), VERSIONS, max_size=5))
def test_everything_written_is_found(charts):
    """Names and versions come out as they went in, from YAML and from JSON."""
    entries = {name: [{"name": name, "version": each} for each in versions] for name, versions in charts.items()}
    wanted = {name: tuple(versions) for name, versions in charts.items()}
    assert read(yaml.safe_dump({"entries": entries}, allow_unicode=True).encode()) == wanted
    assert read(json.dumps({"entries": entries}).encode()) == wanted
