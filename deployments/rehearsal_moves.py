"""What Drayage does in a rehearsal: the same rules and steps as in its flows, one after the other, without Prefect."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from blocks.errors import Refused
from blocks.ledger.promotion_claims import Started
from blocks.ledger.promotion_ends import CLEAN_UP
from blocks.ledger.records import CONTROLLER, Decision, Phase, PromotionRecord
from deployments.rehearsal.answers import Answers
from deployments.rehearsal_steps import Stepper
from deployments.rehearsal_verify import Verifier
from deployments.rehearsal_world import Stand
from flows.advance import find_ready, passed_through
from flows.fan_out import AwayForTargets, outcome_of, read_limits
from flows.freight.alias import suggest
from flows.look_at import sources_of
from flows.people import ANSWER
from flows.promotion.admission import Declined, Wish, admit
from flows.promotion.approvers import missing, rejected, rejection, vote_from
from flows.promotion.engine import Away, Outcome
from flows.promotion.going_back import abort_overtaken, make_rollback
from flows.promotion.request import Begin, End, Wait, next_move
from flows.promotion.retry import retry
from flows.promotion.turn import NotYet, ask_for_turn, stand_in_line
from flows.stage.pipeline import read_pipeline
from flows.stage.rollback import LATEST
from flows.warehouse.discovery import discover_warehouse, record_found
from flows.warehouse.occasion import Occasion

OWNER = "rehearsal"
LEASE = timedelta(days=36_500)
MOST_ROUNDS = 20
"""Rounds after which a pipeline that still moves never comes to rest."""


@dataclass
class Mover:
    """Moves one project's pipeline in its world."""

    stand: Stand
    project: str
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  only names
    stepper: Stepper = field(init=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        """Whoever runs steps and verifies does so in the name of this rehearsal."""
        self.stepper = Stepper(self.stand, OWNER, self.chance)
        self.verifier = Verifier(self.stand, OWNER, LEASE)

    @property
    def answers(self) -> Answers:
        """What people said to steps."""
        return self.stepper.answers

    async def settle(self) -> None:
        """Discover, let go on, go back, promote, until nothing moves. Raises Refused when that does not end."""
        for _ in range(MOST_ROUNDS):
            await self.discover()
            moved = [await self.go_on(record) for record in await self._open()]
            moved.append(await self._roll_back_failing())
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
        record = await admit(self.stand.here.ledger, wish, self.stand.clock.now(), self.stand.ulid())
        if isinstance(record, PromotionRecord):
            await self.go_on(record)
        return record

    async def retry(self, stage: str, actor: str) -> None:
        """Have the newest Promotion into a Stage go on, in a run of its own. Raises Refused when it did not fail."""
        ledger, now = self.stand.here.ledger, self.stand.clock.now()
        record = await self._newest(stage)
        if not record.phase.terminal:
            raise Refused(f"Promotion {record.name!r} is {record.phase}, so there is nothing to retry")
        again = await retry(ledger, record, actor, "", now)
        self.answers.forget(record.name)
        await self.go_on(again)

    async def abort(self, stage: str, actor: str) -> None:
        """Abort the newest Promotion into a Stage and clean up after it. Raises Refused when it has ended."""
        ledger = self.stand.here.ledger.promotions
        record = await self._newest(stage)
        if record.phase.terminal:
            raise Refused(f"Promotion {record.name!r} is {record.phase}, so there is nothing to abort")
        aborted = await ledger.abort(self.project, record.name, actor, "", self.stand.clock.now())
        targets = await ledger.of_requests(self.project, [aborted.name]) if aborted.targets else []
        for name in [aborted.name, *(each.name for each in targets)]:
            ended = await ledger.get(self.project, name)
            if ended and ended.waiting_for.get(CLEAN_UP):
                await self.stepper.clean_up(ended)

    async def go_on(self, record: PromotionRecord) -> bool:
        """Take an open Promotion further. Returns whether it has ended."""
        ledger, now = self.stand.here.ledger, self.stand.clock.now()
        if record.phase is Phase.PENDING and not record.target:
            record = await abort_overtaken(ledger, record, now)
            if record.phase.terminal or not await self._agreed(record):
                return (await self._reread(record)).phase.terminal
        turn = await self._turn(record)
        if turn is None or turn.phase.terminal:
            return turn is not None
        try:
            outcome = await (self.stepper.run if turn.targets is None else self._fan_out)(turn)
        except Away as away:
            waiting_for = {"message": away.message, "until": "", "wake_when": away.wake_when}
            await ledger.promotions.leave(self.project, record.name, OWNER, now, waiting_for)
            return False
        end = (outcome.phase, outcome.message, self.stand.clock.now(), outcome.health_checks)
        ended = await ledger.promotions.finish(self.project, record.name, OWNER, *end)
        if ended.phase is Phase.SUCCEEDED and not ended.target:
            await self.verifier.verify(ended)
        return True

    async def decide(self, stage: str, by: str, approved: bool, comment: str) -> None:
        """Say what a person decides about the Promotion that waits for people. Raises Refused when none waits."""
        for record in await self._open():
            if record.stage == stage and record.phase is Phase.PENDING:
                said = Decision(self.project, record.name, by, approved, comment, self.stand.clock.now())
                await self.stand.here.ledger.promotions.decide(said)
                return
        raise Refused(f"no promotion into Stage {stage!r} waits for people")

    async def _turn(self, record: PromotionRecord) -> PromotionRecord | None:
        """Take the Stage, or the target, when it is free; None while it is not. What may not enter has ended."""
        ledger, now = self.stand.here.ledger, self.stand.clock.now()
        if record.target:
            collection = (await self._reread(record, record.request)).collection
            claim = await ledger.promotions.start(self.project, record.name, OWNER, now + LEASE, collection, now)
            return claim.record if isinstance(claim, Started) else None
        answer = await ask_for_turn(ledger, record, (OWNER, LEASE), now)
        if isinstance(answer, NotYet):
            await stand_in_line(ledger, record, answer)
            return None
        return answer

    async def _agreed(self, record: PromotionRecord) -> bool:
        """Whether people let a Promotion begin; it waits until then, and ends when one of them rejects it."""
        ledger, now = self.stand.here.ledger, self.stand.clock.now()
        approvals = (await read_pipeline(ledger, self.project)).approvals(record.stage)
        votes = [vote_from(each) for each in await ledger.promotions.decisions(self.project, record.name)]
        if approvals and (against := rejection(votes)):
            await ledger.promotions.abort(self.project, record.name, against.who.actor, rejected(against), now)
            return False
        lacking = missing(approvals, votes, record.actor)
        if lacking:
            waiting_for = {"message": f"waits for approval: {lacking}", "wake_when": {"kind": ANSWER}}
            await ledger.promotions.ask(self.project, record.name, waiting_for)
        elif record.waiting_for.get("wake_when") == {"kind": ANSWER}:
            await ledger.promotions.ask(self.project, record.name, {})
        return not lacking

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

    async def _roll_back_failing(self) -> bool:
        """Take back what failed where policies say so. Returns whether anything was."""
        ledger, made = self.stand.here.ledger, False
        failing = await ledger.rollbacks.failing(self.stand.clock.now() - LATEST)
        pipeline = await read_pipeline(ledger, self.project)
        for stage in [stage for project, stage in failing if project == self.project]:
            back = await make_rollback(ledger, pipeline, stage, self.stand.clock.now(), self.stand.ulid())
            if back:
                made = True
                await self.go_on(back[0])
        return made

    async def _promote_ready(self) -> bool:
        """Promote what enters by itself. Returns whether anything was promoted."""
        now = self.stand.clock.now()
        ready = find_ready(await passed_through(self.stand.here.ledger, self.project, now), now)
        for each in ready:
            await self.promote(Wish(self.project, each.stage, CONTROLLER, each.freight.name, automatic=True))
        return bool(ready)

    async def _open(self) -> list[PromotionRecord]:
        return await self.stand.here.ledger.promotions.open(self.project)

    async def _newest(self, stage: str) -> PromotionRecord:
        (await read_pipeline(self.stand.here.ledger, self.project)).stage(stage)
        known: Sequence[PromotionRecord] = await self.stand.here.ledger.promotions.list(self.project, stage, limit=1)
        if not known:
            raise Refused(f"nothing was ever promoted into Stage {stage!r}")
        return known[0]

    async def _reread(self, record: PromotionRecord, name: str = "") -> PromotionRecord:
        found = await self.stand.here.ledger.promotions.get(self.project, name or record.name)
        return found or record
