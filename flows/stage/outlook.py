"""What every Stage of a project could take now: gathered in a handful of queries, decided by the Stage's rules."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Freeze, FreightRecord, Hold, PromotionRecord, Standing, Visit
from flows.stage.availability import Available, available
from flows.stage.candidate import AutoPromotion, Promote, Situation, Skip, auto_promote, passed
from flows.stage.graph import downstream
from flows.stage.pipeline import Pipeline, StageDefinition, read_pipeline
from flows.stage.stops import Stop, stops

FREIGHT = 500
"""How many of a project's newest Freight are looked at.

What Stages run and hold is always among it, and what was approved or verified last.
"""


@dataclass(frozen=True)
class Outlook:
    """One project as it stands. `promotions` are, by Stage, those that its rules look at."""

    pipeline: Pipeline
    freight: dict[str, FreightRecord]
    standings: dict[str, Standing]
    currents: dict[str, dict[str, Visit]]
    holds: list[Hold]
    promotions: dict[str, list[PromotionRecord]]
    freezes: list[Freeze] = field(default_factory=list)

    def situation(self, stage: StageDefinition) -> Situation:
        """Put together what the rules ask about one Stage."""
        promotions = self.promotions.get(stage.name, [])
        finished = [each.name for each in promotions if each.phase.terminal]
        return Situation(
            project=self.pipeline.project,
            name=stage.name,
            spec=stage.spec,
            labels=stage.labels,
            current={origin: visit.freight for origin, visit in self.currents.get(stage.name, {}).items()},
            holds=[hold for hold in self.holds if hold.stage == stage.name],
            promotions=promotions,
            last_promotion=max(finished, default=""),
            passed=passed(promotions),
        )

    @cached_property
    def known(self) -> list[tuple[FreightRecord, Standing]]:
        """All Freight looked at, with where it stands."""
        return [(each, self.standings.get(name, Standing())) for name, each in self.freight.items()]

    def auto_promotion(self, stage: StageDefinition, now: datetime) -> AutoPromotion:
        """Decide what enters a Stage by itself: while it is stopped, nothing."""
        decided = auto_promote(self.situation(stage), self.pipeline.policies, self.known, now)
        if not any(isinstance(each, Promote) for each in decided.verdicts):
            return decided
        if stopped := "; ".join(each.sentence for each in self.stops(stage, now)):
            verdicts: list[Promote | Skip] = [
                Skip(each.origin, stopped) if isinstance(each, Promote) else each for each in decided.verdicts
            ]
            return replace(decided, verdicts=verdicts)
        return decided

    def stops(self, stage: StageDefinition, now: datetime) -> list[Stop]:
        """Name what stops all promotions into a Stage for a while."""
        return stops(self.freezes, self.pipeline.window_status(stage.name, now), now)

    def passable(self, stage: StageDefinition, now: datetime) -> list[FreightRecord]:
        """Freight that a control-flow Stage lets through and has not yet."""
        return [
            each
            for each, standing in self.known
            if stage.name not in standing.verified_in
            and isinstance(available(self.pipeline.project, stage.name, stage.spec, each, standing, now), Available)
        ]

    def below(self, stage: str) -> list[str]:
        """The Stages directly downstream of one."""
        return downstream({name: each.spec for name, each in self.pipeline.stages.items()}, stage)


async def read_outlook(ledger: Ledger, project: str, also: Collection[str] = ()) -> Outlook:
    """Gather everything the rules ask about a project. `also` names Freight to look at however old it is."""
    pipeline, currents, listed, holds, freezes, remembered = await asyncio.gather(
        read_pipeline(ledger, project),
        ledger.stages.currents(project),
        ledger.freight.list(project, limit=FREIGHT),
        ledger.stages.holds(project),
        ledger.freezes.list(project),
        ledger.stages.remembered(project),
    )
    held = {visit.freight for visits in currents.values() for visit in visits.values()}
    freight = {each.name: each for each in listed}
    if older := sorted(held.union(also, remembered) - freight.keys()):
        freight |= await ledger.freight.many(project, older)
    pertinent, standings = await asyncio.gather(
        ledger.promotions.pertinent(project, list(freight)), ledger.stages.standings(project, list(freight))
    )
    promotions: dict[str, list[PromotionRecord]] = {}
    for promotion in pertinent:
        promotions.setdefault(promotion.stage, []).append(promotion)
    return Outlook(
        pipeline=pipeline,
        freight=freight,
        standings=standings,
        currents=currents,
        holds=holds,
        promotions=promotions,
        freezes=freezes,
    )
