"""Which steps run after an abort, and what the engine is to make of the others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from blocks.ledger.records import StepRun, StepStatus

Json = dict[str, Any]


def clean_up_steps(steps: Sequence[Json]) -> list[Json]:
    """Frozen steps as if all had gone well before each: one without a condition of its own runs."""
    return [step if step.get("if") else {**step, "if": "${{ always() }}"} for step in steps]


def left_out(steps: Sequence[Json], known: Sequence[StepRun], now: datetime) -> list[StepRun]:
    """The steps as the engine is to find them: finished, but for those marked `onAbort` that had not ended."""
    ran = {each.index: each for each in known}
    found = [ran.get(index) or StepRun(index, step["as"], step["uses"]) for index, step in enumerate(steps)]
    return [
        each
        if each.finished_at or step.get("onAbort")
        else replace(each, status=StepStatus.ABORTED, finished_at=now, message="not reached")
        for each, step in zip(found, steps, strict=True)
    ]


def summary(done: Sequence[StepRun]) -> str:
    """Say what was run, for the audit trail."""
    return ", ".join(f"{run.alias} {run.status}" for run in done) or "no step is marked onAbort"
