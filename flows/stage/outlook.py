"""What every Stage of a project could take now: gathered in a handful of queries, decided by the Stage's rules."""

from dataclasses import dataclass
from datetime import datetime

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import FreightRecord, Hold, PromotionRecord, Standing, Visit
from flows.stage.availability import Available, available
from flows.stage.candidate import AutoPromotion, Situation, auto_promote
from flows.stage.graph import downstream
from flows.stage.pipeline import Pipeline, StageDefinition, read_pipeline

FREIGHT = 500
"""How many of a project's newest Freight are looked at; what Stages run and hold is always among them."""

PROMOTIONS = 1_000


@dataclass(frozen=True)
class Outlook:
    """One project as it stands."""

    pipeline: Pipeline
    freight: dict[str, FreightRecord]
    standings: dict[str, Standing]
    currents: dict[str, dict[str, Visit]]
    holds: list[Hold]
    promotions: dict[str, list[PromotionRecord]]

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
        )

    @property
    def known(self) -> list[tuple[FreightRecord, Standing]]:
        """All Freight looked at, with where it stands."""
        return [(each, self.standings.get(name, Standing())) for name, each in self.freight.items()]

    def auto_promotion(self, stage: StageDefinition, now: datetime) -> AutoPromotion:
        """Decide what enters a Stage by itself."""
        return auto_promote(self.situation(stage), self.pipeline.policies, self.known, now)

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


async def read_outlook(ledger: Ledger, project: str) -> Outlook:
    """Gather everything the rules ask about a project."""
    pipeline = await read_pipeline(ledger, project)
    currents = await ledger.stages.currents(project)
    held = {visit.freight for visits in currents.values() for visit in visits.values()}
    newest = {each.name: each for each in await ledger.freight.list(project, limit=FREIGHT)}
    older = await ledger.freight.many(project, sorted(held - newest.keys()))
    freight = newest | older
    promotions: dict[str, list[PromotionRecord]] = {}
    for promotion in await ledger.promotions.list(project, limit=PROMOTIONS):
        promotions.setdefault(promotion.stage, []).append(promotion)
    return Outlook(
        pipeline=pipeline,
        freight=freight,
        standings=await ledger.stages.standings(project, list(freight)),
        currents=currents,
        holds=await ledger.stages.holds(project),
        promotions=promotions,
    )
