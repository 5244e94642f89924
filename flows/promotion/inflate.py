"""Freezes a Stage's template into the steps and variables of one Promotion, tasks replaced by their steps.

Nothing is evaluated here: expressions stay as they are until each step runs.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from blocks.errors import Invalid
from flows.duration import parse_duration
from flows.promotion.model import PromotionTaskSpec, Step, TaskReference, Variable

Json = dict[str, Any]
TaskLookup = Callable[[TaskReference], PromotionTaskSpec | None]
"""Finds a PromotionTask of the project or a ClusterPromotionTask; None when there is none."""

SEPARATOR = "::"
"""Between the alias of a task and the alias of a step inside it."""

_RESERVED = re.compile(r"(step|task)-\d+", re.ASCII)
_VARIABLE = re.compile(r"[a-zA-Z_]\w*", re.ASCII)


def inflate(
    project: str,
    stage_vars: Sequence[Variable],
    template_vars: Sequence[Variable],
    steps: Sequence[Step],
    task: TaskLookup,
) -> tuple[list[Json], list[Json]]:
    """Return the Promotion's variables and its steps, every one with an alias.

    Default aliases are `step-N` and `task-N`, N the position in the list the step stands in. Raises Invalid when
    a task does not exist or one of its required variables has no value.
    """
    variables = [*stage_vars, *template_vars]
    frozen: list[Json] = []
    for position, step in enumerate(steps, 1):
        if step.task is None:
            frozen.append(_frozen(step, _alias(step, position), []))
        else:
            frozen += _inflated(project, step, step.task, _alias(step, position), variables, task(step.task))
    return _dumped(variables), frozen


def _inflated(
    project: str,
    caller: Step,
    reference: TaskReference,
    alias: str,
    variables: Sequence[Variable],
    spec: PromotionTaskSpec | None,
) -> list[Json]:
    if spec is None:
        raise Invalid(f"{reference.kind} {reference.name!r}, named by step {alias!r}, does not exist in {project!r}")
    given = _task_vars(f"step {alias!r}", reference.name, spec.vars, variables, caller.vars)
    return [
        _frozen(step, f"{alias}{SEPARATOR}{_alias(step, position)}", given)
        for position, step in enumerate(spec.steps, 1)
    ]


def _task_vars(
    where: str, task: str, declared: Sequence[Variable], outer: Sequence[Variable], given: Sequence[Variable]
) -> list[Variable]:
    """Return defaults, then what the caller gives: the later wins when read. Empty counts as unset (Kargo)."""
    known_outside = {variable.name for variable in outer if variable.value}
    known_here = {variable.name for variable in given if variable.value}
    wanted = [variable for variable in declared if variable.name not in known_outside]
    missing = sorted({variable.name for variable in wanted if not variable.value} - known_here)
    if missing:
        raise Invalid(f"{where} must give a value for {', '.join(missing)}, required by task {task!r}")
    return [*(variable for variable in wanted if variable.value), *given]


def _alias(step: Step, position: int) -> str:
    return step.as_ or f"{'step' if step.task is None else 'task'}-{position}"


def _frozen(step: Step, alias: str, task_vars: Sequence[Variable]) -> Json:
    dumped = step.model_dump(by_alias=True, exclude_unset=True, exclude={"task", "vars", "config"}, exclude_none=True)
    variables = _dumped([*task_vars, *step.vars])
    return (
        dumped
        | {"as": alias}
        | ({"vars": variables} if variables else {})
        | ({"config": step.config} if step.config is not None else {})
    )


def _dumped(variables: Sequence[Variable]) -> list[Json]:
    return [variable.model_dump(exclude_none=True) for variable in variables]


def admit_steps(steps: Sequence[Step], in_task: bool) -> list[tuple[str, str]]:
    """Return every problem of a template's or a task's steps, as its path below the list's owner and a sentence."""
    if not steps:
        return [("steps", "there must be at least one step")]
    problems = _duplicates(steps)
    for index, step in enumerate(steps):
        problems += [(f"steps[{index}].{path}", sentence) for path, sentence in _problems(step, in_task)]
    return problems


def _duplicates(steps: Sequence[Step]) -> list[tuple[str, str]]:
    first: dict[str, int] = {}
    aliases = [(index, (step.as_ or "").strip()) for index, step in enumerate(steps)]
    return [
        (f"steps[{index}].as", f"alias {alias!r} is already that of steps[{first[alias]}]")
        for index, alias in aliases
        if alias and first.setdefault(alias, index) != index
    ]


def _problems(step: Step, in_task: bool) -> list[tuple[str, str]]:
    problems = []
    if _RESERVED.fullmatch((step.as_ or "").strip()):
        problems.append(("as", "aliases such as step-1 and task-1 are reserved for steps without one"))
    if step.task is None and not step.uses:
        problems.append(("uses", "names no step kind"))
    if step.task is not None:
        problems += _reference_problems(step, in_task)
    problems += [
        (f"vars[{index}].name", "must start with a letter or underscore and go on with letters, digits, underscores")
        for index, variable in enumerate(step.vars)
        if not _VARIABLE.fullmatch(variable.name)
    ]
    return problems + _retry_problems(step)


def _reference_problems(step: Step, in_task: bool) -> list[tuple[str, str]]:
    if in_task:
        return [("task", "tasks do not nest: a task's steps each use a step kind")]
    fields = {"if": bool(step.if_), "continueOnError": step.continue_on_error, "config": step.config is not None}
    fields |= {"retry": "retry" in step.model_fields_set, "onAbort": step.on_abort}
    return [(name, "a step that refers to a task has only 'as' and 'vars'") for name, given in fields.items() if given]


def _retry_problems(step: Step) -> list[tuple[str, str]]:
    problems = []
    for field, text in (("timeout", step.retry.timeout), ("backoff", step.retry.backoff)):
        try:
            parse_duration(text or "0s")
        except Invalid as error:
            problems.append((f"retry.{field}", str(error)))
    return problems
