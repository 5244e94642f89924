"""Whose approval is whose."""

import pytest

from blocks.ledger.records import Decision
from flows.promotion.approvers import approvers, named
from tests.blocks.ledger.samples import NOON

ANN = Decision("p", "a", "Ann Lee (unauthenticated)", True, "", NOON)
BOB = Decision("p", "a", "bob (unauthenticated)", False, "", NOON)
EVE = Decision("p", "a", "email:eve@example.com", True, "", NOON, authenticated=True)


def test_only_approvals_count():
    """Names are given without the remark that nobody checked them."""
    assert approvers([ANN, BOB, EVE]) == ["Ann Lee", "email:eve@example.com"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("Ann Lee", "Ann Lee", id="same"),
        pytest.param("  ann   LEE ", "Ann Lee", id="blanks-and-case"),
        pytest.param("BOB", "bob", id="who-rejected"),
        pytest.param("email:Eve@example.com", "email:eve@example.com", id="authenticated-before"),
        pytest.param("Zoë  B.", "Zoë B.", id="new"),
        pytest.param(" \t", "", id="none"),
        pytest.param("Ann Lee (unauthenticated)", "Ann Lee", id="remark-typed-too"),
    ],
)
def test_one_person_has_one_name(typed, meant):
    """Whoever is known keeps the name they had, whatever case and blanks it is typed with."""
    assert named(typed, [ANN, BOB, EVE]) == meant
