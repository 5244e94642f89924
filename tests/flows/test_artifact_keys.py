"""The names of artifacts: what Prefect allows, and never one for two things."""

import re
from itertools import product

import pytest

from flows.artifacts import key

PARTS = ["a", "b", "a-b", "b-a", "a--b", "-a", "a-", "a.b", "A", "", "--", "ä"]


def test_different_things_have_different_names():
    """However the parts are cut, and whatever is in them."""
    many = [("stage", *parts) for count in (1, 2, 3) for parts in product(PARTS, repeat=count)]
    assert len({key(*parts) for parts in many}) == len(many)
    assert [each for each in (key(*parts) for parts in many) if not re.fullmatch("[a-z0-9-]+", each)] == []


@pytest.mark.parametrize(
    ("parts", "name"),
    [(("project", "shop"), "project--shop"), (("stage", "shop-eu", "prod"), "stage--shop-eu--prod")],
)
def test_plain_names_are_written_as_they_are(parts, name):
    """People find a page by its name."""
    assert key(*parts) == name
