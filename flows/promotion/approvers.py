"""Who approved: one person is one approval, however often and in whatever case the name is given."""

from collections.abc import Iterable

from blocks.ledger.records import Decision

UNAUTHENTICATED = " (unauthenticated)"
"""Follows a name that somebody only claimed."""


def approvers(decisions: Iterable[Decision]) -> list[str]:
    """The names of those who approved."""
    return [each.actor.removesuffix(UNAUTHENTICATED) for each in decisions if each.approved]


def named(text: str, decisions: Iterable[Decision]) -> str:
    """A name as typed, blanks reduced; as it is known already where it differs in case only."""
    name = " ".join(text.split())
    known = {each.actor.removesuffix(UNAUTHENTICATED).casefold(): each.actor for each in decisions}
    return known.get(name.casefold(), name).removesuffix(UNAUTHENTICATED)
