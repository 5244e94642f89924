"""Repository URLs are normalised as the conformance cases say."""

import pytest

from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image, sanitize
from tests.conformance.cases import cases

KINDS = {"git": normalize_git, "image": normalize_image, "chart": normalize_chart, "sanitize": sanitize}


@pytest.mark.parametrize("case", cases("urls.json"))
def test_urls(case):
    """Every kind of URL has one spelling, and what is none is left alone."""
    assert case["want"] == KINDS[case["kind"]](case["input"])
