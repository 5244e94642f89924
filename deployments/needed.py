"""What still needs a definition, so that deleting it would break something."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from blocks.errors import Refused
from blocks.ledger.records import Definition
from flows.stage.model import StageSpec

Key = tuple[str, str]
"""Kind and name."""


def check_unneeded(gone: Sequence[Definition], staying: Sequence[Definition]) -> None:
    """Raise Refused with the names when Stages that stay need what is to go."""
    stages = [each for each in staying if each.kind == "Stage"]
    for each in gone:
        needing = sorted(stage.name for stage in stages if _needs(stage, each))
        if needing:
            names = ", ".join(needing)
            raise Refused(f"{each.kind} {each.name!r} is needed by Stage {names}: delete or change that first")


def _needs(stage: Definition, other: Definition) -> bool:
    if other.project not in (stage.project, ""):
        return False
    try:
        return (other.kind, other.name) in _named(StageSpec.model_validate(stage.spec))
    except ValidationError:  # most likely a newer version wrote it: whatever it names it may need
        return _mentions(stage.spec, other.name)


def _mentions(value: Any, name: str) -> bool:
    """Whether a name stands anywhere in a spec that this version cannot read."""
    left = [value]
    while left:
        each = left.pop()
        if each == name:
            return True
        left += each.values() if isinstance(each, dict) else each if isinstance(each, list) else []
    return False


def _named(spec: StageSpec) -> set[Key]:
    return {*_sources(spec), *_tasks(spec), *_templates(spec)}


def _sources(spec: StageSpec) -> Iterator[Key]:
    for request in spec.requested_freight:
        yield "Warehouse", request.origin.name
        yield from (("Stage", name) for name in request.sources.stages)


def _tasks(spec: StageSpec) -> Iterable[Key]:
    return ((step.task.kind, step.task.name) for step in spec.steps if step.task)


def _templates(spec: StageSpec) -> Iterable[Key]:
    return ((each.kind, each.name) for each in (spec.verification.analysis_templates if spec.verification else ()))
