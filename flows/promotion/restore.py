"""Rebuilds a lost working directory from what the ledger knows, so that a Promotion goes on where it was."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from blocks.errors import Invalid
from blocks.ledger.records import StepRun, StepStatus
from flows.promotion.attempt import check, run
from flows.promotion.environment import Scope, configured
from flows.promotion.result import Skipped, StepContext, Succeeded
from flows.promotion.steps import STEPS

Json = dict[str, Any]


async def restore(
    steps: Sequence[Json],
    runs: Sequence[StepRun],
    *,
    scope: Scope,
    context: Callable[[StepRun], StepContext],
    kinds: Mapping[str, Any] = STEPS,
) -> None:
    """Do again, in order, what finished steps did to the working directory; nothing outside is touched.

    Each sees the outputs as they were when it ran. Raises what a step raises, or Invalid when one no longer
    succeeds: then the directory cannot be had again.
    """
    known = sorted(runs, key=lambda done: done.index)
    for position, done in enumerate(known):
        if done.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED) and done.attempts and done.finished_at:
            kind, step = kinds.get(done.uses), steps[done.index]
            if kind is not None and _replayed(kind):
                await _replay(kind, configured(scope, step, known[:position]), context(done), done)


def _replayed(kind: ModuleType) -> bool:
    return hasattr(kind, "restore") or not kind.OUTWARD


async def _replay(kind: ModuleType, config: Json, ctx: StepContext, done: StepRun) -> None:
    checked = check(kind, config)
    if hasattr(kind, "restore"):
        await kind.restore(checked, ctx, done.output)
        return
    result = await run(kind, checked, ctx)
    if not isinstance(result, Succeeded | Skipped):
        raise Invalid(
            f"step {done.alias!r} succeeded before, but doing it again to rebuild the working directory gave: "
            f"{result.message}; abort this promotion and start another"
        )
