"""What applying manifests changes, decided before anything is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from blocks.ledger.records import Definition

Action = Literal["created", "changed", "unchanged", "deleted"]


@dataclass(frozen=True)
class Change:
    """What becomes of one definition. `before` is None for a created one, `after` for a deleted one."""

    kind: str
    project: str
    name: str
    action: Action
    before: Definition | None = None
    after: Definition | None = None


@dataclass(frozen=True)
class Plan:
    """All changes: those of the manifests in their order, then deletions."""

    changes: list[Change]

    def with_action(self, action: Action) -> list[Change]:
        """The changes of one sort."""
        return [change for change in self.changes if change.action == action]


def plan(
    desired: Sequence[Definition], existing: Iterable[Definition], projects: Iterable[str], prune: bool = False
) -> Plan:
    """Compare what is wanted with what is there. Pruning deletes only what belongs to the named projects."""
    before = {_key(each): each for each in existing}
    wanted = {_key(each) for each in desired}
    gone = pruned(before.values(), wanted, projects) if prune else []
    changes = [_change(each, before.get(_key(each))) for each in desired]
    return Plan(changes + [Change(each.kind, each.project, each.name, "deleted", before=each) for each in gone])


def pruned(
    existing: Iterable[Definition], wanted: set[tuple[str, str, str]], projects: Iterable[str]
) -> list[Definition]:
    """The definitions of the named projects that are no longer wanted, in a lasting order.

    Projects themselves and whatever else belongs to no project stay.
    """
    named = {project for project in projects if project}
    gone = [each for each in existing if each.project in named and _key(each) not in wanted]
    return sorted(gone, key=_key)


def _change(after: Definition, before: Definition | None) -> Change:
    if before is None:
        action: Action = "created"
    else:
        action = "unchanged" if before.manifest == after.manifest else "changed"
    return Change(after.kind, after.project, after.name, action, before, after)


def _key(definition: Definition) -> tuple[str, str, str]:
    return definition.kind, definition.project, definition.name
