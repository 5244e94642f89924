"""What Drayage does in a rehearsal: the same rules and steps as in its flows, one after the other, without Prefect."""

import math
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ulid import ULID

from blocks.errors import DrayageError, Refused
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import (
    CONTROLLER,
    Decision,
    Phase,
    PromotionRecord,
    StepRun,
    VerificationPhase,
    VerificationRecord,
)
from deployments.rehearsal.answers import Answers
from deployments.rehearsal_world import Stand
from flows.advance import find_ready, passed_through
from flows.fan_out import AwayForTargets, outcome_of, read_limits
from flows.freight.alias import suggest
from flows.freight.identity import collection_id
from flows.health import wait_until_healthy
from flows.look_at import sources_of
from flows.measure_stage import measure_stage
from flows.promotion.admission import Declined, Wish, admit, entering_of, refused_entry
from flows.promotion.approvers import missing, vote_from
from flows.promotion.argocd.watching import OFTEN
from flows.promotion.attempt import attempt
from flows.promotion.engine import Away, Outcome, run_steps
from flows.promotion.gates import before_turn
from flows.promotion.request import Begin, End, Wait, next_move
from flows.promotion.result import HEALTH_CHECKS, StepResult, Waiting
from flows.promotion.workplace import Workplace
from flows.stage.outlook import read_outlook
from flows.stage.pipeline import read_pipeline
from flows.surroundings import read_scope, read_surroundings
from flows.verification.measure import Soaking
from flows.warehouse.discovery import discover_warehouse, record_found
from flows.warehouse.occasion import Occasion

Json = dict[str, Any]

OWNER = "rehearsal"
LEASE = timedelta(days=36_500)
MOST_ROUNDS = 20
"""Rounds after which a pipeline that still moves never comes to rest."""


