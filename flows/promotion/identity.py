"""Somebody whose identity was proven, by claims that were vouched for."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """Somebody whose identity was proven. `claims` has all that was said of them."""

    subject: str
    claims: Json = field(default_factory=dict)

    @property
    def actor(self) -> str:
        """How they stand in the audit trail (Kargo's forms)."""
        email = self.claims.get("email")
        return f"email:{email}" if isinstance(email, str) and email else f"subject:{self.subject}"

    @property
    def names(self) -> list[str]:
        """The names under which they may be known."""
        known = (self.claims.get(each) for each in ("name", "email", "preferred_username"))
        return [self.subject, *(each for each in known if isinstance(each, str) and each)]

    def has(self, claim: str, value: str) -> bool:
        """Whether a claim has a value, or has it among several."""
        held = self.claims.get(claim, [])
        return value in ([str(each) for each in held] if isinstance(held, list) else [str(held)])
