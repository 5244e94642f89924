"""Globs over paths."""

import pytest

from blocks.errors import Invalid
from flows.warehouse.paths import path_filter


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("*.yaml", "a.yaml", True),
        ("*.yaml", "x/a.yaml", False),
        ("a?c", "a/c", False),
        ("**", "a/b/c", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x", "ax", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "axb", False),
        ("a/**", "a/b/c", True),
        ("a/**", "ab", False),
        ("{apps,jobs}/*", "jobs/x", True),
        ("{apps,jobs}/*", "docs/x", False),
        ("a{,.bak}", "a.bak", True),
        ("{a,b{c,d}}", "bd", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[!a]", "/", False),
        (r"[\]]", "]", True),
        (r"[a\-c]", "b", False),
        (r"\{a\}", "{a}", True),
        ("a,b", "a,b", True),
        ("a.b", "axb", False),
        ("a\nb*", "a\nbc", True),
        ("ü*", "üx", True),
    ],
)
def test_glob(glob, path, matches):
    """A glob matches whole paths, part by part."""
    assert path_filter([f"glob:{glob}"], [])([path]) is matches


@pytest.mark.parametrize("glob", ["[", "[]", "[a", "{a", "a}", "a\\", "[z-a]", "{a,[}"])
def test_broken_glob(glob):
    """A glob that is not finished is refused with itself in the sentence."""
    with pytest.raises(Invalid):
        path_filter([f"glob:{glob}"], [])
