"""The four measures of delivery, of one Stage over a time, from what ended in it.

deployment          a Promotion into the Stage that Succeeded; one to several targets counts once
change              a Promotion that Succeeded, Failed or Errored; Aborted ones count as nothing
lead time           from the creation of Freight to its first deployment to the Stage; later ones of the same
                    Freight, such as rollbacks, have none
change failure rate of the changes, how many failed: the Promotion Failed or Errored, or a verification of what it
                    brought did
time to restore     from the first failure to the next successful verification in the Stage (a Stage that asks for
                    none counts as verified when Freight enters); failures in between belong to the same outage
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from blocks.ledger.changes import PROMOTED, SUCCEEDED, Change

BAD = ("PromotionFailed", "PromotionErrored", "FreightVerificationFailed", "FreightVerificationErrored")
RESTORED = "FreightVerificationSucceeded"


@dataclass(frozen=True)
class Measures:
    """The measures of one Stage. What cannot be said is None: no median of nothing, no rate of no changes.

    `cut` tells that more happened in its project than is looked at, so that `days` are fewer than were asked for.
    """

    project: str
    stage: str
    days: float
    changes: int = 0
    deployments: int = 0
    failed_changes: int = 0
    lead_times: tuple[timedelta, ...] = ()
    restore_times: tuple[timedelta, ...] = ()
    failing_since: datetime | None = None
    cut: bool = False

    @property
    def deployments_per_day(self) -> float:
        """How often it is deployed."""
        return self.deployments / self.days

    @property
    def lead_time(self) -> timedelta | None:
        """The median lead time."""
        return _median(self.lead_times)

    @property
    def change_failure_rate(self) -> float | None:
        """Failed changes per change, from 0 to 1."""
        return self.failed_changes / self.changes if self.changes else None

    @property
    def time_to_restore(self) -> timedelta | None:
        """The median time to restore; an outage that lasts has none yet."""
        return _median(self.restore_times)


def measured(
    project: str,
    stages: Iterable[str],
    changes: Iterable[Change],
    found: Mapping[str, datetime],
    first: Mapping[tuple[str, str], datetime],
    days: float,
    cut: bool = False,
) -> list[Measures]:
    """Measure Stages, the given ones and those that something happened in, from changes in the order of time.

    `found` says when Freight was created and `first` when it first arrived in a Stage.
    """
    by_stage: defaultdict[str, list[Change]] = defaultdict(list)
    for name in stages:
        by_stage[name] = []
    for change in changes:
        by_stage[change.stage].append(change)
    every = [_of(project, name, each, found, first, days) for name, each in by_stage.items() if name]
    return [replace(each, cut=True) for each in every] if cut else every


def _of(
    project: str,
    stage: str,
    changes: Sequence[Change],
    found: Mapping[str, datetime],
    first: Mapping[tuple[str, str], datetime],
    days: float,
) -> Measures:
    ended = {each.promotion for each in changes if each.type in PROMOTED}
    deployed = [each for each in changes if each.type == SUCCEEDED]
    leads = {
        each.freight: each.at - found[each.freight]
        for each in deployed
        if each.freight in found and first.get((stage, each.freight)) == each.at
    }
    restored, failing_since = _outages(changes)
    return Measures(
        project=project,
        stage=stage,
        days=days,
        changes=len(ended),
        deployments=len({each.promotion for each in deployed}),
        failed_changes=len(ended & {each.promotion for each in changes if each.type in BAD}),
        lead_times=tuple(max(each, timedelta()) for each in leads.values()),
        restore_times=tuple(restored),
        failing_since=failing_since,
    )


def _outages(changes: Iterable[Change]) -> tuple[list[timedelta], datetime | None]:
    """How long each outage lasted, and since when one lasts still."""
    restored: list[timedelta] = []
    since: datetime | None = None
    for change in changes:
        if change.type in BAD:
            since = since or change.at
        elif change.type == RESTORED and since:
            restored.append(change.at - since)
            since = None
    return restored, since


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(each.total_seconds() for each in times)) if times else None
