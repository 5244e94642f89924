"""Secrets of metric services: a project's own, or one that all projects share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blocks.errors import Invalid
from flows.verification.measuring import Context


@dataclass(frozen=True)
class Login:
    """What one Secret holds. `account` names it for budgets."""

    name: str
    account: str
    values: Mapping[str, str] = field(repr=False)

    def __getitem__(self, key: str) -> str:
        """Return a value that must be there. Raises Invalid."""
        if not (value := self.get(key)):
            raise Invalid(f"Secret {self.name!r} has no {key!r}, which its metric needs: add it")
        return value

    def get(self, key: str, otherwise: str = "") -> str:
        """Return a value; spaces and line ends around it are no part of it."""
        return (self.values.get(key) or "").strip() or otherwise


async def login(context: Context, name: str, *, own: bool = False) -> Login:
    """Read a Secret of the project, or with `own` unset one of all projects. Raises Invalid when there is none."""
    try:
        return Login(name, f"{context.project}/{name}", await context.secret(name, False))
    except Invalid:
        if own:
            raise
    try:
        return Login(name, f"shared/{name}", await context.secret(name, True))
    except Invalid:
        raise Invalid(
            f"there is no Secret {name!r} in project {context.project!r} nor among the shared ones, "
            "which a metric needs: apply it"
        ) from None
