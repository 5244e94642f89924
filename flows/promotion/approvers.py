"""Who approved: one person is one approval, however often and in whatever case the name is given."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from blocks.ledger.records import Decision

UNAUTHENTICATED = " (unauthenticated)"
"""Follows a name that somebody only claimed."""


class ApprovalAnswer(BaseModel):
    """Approve or reject this promotion."""

    # No default: a form of defaults would be approved by an empty resume.
    decision: Literal["approve", "reject"] = Field(description="Whether this Freight may enter the Stage.")
    approver: str = Field(default="", max_length=200, description="Your name, for the audit trail (unauthenticated).")
    comment: str = Field(default="", max_length=2000, description="Why, for the audit trail.")


def same_name(one: str, other: str) -> bool:
    """Whether two names are one person's; case and blanks do not matter."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def approvers(decisions: Iterable[Decision]) -> list[str]:
    """The names of those who approved."""
    return [each.actor.removesuffix(UNAUTHENTICATED) for each in decisions if each.approved]


def named(text: str, decisions: Iterable[Decision]) -> str:
    """A name as typed, blanks reduced; as it is known already where it differs in case only."""
    name = " ".join(text.split())
    known = {each.actor.removesuffix(UNAUTHENTICATED).casefold(): each.actor for each in decisions}
    return known.get(name.casefold(), name).removesuffix(UNAUTHENTICATED)
