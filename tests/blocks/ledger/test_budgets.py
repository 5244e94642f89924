"""Where credentials stand with hosts, as several processes write it down."""

from dataclasses import replace
from datetime import timedelta

from blocks.ledger.budgets import KEPT
from blocks.records import BudgetState
from tests.blocks.ledger.samples import at

GITHUB = BudgetState("http", "api.github.com", "bot", 5_000, 4_210, at(5), 3, None, at(0))
GHCR = BudgetState("http", "ghcr.io", "", None, None, None, 0, at(2), at(0))
GIT = replace(GHCR, kind="git", host="github.com", backing_off_until=None)


async def test_what_was_seen_is_kept(ledger, count_statements):
    """Every field, by host; nothing to say costs nothing, and many cost one statement and the tidying."""
    assert await ledger.budgets.list() == []
    with count_statements() as statements:
        await ledger.budgets.record([])
    assert statements == []
    await ledger.budgets.record([GIT, GHCR, GITHUB])
    assert await ledger.budgets.list() == [GITHUB, GHCR, GIT]


async def test_what_was_seen_last_counts(ledger):
    """Whichever worker saw it, and in whatever order they write."""
    later = replace(GITHUB, remaining=4_000, seen_at=at(2))
    await ledger.budgets.record([later, GHCR])
    await ledger.budgets.record([replace(GITHUB, remaining=4_100, seen_at=at(1))])
    assert await ledger.budgets.list() == [later, GHCR]
    await ledger.budgets.record([replace(later, resets_at=None, limit=None, remaining=None, seen_at=at(3))])
    assert (await ledger.budgets.list())[0].limit is None


async def test_what_nobody_renews_goes(ledger):
    """A host that is asked no more is forgotten after a while."""
    await ledger.budgets.record([GITHUB, GHCR])
    await ledger.budgets.record([replace(GHCR, seen_at=GHCR.seen_at + KEPT + timedelta(seconds=1))])
    assert [each.host for each in await ledger.budgets.list()] == ["ghcr.io"]


async def test_of_very_many_those_seen_last(ledger):
    """A list has a limit."""
    await ledger.budgets.record([replace(GHCR, host=f"h{number:03}", seen_at=at(number)) for number in range(9)])
    assert [each.host for each in await ledger.budgets.list(limit=2)] == ["h007", "h008"]
