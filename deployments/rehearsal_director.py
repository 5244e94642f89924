"""Playing the steps of one scenario's story: the world changes, people act, and what came of it is compared."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from blocks.errors import DrayageError, Invalid
from blocks.ledger.records import FreightRecord, Phase
from deployments.rehearsal.expectations import check_all
from deployments.rehearsal.freight_words import newest
from deployments.rehearsal.furnish import change, close, merge
from deployments.rehearsal.report import Check
from deployments.rehearsal.scenario import Assembly, Promotion, Said, Step, Wanted
from deployments.rehearsal_moves import Mover
from deployments.rehearsal_world import Stand
from flows.duration import parse_duration
from flows.freight.alias import suggest
from flows.freight.assemble import Entry
from flows.freight.by_hand import put_together
from flows.freight.identity import freight_name
from flows.freight.look_up import look_up
from flows.freight.picks import Picks
from flows.look_at import sources_of
from flows.promotion.admission import Wish
from flows.promotion.approvers import ApprovalAnswer
from flows.promotion.wish_back import wish_back
from flows.verification.sharing import Sharing
from flows.warehouse.model import Subscription, WarehouseSpec

ACTOR = "user:rehearsal"


@dataclass(frozen=True)
class Act:
    """Something people do. `refusal` are words of the sentence it must be refused with, empty when it must not."""

    about: str
    do: Callable[[], Awaitable[object]]
    refusal: str = ""


@dataclass(frozen=True)
class Director:
    """Plays steps."""

    mover: Mover

    @property
    def stand(self) -> Stand:
        """Where it is played."""
        return self.mover.stand

    async def play(self, step: Step) -> list[Check]:
        """Play one step and compare. Raises what the world refuses, and Refused when the pipeline does not rest."""
        world, clock = self.stand.sandbox.world, self.stand.clock
        clock.move(parse_duration(step.wait or "0s"))
        await change(world, step, clock.now())
        self.stand.here.measurements = Sharing()  # what was measured a moment ago was of another world
        await self.mover.settle()
        acts = list(self._acts(step))
        done = [check for act in acts if (check := await _done(act))]
        if acts:
            await self.mover.settle()
        ledger, problems = self.stand.here.ledger, self.mover.verifier.problems
        return done + await check_all(step.expect, ledger, world, self.mover.project, clock.now(), problems)

    def _acts(self, step: Step) -> Iterator[Act]:
        """What people do, in order."""
        world = self.stand.sandbox.world
        for assembly in step.assemble:
            yield Act(f"assemble Freight of {assembly.warehouse}", partial(self._assemble, assembly))
        for wanted in step.approve:
            yield Act(f"approve {wanted.freight} for {wanted.stage}", partial(self._approve, wanted))
        for wish in step.promote:
            about = f"promote {wish.freight or 'the candidate'} into {wish.stage}"
            yield Act(about, partial(self._promote, wish), wish.refused)
        for back in step.rollback:
            yield Act(f"roll {back.stage} back", partial(self._promote, back, rollback=True), back.refused)
        for going in step.retry:
            yield Act(f"retry in {going.stage}", partial(self.mover.retry, going.stage, ACTOR), going.refused)
        for going in step.abort:
            yield Act(f"abort in {going.stage}", partial(self.mover.abort, going.stage, ACTOR), going.refused)
        for said in step.say:
            yield Act(f"{said.by} answers {said.stage}", partial(self._say, said))
        for request in step.merge:
            yield Act(f"merge in {request.repository}", partial(merge, world, request))
        for request in step.close:
            yield Act(f"close in {request.repository}", partial(close, world, request))

    async def _promote(self, wanted: Promotion, rollback: bool = False) -> None:
        freight = (await self._freight(wanted.freight)).name if wanted.freight else ""
        wish = Wish(self.mover.project, wanted.stage, ACTOR, freight, reason="" if rollback else "rehearsal")
        if rollback:
            wish = await wish_back(self.stand.here.ledger, wish, self.stand.clock.now())
        await self.mover.promote(wish)

    async def _approve(self, wanted: Wanted) -> None:
        freight, stages = await self._freight(wanted.freight), self.stand.here.ledger.stages
        await stages.approve(self.mover.project, wanted.stage, freight.name, ACTOR, self.stand.clock.now())

    async def _say(self, said: Said) -> None:
        """Decide about a Promotion that waits to begin, or answer the form of one that waits in a step."""
        promotions = self.stand.here.ledger.promotions
        known = await promotions.open(self.mover.project)
        running = [
            each for each in known if each.stage == said.stage and each.phase is Phase.RUNNING and each.targets is None
        ]
        if not running:
            await self.mover.decide(said.stage, said.by, said.decision == "approve", said.comment)
            return
        steps = await promotions.steps(self.mover.project, running[0].name)
        asking = next(each.index for each in steps if not each.finished_at)
        self.mover.answers.add(running[0].name, asking, _answer(said), self.stand.clock.now())

    async def _assemble(self, wanted: Assembly) -> None:
        here, project, now = self.stand.here, self.mover.project, self.stand.clock.now()
        found = await here.ledger.definitions.get("Warehouse", project, wanted.warehouse)
        if found is None:
            raise Invalid(f"project {project!r} has no Warehouse {wanted.warehouse!r}")
        sources = sources_of(here, project)

        async def ask(subscription: Subscription, version: str) -> Entry | None:
            return await look_up(subscription, version, sources, now)

        spec = WarehouseSpec.model_validate(found.spec)
        discovered = (await here.ledger.warehouses.status(project, wanted.warehouse)).discovered
        content = await put_together(spec, discovered, _picks(wanted), None, ask)
        name = freight_name(wanted.warehouse, content)
        record = FreightRecord(project, name, "", wanted.warehouse, content, now, now)
        await here.ledger.freight.record(record, suggest(self.mover.chance), now, ACTOR)

    async def _freight(self, text: str) -> FreightRecord:
        return newest(await self.stand.here.ledger.freight.list(self.mover.project), text)


async def _done(act: Act) -> Check | None:
    """Do it. Returns a check when it was refused, or was to be."""
    try:
        await act.do()
    except DrayageError as error:
        said = str(error)
        return Check(act.about, bool(act.refusal) and act.refusal in said, act.refusal or "done", said)
    return Check(act.about, False, act.refusal, "it was not refused") if act.refusal else None


def _answer(said: Said) -> dict[str, Any]:
    """What somebody fills into the form that the step shows: its fields, or a decision."""
    if said.values:
        return {"values": said.values, "respondedBy": said.by}
    return ApprovalAnswer(decision=said.decision, approver=said.by, comment=said.comment).model_dump()


def _picks(wanted: Assembly) -> Picks:
    images, commits, charts = (
        tuple(f"{where}={version}" for where, version in chosen.items())
        for chosen in (wanted.images, wanted.commits, wanted.charts)
    )
    return Picks(images, commits, charts)
