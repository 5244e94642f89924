"""Who may answer what a step asks, while nobody's identity is proven: a typed name satisfies a `name`, nothing more.

An entry with a claim or a role (Kargo's) needs an identity that somebody vouches for. None does yet, so such an entry
is satisfied by nobody, and a step that cannot end without one says so at once.
"""

from collections.abc import Iterable, Sequence

from pydantic import Field, model_validator

from flows.model import Model
from flows.promotion.approvers import UNAUTHENTICATED, same_name


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

    @property
    def provable(self) -> bool:
        """Whether anybody can be this person at all."""
        return bool(self.name)

    def is_called(self, name: str) -> bool:
        """Whether somebody of this name is meant; case and blanks do not matter."""
        return self.provable and same_name(self.name, name)


def may_answer(people: Sequence[Person], name: str) -> bool:
    """Whether somebody who gives this name is listened to; without a list everybody is."""
    return not people or any(each.is_called(name) for each in people)


def nobody_can_be(people: Iterable[Person]) -> str:
    """The sentence about entries that ask for a proven identity, empty when there are none."""
    asked = [f"role {each.role!r}" if each.role else f"claim {each.claim!r}" for each in people if not each.provable]
    if not asked:
        return ""
    return f"{' and '.join(asked)} ask for a proven identity, and nobody's is proven yet: name people by 'name' instead"


def signature(name: str) -> str:
    """How a name that somebody only claimed stands in outputs and in the audit trail."""
    return f"{name or 'unnamed person'}{UNAUTHENTICATED}"


def one_line(text: str) -> str:
    """What somebody typed, as it may stand in a log and in Markdown: on one line, nothing unprintable."""
    return "".join(filter(str.isprintable, " ".join(text.split())))
