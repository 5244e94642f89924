"""Who answered, and whether somebody is listened to: by a name, or by a claim that somebody vouched for.

A typed name satisfies a `name`, nothing more. An entry with a claim or a role (Kargo's) needs a proven identity.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field, model_validator

from flows.model import Model
from flows.promotion.identity import Identity

UNAUTHENTICATED = " (unauthenticated)"
"""Follows a name that somebody only claimed."""

UNKNOWN = "unknown actor"
"""Who started a run in the Prefect UI of an open server."""

ROLES = "roles"
"""The claim that lists the project's roles somebody has."""


@dataclass(frozen=True)
class Who:
    """Somebody who answered: as they typed, or proven."""

    typed: str = ""
    identity: Identity | None = None

    @property
    def actor(self) -> str:
        """How they stand in outputs and in the audit trail."""
        return one_line(self.identity.actor) if self.identity else signature(self.typed)

    @property
    def named(self) -> bool:
        """Whether they can be told from others at all."""
        return bool(self.identity or self.typed)

    def is_called(self, name: str) -> bool:
        """Whether this is one of their names; case and blanks do not matter."""
        names = self.identity.names if self.identity else [self.typed]
        return any(same_name(each, name) for each in names if each)

    def is_same(self, other: "Who") -> bool:
        """Whether two are one person, as far as can be told: proven identities by their subject alone."""
        if self.identity and other.identity:
            return self.identity.subject == other.identity.subject
        return other.is_called(self.typed) if other.identity else self.is_called(other.typed)

    def asked_for(self, requester: str) -> bool:
        """Whether they are who asked, an actor such as `user:ann` or `email:ann@example.com`."""
        kind, colon, name = requester.partition(":")
        return self.is_called(requester) or bool(colon and kind != "controller" and self.is_called(name))


class Person(Model):
    """Whom to listen to: exactly one of name, claim with value, and role."""

    name: str = Field(default="", max_length=200, description="The name as it is typed into the form; not in Kargo.")
    claim: str = Field(default="", description="Claim of a proven identity, such as 'email' or 'groups'.")
    value: str = Field(default="", description="The value that claim has.")
    role: str = Field(default="", description="Role of the project that a proven identity has.")

    @model_validator(mode="after")
    def _one(self) -> "Person":
        if bool(self.claim) != bool(self.value):
            raise ValueError("claim and value go together")
        if sum(map(bool, (self.name, self.claim, self.role))) != 1:
            raise ValueError("exactly one of name, claim and role is needed")
        return self

    def can_be(self, proves: bool) -> bool:
        """Whether anybody can be this person at all; `proves` says whether identities can be proven here."""
        return proves or bool(self.name)

    def is_met_by(self, who: Who) -> bool:
        """Whether somebody is meant."""
        if self.name:
            return who.is_called(self.name)
        claim, value = (self.claim, self.value) if self.claim else (ROLES, self.role)
        return who.identity is not None and who.identity.has(claim, value)

    def __str__(self) -> str:
        """Who it is, for people to read."""
        return one_line(self.name or (f"role {self.role}" if self.role else f"{self.claim} {self.value}"))


def same_name(one: str, other: str) -> bool:
    """Whether two names are one person's; case and blanks do not matter."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def may_answer(people: Sequence[Person], who: Who) -> bool:
    """Whether somebody is listened to; without a list everybody is."""
    return not people or any(each.is_met_by(who) for each in people)


def nobody_can_be(people: Iterable[Person], proves: bool) -> str:
    """The sentence about entries that ask for a proven identity where none can be, empty when there are none."""
    hopeless = [each for each in people if not each.can_be(proves)]
    asked = [f"role {each.role!r}" if each.role else f"claim {each.claim!r}" for each in hopeless]
    if not asked:
        return ""
    return (
        f"{' and '.join(asked)} ask for a proven identity, and none can be proven here: name people by 'name' instead, "
        "or set DRAYAGE_IDENTITY_KEY_FILE"
    )


def signature(name: str) -> str:
    """How a name that somebody only claimed stands in outputs and in the audit trail."""
    return f"{name or 'unnamed person'}{UNAUTHENTICATED}"


def one_line(text: str) -> str:
    """What somebody typed, as it may stand in a log and in Markdown: on one line, nothing unprintable."""
    return "".join(filter(str.isprintable, " ".join(text.split())))
