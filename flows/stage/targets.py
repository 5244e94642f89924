"""The targets a Stage fans out to: chosen by labels, and kept as they are when a Promotion is asked for."""

from collections.abc import Iterable, Sequence
from typing import Any

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from flows.stage.model import LabelSelector, StagePolicySpec, StageSpec, TargetLimits
from flows.stage.selector import Labels, fits, selects

Json = dict[str, Any]

MOST_TARGETS = 1_000
"""Targets of one Stage."""


def chosen(selectors: Sequence[LabelSelector], targets: Iterable[Definition]) -> list[Json]:
    """Return what any selector fits, each once, by name: `name`, `labels` and `params`. No selectors choose none."""
    found = {each.name: each for each in targets if any(fits(selector, each.labels) for selector in selectors)}
    return [
        {"name": name, "labels": dict(found[name].labels), "params": found[name].spec.get("params", {})}
        for name in sorted(found)
    ]


async def read_targets(ledger: Ledger, project: str, stage: str, spec: StageSpec) -> list[Json] | None:
    """Choose a Stage's targets as they are now; None when it does not fan out. Raises Refused for too many."""
    if spec.targets is None:
        return None
    found = chosen(spec.targets.selectors, await ledger.definitions.list("Target", project))
    if len(found) > MOST_TARGETS:
        raise Refused(
            f"Stage {stage!r} has {len(found):,} targets, and one Promotion goes to {MOST_TARGETS:,} at most: "
            "narrow its spec.targets.selectors, or make several Stages of it"
        )
    return found


def limits_for(policies: Iterable[StagePolicySpec], stage_name: str, labels: Labels) -> TargetLimits:
    """How a Stage goes about its targets: of each limit the strictest that any policy about it gives.

    Raises Invalid when a policy cannot be evaluated.
    """
    given = [each.targets for each in policies if each.targets and selects(each.stage_selector, stage_name, labels)]
    if not given:
        return TargetLimits()
    return TargetLimits(
        max_concurrent=min(each.max_concurrent for each in given), max_failures=min(each.max_failures for each in given)
    )
