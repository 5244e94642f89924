"""Whose approval counts, and when there is enough of it: the same rules for a Stage's policy and for a step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.ledger.records import Decision
from flows.model import Model
from flows.promotion.identity import Identity
from flows.promotion.people import UNAUTHENTICATED, UNKNOWN, Person, Who, may_answer, nobody_can_be, one_line
from flows.promotion.result import Answer

WHY_NOT = {
    "odd": "it was no answer to the form",
    "nobody": "somebody was not among those who may decide",
    "unnamed": "somebody gave no name, which is needed here",
    "again": "somebody had approved before",
    "self": "who asked for the promotion may not approve it",
    "unproven": "only people whose identity is proven may decide here",
}

MORE = "who asked is not known and may be one of those who approve, so one more person must"
"""What is said where nobody may approve what they asked for, of what an unknown person asked for in the Prefect UI."""


class Approver(Person):
    """One who may decide."""

    required: bool = Field(default=False, description="Nothing goes on before this one has approved.")


class Terms(Model):
    """Whose approval is needed."""

    approvers: list[Approver] = Field(
        default_factory=list, max_length=50, description="Who may decide; without any, everybody may."
    )
    min_approvals: int = Field(default=1, ge=1, le=50, description="How many different people must approve.")
    forbid_self_approval: bool = Field(
        default=False, description="Who asked for the promotion may reject but not approve it; not in Kargo."
    )
    only_authenticated: bool = Field(
        default=False, description="Only people whose identity is proven may decide; not in Kargo."
    )

    def why_not(self, vote: "Vote", requester: str, before: Sequence["Vote"]) -> str:
        """Why a vote does not count under these terms, empty when it does. Whoever may decide may always reject."""
        if self.only_authenticated and vote.who.identity is None:
            return WHY_NOT["unproven"]
        if not may_answer(self.approvers, vote.who):
            return WHY_NOT["nobody"]
        if not vote.approved:
            return ""
        if not vote.who.named and (self.min_approvals > 1 or self.forbid_self_approval):
            return WHY_NOT["unnamed"]
        if self.forbid_self_approval and vote.who.asked_for(requester):
            return WHY_NOT["self"]
        return WHY_NOT["again"] if any(_repeats(vote, each) for each in before) else ""

    def impossible(self, requester: str, proves: bool) -> str:
        """Why this can never be approved, empty when it can be; `proves` as in `Person.can_be`."""
        if self.only_authenticated and not proves:
            return "only proven identities count, and none can be proven here: set DRAYAGE_IDENTITY_KEY_FILE"
        own = [str(each) for each in self.approvers if each.required and each.name]
        if own and self.spare(requester):
            return (
                f"{' and '.join(own)} must approve and nobody may approve what they asked for, but who asked for this "
                "is not known: ask by 'drayage promote' instead"
            )
        able = [each for each in self.approvers if each.can_be(proves)]
        if reason := nobody_can_be((each for each in self.approvers if each.required or not able), proves):
            return reason
        needed = self.needed(requester)
        if self.approvers and all(each.name for each in able) and len(able) < needed:
            more = nobody_can_be(self.approvers, proves) or (MORE if self.spare(requester) else "")
            return f"{needed} must approve and {len(able)} can{f': {more}' if more else ''}"
        return ""

    def spare(self, requester: str) -> int:
        """How many of those who approve may turn out not to count: one while nobody knows who asked."""
        return int(self.forbid_self_approval and requester == UNKNOWN)

    def needed(self, requester: str) -> int:
        """How many different people must approve what this one asked for."""
        return self.min_approvals + self.spare(requester)

    def missing(self, votes: Sequence["Vote"], requester: str) -> str:
        """What is missing yet, empty when enough have approved."""
        counting = self.counting(votes, requester)
        at_least = 1 + self.spare(requester)
        lacking = [str(each) for each in self.approvers if each.required and _met(each, counting) < at_least]
        if len(counting) >= self.needed(requester) and not lacking:
            return ""
        so_far = f"{len(counting)} of {self.needed(requester)} approved"
        return so_far + (f", needed yet: {', '.join(lacking)}" if lacking else "")

    def counting(self, votes: Sequence["Vote"], requester: str) -> list["Vote"]:
        """The approvals among some votes that count under these terms."""
        kept: list[Vote] = []
        for vote in _without_proven_later(votes):
            if vote.approved and not self.why_not(vote, requester, kept):
                kept.append(vote)
        return kept


class ApprovalAnswer(BaseModel):
    """Approve or reject this promotion."""

    model_config = ConfigDict(extra="forbid")

    # No default: a form of defaults would be approved by an empty resume.
    decision: Literal["approve", "reject"] = Field(description="Whether this Freight may enter the Stage.")
    approver: str = Field(default="", max_length=200, description="Your name, for the audit trail (unauthenticated).")
    comment: str = Field(default="", max_length=2000, description="Why, for the audit trail.")
    assertion: str = Field(default="", max_length=20_000, description="Leave empty: a gateway vouches for you here.")


@dataclass(frozen=True)
class Vote:
    """What one person said."""

    who: Who
    approved: bool
    comment: str
    at: datetime


def vote_of(answer: Answer) -> Vote | str:
    """Read one answer, or say why it is none; who may write to Prefect can make any."""
    if answer.refused:
        return answer.refused
    try:
        said = ApprovalAnswer.model_validate(answer.values)
    except ValidationError:
        return WHY_NOT["odd"]
    who = Who(_plain(said.approver), answer.identity)
    return Vote(who, said.decision == "approve", one_line(said.comment), answer.at)


def vote_from(decision: Decision) -> Vote:
    """Read a vote that the ledger kept."""
    subject = decision.identity.get("sub")
    identity = Identity(subject, decision.identity) if decision.authenticated and isinstance(subject, str) else None
    typed = _plain(decision.actor)
    return Vote(
        Who("" if typed == "unnamed person" else typed, identity),
        decision.approved,
        decision.comment,
        decision.decided_at,
    )


def decision_of(project: str, promotion: str, vote: Vote) -> Decision:
    """Make what the ledger keeps of a vote."""
    identity = vote.who.identity
    claims: dict[str, Any] = identity.claims if identity else {}
    return Decision(
        project, promotion, vote.who.actor, vote.approved, vote.comment, vote.at, identity is not None, claims
    )


def counted(
    terms: Sequence[Terms], requester: str, answers: Sequence[Answer], before: Sequence[Vote] = ()
) -> tuple[list[Vote], str]:
    """The votes so far with those of the answers that count, and why the last answer did not, empty when it did.

    A vote counts when it does under any of the terms; a name is kept as it was first written.
    """
    kept = list(before)
    ignored = ""
    for answer in answers:
        vote = vote_of(answer)
        if isinstance(vote, str):
            ignored = vote
        elif any(each.at == vote.at and each.who.actor == vote.who.actor for each in kept):
            ignored = ""
        else:
            ignored = _why_not(terms, vote, requester, kept)
            kept += [] if ignored else [_as_known(vote, kept)]
    return kept, ignored


def answerer(answer: Answer) -> str:
    """Who says to have given an answer that may not count."""
    vote = vote_of(answer)
    return "unnamed person" if isinstance(vote, str) else vote.who.actor


def rejection(votes: Sequence[Vote]) -> Vote | None:
    """The first vote against, which outweighs all others."""
    return next((each for each in votes if not each.approved), None)


def rejected(vote: Vote) -> str:
    """Say who rejected and why."""
    return f"rejected by {vote.who.actor}{f': {vote.comment}' if vote.comment else ''}"


def missing(terms: Sequence[Terms], votes: Sequence[Vote], requester: str) -> str:
    """What is missing yet under all of the terms, empty when enough have approved."""
    return "; ".join(dict.fromkeys(said for each in terms if (said := each.missing(votes, requester))))


def impossible(terms: Sequence[Terms], requester: str, proves: bool) -> str:
    """Why this can never be approved, empty when it can be."""
    return next((reason for each in terms if (reason := each.impossible(requester, proves))), "")


def told(terms: Sequence[Terms], votes: Sequence[Vote], ignored: str, requester: str) -> list[str]:
    """What people should know before they decide, a paragraph each."""
    lines = [f"Only these may decide: {', '.join(map(str, each.approvers))}." for each in terms if each.approvers]
    if any(each.forbid_self_approval for each in terms):
        lines.append("Who asked for the promotion may not approve it.")
    if any(each.spare(requester) for each in terms):
        lines.append(f"{MORE[0].upper()}{MORE[1:]}.")
    if any(each.only_authenticated for each in terms):
        lines.append("Only people whose identity is proven may decide.")
    lines += [f"Approved by {each.who.actor}{f': {each.comment}' if each.comment else ''}." for each in votes]
    if any(each.needed(requester) > 1 for each in terms):
        lines.append("Each approval needs a name of its own.")
    return lines + ([f"The last answer did not count: {ignored}."] if ignored else [])


def _why_not(terms: Sequence[Terms], vote: Vote, requester: str, before: Sequence[Vote]) -> str:
    reasons = [each.why_not(vote, requester, before) for each in terms]
    return "" if "" in reasons else next(iter(reasons), "")


def _repeats(vote: Vote, earlier: Vote) -> bool:
    """Whether one's earlier approval is said again. Who proves an identity repeats nobody who only typed the name."""
    weaker = vote.who.identity is not None and earlier.who.identity is None
    return earlier.approved and not weaker and vote.who.is_same(earlier.who)


def _without_proven_later(votes: Sequence[Vote]) -> list[Vote]:
    """Leave out typed names of people who approved themselves, with proof."""
    proven = [each.who for each in votes if each.approved and each.who.identity]
    return [each for each in votes if each.who.identity or not any(who.is_same(each.who) for who in proven)]


def _as_known(vote: Vote, before: Sequence[Vote]) -> Vote:
    known = next((each.who for each in before if each.who.is_same(vote.who)), None)
    return replace(vote, who=known) if known and not vote.who.identity and not known.identity else vote


def _met(person: Person, votes: Sequence[Vote]) -> int:
    return sum(person.is_met_by(each.who) for each in votes)


def _plain(name: str) -> str:
    return one_line(one_line(name).removesuffix(UNAUTHENTICATED.strip()))
