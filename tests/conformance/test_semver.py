"""Versions and ranges behave as the conformance cases say."""

import pytest

from blocks.errors import Invalid
from flows.warehouse.semver import compare, parse, sort_descending
from flows.warehouse.semver_constraint import Constraint
from tests.conformance.cases import cases


@pytest.mark.parametrize("case", cases("semver.json", lambda case: case["op"] == "check"))
def test_check(case):
    """A version lies in a range, or not, or the range is refused."""
    if isinstance(case["want"], dict):
        with pytest.raises(Invalid):
            Constraint.parse(case["constraint"])
    else:
        assert case["want"] == Constraint.parse(case["constraint"]).check(parse(case["version"]))


@pytest.mark.parametrize("case", cases("semver.json", lambda case: case["op"] == "parse"))
def test_parse(case):
    """A text is a version with these parts, or none."""
    version = parse(case["input"], strict=case["strict"])
    if case["want"] is None:
        assert version is None
    else:
        parts = ("major", "minor", "patch", "prerelease", "metadata", "original")
        assert case["want"] == {part: getattr(version, part) for part in parts} | {"string": str(version)}


@pytest.mark.parametrize("case", cases("semver.json", lambda case: case["op"] == "sortDescending"))
def test_sort_descending(case):
    """Newest first, ties by original text."""
    assert case["want"] == [version.original for version in sort_descending(map(parse, case["versions"]))]


@pytest.mark.parametrize("case", cases("semver.json", lambda case: case["op"] == "compare"))
def test_compare(case):
    """Precedence ignores build metadata and spelling."""
    assert case["want"] == compare(parse(case["a"]), parse(case["b"]))