@dataclass
class Mover:
    """Moves one project's pipeline in its world. `problems` are by Stage why a healthy promotion was not verified."""

    stand: Stand
    project: str
    answers: Answers = field(default_factory=Answers)
    problems: dict[str, str] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  only names

    async def settle(self) -> None:
        """Discover, let go on, promote, until nothing moves any more. Raises Refused when that does not end."""
        for _ in range(MOST_ROUNDS):
            await self.discover()
            moved = [await self.go_on(record) for record in await self._waiting()]
            if not any(moved) and not await self._promote_ready():
                return
        raise Refused(
            f"the pipeline did not come to rest within {MOST_ROUNDS} rounds: does a Warehouse follow what its own "
            "Stages commit? Give it includePaths, or another branch"
        )

    async def discover(self) -> None:
        """Look at every Warehouse once."""
        ledger, sources = self.stand.here.ledger, sources_of(self.stand.here, self.project)
        for each in await ledger.definitions.list("Warehouse", self.project):
            now = self.stand.clock.now()
            status = await ledger.warehouses.status(self.project, each.name)
            found = await discover_warehouse(each, status, sources, now, Occasion(thorough=True))
            await record_found(ledger, found, suggest(self.chance), now)

    async def promote(self, wish: Wish) -> PromotionRecord | Declined:
        """Make a Promotion and take it as far as it comes. Raises Refused, NotFound."""
        record = await admit(self.stand.here.ledger, wish, self.stand.clock.now(), self._ulid())
        if isinstance(record, PromotionRecord):
            await self.go_on(record)
        return record

    async def go_on(self, record: PromotionRecord) -> bool:
        """Take an open Promotion further. Returns whether it has ended."""
        ledger, now = self.stand.here.ledger.promotions, self.stand.clock.now()
        if record.phase is Phase.PENDING and not record.target and (sentence := await self._not_yet(record)):
            return await self._rejected(record, sentence)
        collection = {**await self._held(record.stage), record.origin: record.freight}
        claim = await ledger.start(self.project, record.name, OWNER, now + LEASE, collection, now)
        if not isinstance(claim, Started):
            return False
        if sentence := await self._gate(record):
            await ledger.finish(self.project, record.name, OWNER, Phase.ERRORED, sentence, now)
            return True
        try:
            outcome = await (self._run if record.targets is None else self._fan_out)(claim.record)
        except Away as away:
            waiting_for = {"message": away.message, "until": "", "wake_when": away.wake_when}
            await ledger.leave(self.project, record.name, OWNER, now, waiting_for)
            return False
        checks = [check for run in outcome.runs for check in run.output.get(HEALTH_CHECKS) or []]
        end = (outcome.phase, outcome.message, self.stand.clock.now())
        ended = await ledger.finish(
            self.project, record.name, OWNER, *end, checks if outcome.phase is Phase.SUCCEEDED else []
        )
        if ended.phase is Phase.SUCCEEDED and not ended.target:
            await self.verify(ended)
        return True

    async def verify(self, record: PromotionRecord) -> None:
        """Verify what a Promotion brought, or note that its Stage asks for nothing."""
        here, clock = self.stand.here, self.stand.clock
        wanted = (await read_pipeline(here.ledger, self.project)).stage(record.stage).spec.verification
        collection = await self._held(record.stage)
        if not wanted or not wanted.analysis_templates:
            return await self._healthy(record, collection)
        id = f"{record.stage}.{self._ulid().lower()}.{collection_id(list(collection.values()))[:7]}"
        created = await here.ledger.verifications.create(
            VerificationRecord(self.project, record.stage, id, collection, record.name, record.actor, clock.now())
        )
        await here.ledger.verifications.claim(self.project, created.id, OWNER, clock.now() + LEASE, clock.now())
        outcome = await measure_stage(here, created, wanted, OWNER)
        assert not isinstance(outcome, Soaking), "time is short here, so nobody leaves"
        phase, message, metrics = outcome
        await here.ledger.verifications.finish(
            self.project, created.id, OWNER, VerificationPhase(phase), message, metrics, clock.now()
        )
        return None

    async def decide(self, stage: str, by: str, approved: bool, comment: str) -> None:
        """Say what a person decides about the Promotion that waits for people. Raises Refused when none waits."""
        for record in await self._waiting():
            if record.stage == stage and record.phase is Phase.PENDING:
                said = Decision(self.project, record.name, by, approved, comment, self.stand.clock.now())
                await self.stand.here.ledger.promotions.decide(said)
                return
        raise Refused(f"no promotion into Stage {stage!r} waits for people")

    async def _fan_out(self, record: PromotionRecord) -> Outcome:
        """Take a request's targets as far as they come, one after the other."""
        here, limits = self.stand.here, await read_limits(self.stand.here, record)
        promotions = here.ledger.promotions
        while True:
            match next_move(record, await promotions.of_requests(self.project, [record.name]), limits):
                case Begin(targets):
                    for target in targets:
                        now = self.stand.clock.now()
                        await self.go_on(await promotions.begin_target(self.project, record.name, OWNER, target, now))
                case Wait() as wait:
                    raise AwayForTargets(wait)
                case End(phase, sentence):
                    return await outcome_of(here, record, phase, sentence)

    async def _run(self, record: PromotionRecord) -> Outcome:
        here, clock = self.stand.here, self.stand.clock
        workplace = Workplace(here.settings.root / "work", record.name)
        if not workplace.directory.is_dir():
            await workplace.clear()
        surroundings = await read_surroundings(here, record, workplace)

        async def once(step: Json, run: StepRun, config: Json) -> Any:
            people = self.answers.of(here.ledger, record, run.index)
            return _by_clock(
                await attempt(step, config, replace(surroundings.context(run, clock.now()), people=people))
            )

        async def save(run: StepRun) -> None:
            await here.ledger.promotions.save_step(self.project, record.name, OWNER, run)

        return await run_steps(
            record.steps,
            await here.ledger.promotions.steps(self.project, record.name),
            scope=await read_scope(here, record, surroundings),
            attempt=once,
            save=save,
            now=clock.now,
            sleep=clock.sleep,
            chance=self.chance.random,
            leave_after=math.inf,  # only what waits for people or to be woken leaves
        )

    async def _healthy(self, record: PromotionRecord, collection: dict[str, str]) -> None:
        """A Stage without verification counts as verified as soon as it is healthy."""
        here, sentence = self.stand.here, "the Stage asks for no verification and is healthy"
        try:
            await wait_until_healthy(here, self.project, record.stage, record.name)
        except DrayageError as error:
            self.problems[record.stage] = str(error)
            return
        self.problems.pop(record.stage, None)
        now = self.stand.clock.now()
        await here.ledger.stages.mark_verified(self.project, record.stage, collection, record.actor, sentence, now)

    async def _promote_ready(self) -> bool:
        """Promote what enters by itself. Returns whether anything was promoted."""
        now = self.stand.clock.now()
        ready = find_ready(await passed_through(self.stand.here.ledger, self.project, now), now)
        for each in ready:
            await self.promote(Wish(self.project, each.stage, CONTROLLER, each.freight.name, automatic=True))
        return bool(ready)

    async def _waiting(self) -> list[PromotionRecord]:
        return await self.stand.here.ledger.promotions.open(self.project)

    async def _held(self, stage: str) -> dict[str, str]:
        visits = await self.stand.here.ledger.stages.current(self.project, stage)
        return {origin: visit.freight for origin, visit in visits.items()}

    async def _gate(self, record: PromotionRecord) -> str:
        """Why the Freight may not enter any more; empty when it may."""
        outlook = await read_outlook(self.stand.here.ledger, self.project, also=[record.freight])
        return refused_entry(outlook, record, self.stand.clock.now())

    async def _not_yet(self, record: PromotionRecord) -> str:
        """What a Promotion waits for before it starts: people, windows. Empty when it waits for nothing."""
        ledger = self.stand.here.ledger
        approvals = (await read_pipeline(ledger, self.project)).approvals(record.stage)
        decisions = await ledger.promotions.decisions(self.project, record.name)
        if any(not each.approved for each in decisions):
            return "rejected"
        if people := missing(approvals, [vote_from(each) for each in decisions], record.actor):
            return people
        entering = entering_of(await read_outlook(ledger, self.project, also=[record.freight]), record)
        return "; ".join(gate.sentence for gate in before_turn(entering.gates(self.stand.clock.now())))

    async def _rejected(self, record: PromotionRecord, sentence: str) -> bool:
        """End a Promotion that somebody rejected; any other goes on waiting."""
        ledger = self.stand.here.ledger.promotions
        if sentence != "rejected":
            return False
        said = next(each for each in await ledger.decisions(self.project, record.name) if not each.approved)
        why = f"rejected by {said.actor}" + (f": {said.comment}" if said.comment else "")
        await ledger.abort(self.project, record.name, "approval", why, self.stand.clock.now())
        return True

    def _ulid(self) -> str:
        """A name that sorts by this world's time."""
        return str(ULID.from_datetime(self.stand.clock.now()))


def _by_clock(result: StepResult) -> StepResult:
    """Let a step that waits look again by this world's time, and often: what it waits for takes real time."""
    if not isinstance(result, Waiting):
        return result
    return replace(result, again_in=min(result.again_in, OFTEN), rest=None) if result.rest else result
