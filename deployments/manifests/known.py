"""What exists once the manifests are applied: their objects, and those of the ledger that stay."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from blocks.ledger.records import Definition
from deployments.manifests.kinds import KINDS
from deployments.manifests.resource import Resource
from flows.promotion.model import PromotionTaskSpec, TaskReference
from flows.stage.graph import Stages

MOST_NAMED = 10

Key = tuple[str, str, str]
"""Kind, project, name; the project is empty for kinds of the whole installation."""


@dataclass
class Known:
    """Specs by kind, project and name."""

    specs: dict[Key, Any] = field(default_factory=dict)

    def has(self, kind: str, project: str, name: str) -> bool:
        """Whether such an object exists."""
        return (kind, project, name) in self.specs

    def names(self, kind: str, project: str) -> list[str]:
        """The names of a kind in a project."""
        return sorted(name for other, scope, name in self.specs if (other, scope) == (kind, project))

    def stages(self, project: str) -> Stages:
        """The Stages of a project by name."""
        named = ((name, self.specs["Stage", project, name]) for name in self.names("Stage", project))
        return {name: spec for name, spec in named if spec is not None}

    def tasks(self, project: str) -> Callable[[TaskReference], PromotionTaskSpec | None]:
        """The look-up of tasks as a Stage of a project sees them."""
        return lambda task: self.specs.get((task.kind, scope(task.kind, project), task.name))

    def missing(self, kind: str, project: str, name: str) -> str:
        """Say that something named does not exist, what does, and what to do; empty when it does."""
        if self.has(kind, project, name):
            return ""
        where = f" in project '{project}'" if project else ""
        names = self.names(kind, project)
        known = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        expected = f"expected one of {known}" if names else "and there is none"
        return f"{kind} '{name}' does not exist{where}, {expected}, add it or correct the name"


def known(resources: Iterable[Resource], staying: Iterable[Definition], broken: Iterable[Key]) -> Known:
    """Put together what will exist; the manifests win over the ledger.

    Objects of the manifests that have problems of their own exist too, or all that name them would be reported.
    """
    specs = {(each.kind, each.project, each.name): _spec(each) for each in staying}
    specs |= {(each.kind.name, each.project, each.name): each.spec for each in resources}
    return Known(specs | {key: None for key in broken if key not in specs})


def scope(kind: str, project: str) -> str:
    """The project in which a kind is looked up: none for those of the whole installation."""
    return "" if KINDS[kind].cluster else project


def _spec(definition: Definition) -> Any:
    """The spec of a definition in the ledger; None where it is none that this version reads."""
    kind = KINDS.get(definition.kind)
    try:
        return kind.spec.model_validate(definition.spec) if kind and kind.spec else None
    except ValidationError:
        return None
