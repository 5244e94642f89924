"""Whatever happens to whatever pipeline: the real rules over a real ledger do what a plain second telling says.

Pipelines live through random discoveries, promotions, failures, crashes, approvals, holds, windows, freezes,
retries, rollbacks and aborts. After each, never two promotions run in a Stage, nothing is in a Stage that no rule
allowed, no verified Freight is forgotten; in the end every wait is over.
"""

import asyncio
import os
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from blocks.errors import Conflict, Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import (
    CONTROLLER,
    Decision,
    Definition,
    Freeze,
    FreightRecord,
    Phase,
    PromotionRecord,
    VerificationPhase,
    VerificationRecord,
)
from flows.advance import all_passed_through, find_ready
from flows.keep_queues import _free
from flows.promotion.admission import Wish, admit
from flows.promotion.approvers import missing, vote_from
from flows.promotion.gates import in_line
from flows.promotion.turn import NotYet, ask_for_turn, stand_in_line
from flows.promotion.wish_back import wish_back
from flows.stage.outlook import read_outlook
from flows.stage.pipeline import read_pipeline
from tests.flows.promotion.oracle import Asked, Oracle, Place, Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = 3
ORIGINS = ("a", "b")
NUMBERS = count()


def at(minute):
    """Minutes after noon, as a time."""
    return None if minute is None else NOON + timedelta(minutes=minute)


class Chance:
    """Choices that a seed makes."""

    def __init__(self, seed):
        self.random = Random(seed)

    def one(self, some):
        """One of these."""
        return self.random.choice(list(some))

    def some(self, some, most):
        """A few of these."""
        return self.random.sample(some, self.random.randint(0, min(most, len(some))))

    def order(self, some):
        """All of these, in any order."""
        return self.random.sample(some, len(some))


class Drawn:
    """Choices that Hypothesis makes, and takes back to find the shortest story that goes wrong."""

    def __init__(self, data):
        self.data = data

    def one(self, some):
        """One of these."""
        return self.data.draw(st.sampled_from(list(some)))

    def some(self, some, most):
        """A few of these."""
        return self.data.draw(st.lists(st.sampled_from(some), unique=True, max_size=most)) if some else []

    def order(self, some):
        """All of these, in any order."""
        return self.data.draw(st.permutations(some))


class Story:
    """One project of one ledger, and what must be true of it."""

    def __init__(self, ledger, runner):
        self.ledger, self.runner = ledger, runner
        self.project, self.serial, self.owner = f"p{next(NUMBERS)}", count(1), "one"
        self.told = Oracle({})

    def run(self, what):
        """Wait for the ledger."""
        return self.runner.run(what)

    # The pipeline

    def define(self, choose):
        """Draw a project."""
        places = {}
        for name in ["s1", "s2", "s3", "s4"][: choose.one([2, 3, 3, 4])]:
            places[name] = self.drawn(choose, name, list(places.values()))
        self.told = Oracle(places)
        spec = {"promotionPolicies": self.policies(), "promotionWindows": self.windows()}
        manifests = [
            Definition("Project", "", self.project, {"metadata": {"name": self.project}}),
            Definition("ProjectConfig", self.project, self.project, {"spec": spec}),
            *(Definition("Stage", self.project, name, {"spec": self.spec(each)}) for name, each in places.items()),
            *self.stage_policies(),
        ]
        self.run(self.ledger.definitions.apply(manifests, [], "user:ann", NOON))

    def drawn(self, choose, name, before):
        """Draw a Stage below some of those before it."""
        takes = {}
        for origin in ORIGINS[: choose.one([1, 1, 2])]:
            above = [each.name for each in before if origin in each.takes]
            some = choose.some(above, 2)
            soak = choose.one([0, 6, 15]) if some else 0
            match = len(some) == 1 and choose.one(range(5)) == 0
            takes[origin] = Source(tuple(some), soak, len(some) > 1 and choose.one([False, True]), match)
        if before and choose.one(range(5)) == 0:
            return Place(name, {origin: Source(s.upstream, s.soak, s.all) for origin, s in takes.items()}, steps=False)
        odd = choose.one(range(4))
        return Place(
            name,
            takes,
            auto=choose.one(range(5)) > 0,
            people=choose.one([0, 0, 1, 2]),
            latest=choose.one(range(3)) == 0,
            verifies=choose.one([False, True]),
            shut=(10, 20) if odd == 0 else None,
            only=(4, 90) if odd == 1 else None,
        )

    def spec(self, place):
        """A Stage as people write it."""
        requests = []
        for origin, source in place.takes.items():
            sources = {"stages": list(source.upstream)} if source.upstream else {"direct": True}
            sources |= {"requiredSoakTime": f"{source.soak}m"} if source.soak else {}
            sources |= {"availabilityStrategy": "All"} if source.all else {}
            sources |= {"autoPromotionOptions": {"selectionPolicy": "MatchUpstream"}} if source.match else {}
            requests.append({"origin": {"name": origin}, "sources": sources})
        steps = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}} if place.steps else {}
        return {"requestedFreight": requests} | steps

    def policies(self):
        """Who promotes by itself; the last one is never reached."""
        mine = [{"stage": name, "autoPromotionEnabled": each.auto} for name, each in self.told.places.items()]
        return [*mine, {"stageSelector": {"name": "glob:*"}, "autoPromotionEnabled": True}]

    def windows(self):
        """When Stages are open."""
        found = []
        for name, each in self.told.places.items():
            for kind, span in (("Deny", each.shut), ("Allow", each.only)):
                if span:
                    begin, end = (f"{at(minute):%Y%m%dT%H%M%SZ}" for minute in span)
                    window = {"name": f"{kind.lower()}-{name}", "kind": kind, "stageSelector": {"name": name}}
                    found.append(window | {"dtstart": begin, "dtend": end})
        return found

    def stage_policies(self):
        """Whom to ask, and who goes first."""
        for name, each in self.told.places.items():
            asks = {"approval": {"minApprovals": each.people}} if each.people else {}
            queue = {"queue": "Latest"} if each.latest else {}
            if asks or queue:
                spec = {"stageSelector": {"name": name}} | asks | queue
                yield Definition("StagePolicy", self.project, f"about-{name}", {"spec": spec})

    # What happens

    def discover(self, choose):
        """Something new is found."""
        origin, serial = choose.one(ORIGINS[:1] * 2 + ORIGINS[1:]), next(self.serial)
        self.told.now += 1
        name = f"{origin}{serial:04}"
        record = FreightRecord(self.project, name, f"alias-{name}", origin, {}, at(self.told.now), at(self.told.now))
        self.run(self.ledger.freight.record(record, [], at(self.told.now)))
        self.told.found[name] = origin, self.told.now

    def wait(self, choose):
        """Time passes."""
        self.told.now += choose.one([1, 2, 5, 12])

    def sweep(self, choose):
        """What may enter by itself is asked for."""
        for stage, freight in sorted(self.who_enters()):
            wish, now = self.wish(stage, CONTROLLER, freight, automatic=True), at(self.told.now)
            record = self.run(admit(self.ledger, wish, now, self.ulid()))
            assert isinstance(record, PromotionRecord), record
            self.remember(record)

    def who_enters(self):
        """What may enter by itself: all that was told, and nothing else."""
        told, now = self.told, at(self.told.now)
        told.pass_through()
        outlook = self.run(all_passed_through(self.ledger, now, self.project))[self.project]
        ready = {(each.stage, each.freight.name) for each in find_ready(outlook, now)}
        wanted = {
            (place.name, best)
            for place in told.places.values()
            for origin in place.takes
            if (best := told.enters(place.name, origin))
        }
        assert ready == wanted
        return ready

    def ask(self, choose):
        """A person promotes Freight, the candidate or any other; what no rule allows is refused."""
        if not self.told.found:
            return
        place = choose.one(sorted(self.told.places))
        newest = sorted(self.told.found, reverse=True)[:3]
        self.promote(place, choose.one(newest), choose.one([False, False, False, True]))

    def promote(self, stage, freight, glass=False, rollback=""):
        """Ask as a person."""
        self.told.pass_through()  # passes what may pass, as each sweep does
        self.run(all_passed_through(self.ledger, at(self.told.now), self.project))
        place, mine = self.told.places[stage], self.told.found[freight][0] in self.told.places[stage].takes
        may = place.steps and mine and (glass or self.told.allowed(stage, freight))
        wish = self.wish(stage, "user:ann", freight, reason="now", break_glass=glass, rollback=rollback)
        if not may:
            with pytest.raises(Refused):
                self.run(admit(self.ledger, wish, at(self.told.now), self.ulid()))
            return
        meaning = self.told.meaning(stage, freight)
        record = self.run(admit(self.ledger, wish, at(self.told.now), self.ulid()))
        assert record.intent == meaning
        self.remember(record)

    def go_back(self, choose):
        """A person goes back to what was verified before."""
        stage = choose.one(sorted(self.told.places))
        try:
            wish = self.run(wish_back(self.ledger, self.wish(stage, "user:ann", ""), at(self.told.now)))
        except Refused:
            verified = {e.freight for e in self.told.stays.get(stage, []) if e.verified is not None}
            assert verified <= {each.freight for each in self.told.there(stage).values()} or not verified
            return
        assert self.told.is_verified(stage, wish.freight)
        self.promote(stage, wish.freight, rollback=wish.rollback)

    def allow(self, choose):
        """Freight is approved for a Stage."""
        if self.told.found:
            stage = choose.one(sorted(self.told.places))
            freight = choose.one(sorted(self.told.found, reverse=True)[:3])
            self.run(self.ledger.stages.approve(self.project, stage, freight, "user:ann", at(self.told.now)))
            self.told.approved.add((stage, freight))

    def freeze(self, choose):
        """Somebody freezes the project, for a while or until further notice, or changes that."""
        until = choose.one([None, 3, 6])
        self.told.frozen = self.told.now, until and self.told.now + until
        since, end = map(at, self.told.frozen)
        self.run(self.ledger.freezes.freeze(Freeze(self.project, "audit", "user:bob", since, end)))

    def thaw(self, choose):
        """Somebody ends the freeze."""
        self.run(self.ledger.freezes.unfreeze(self.project, "user:bob", "", at(self.told.now)))
        self.told.frozen = None

    def decide(self, choose):
        """A person says whether a Promotion may begin."""
        mine = [e for e in self.told.asked.values() if e.phase == "Pending" and self.told.places[e.stage].people]
        if mine:
            asked = choose.one(sorted(mine, key=lambda e: e.name))
            self.say(asked, choose.one(["ann", "bob"]), choose.one([True, True, True, True, False]))

    def say(self, asked, who, approved=True):
        """Write down what somebody said; a rejection ends the Promotion, as its run does."""
        said = Decision(self.project, asked.name, who, approved, "", at(self.told.now))
        self.run(self.ledger.promotions.decide(said))
        asked.approvers |= {who}
        if not approved:
            self.abort_it(asked)

    def abort(self, choose):
        """A person aborts what waits or runs."""
        if mine := [each for each in self.told.asked.values() if each.phase in ("Pending", "Running")]:
            self.abort_it(choose.one(sorted(mine, key=lambda e: e.name)))

    def abort_it(self, asked):
        """Abort one."""
        self.run(self.ledger.promotions.abort(self.project, asked.name, "user:ann", "", at(self.told.now)))
        asked.phase = "Aborted"

    def retry(self, choose):
        """A person lets a failed Promotion go on, unless a later one has begun."""
        mine = [each for each in self.told.asked.values() if each.phase in ("Failed", "Errored")]
        if not mine:
            return
        asked = choose.one(sorted(mine, key=lambda e: e.name))
        later = [e for e in self.told.asked.values() if e.stage == asked.stage and e.at > asked.at and e.started]
        again = self.ledger.promotions.retry(self.project, asked.name, "user:ann", "", at(self.told.now))
        if later:
            with pytest.raises(Refused):
                self.run(again)
        else:
            self.run(again)
            asked.phase, asked.line, asked.owner = "Pending", False, ""

    def crash(self, choose):
        """Whoever was at work is gone; another takes over when the lease has lapsed."""
        self.owner = "two" if self.owner == "one" else "one"

    def work(self, choose):
        """Every open Promotion comes to its Stage once, in any order."""
        mine = [each for each in self.told.asked.values() if each.phase in ("Pending", "Running")]
        for asked in choose.order(sorted(mine, key=lambda e: e.name)):
            self.come(asked)

    def come(self, asked):
        """Bring one Promotion as far as the gates let it."""
        record = self.run(self.ledger.promotions.get(self.project, asked.name))
        if asked.phase == "Pending" and not self.agreed(record, asked):
            return
        if asked.phase not in ("Pending", "Running"):
            return
        told, now = self.told, self.told.now
        told.pass_through()
        self.run(all_passed_through(self.ledger, at(now), self.project))
        overtaken, may = told.overtaken(asked), told.allowed(asked.stage, asked.freight) or asked.glass
        waits = asked.phase == "Pending" and told.waits(asked)
        foreign = asked.phase == "Running" and asked.owner != self.owner and asked.lease > now
        answer = self.run(ask_for_turn(self.ledger, record, (self.owner, timedelta(minutes=LEASE)), at(now)))
        if isinstance(answer, NotYet):
            assert (waits or foreign) and not overtaken, answer.sentence
            assert answer.stopped == (waits and told.stopped(asked.stage) and not asked.glass)
            assert answer.until is None or at(now) < answer.until <= at(told.opens(asked.stage))
            if asked.phase == "Pending":
                self.run(stand_in_line(self.ledger, record, answer))
                asked.line = True
            return
        if overtaken:
            asked.phase, asked.superseded = "Aborted", True
        elif not may:
            asked.phase = "Errored"
        else:
            assert not waits, f"{asked} began although it had to wait"
            assert not foreign, f"{asked} was taken from a live owner"
            asked.phase, asked.owner, asked.lease, asked.started = "Running", self.owner, now + LEASE, True
        assert answer.phase == asked.phase, answer.message

    def agreed(self, record, asked):
        """Whether enough people have said yes, by their votes in the ledger."""
        votes = [vote_from(each) for each in self.run(self.ledger.promotions.decisions(self.project, asked.name))]
        terms = self.run(read_pipeline(self.ledger, self.project)).approvals(asked.stage)
        enough = len(asked.approvers) >= self.told.places[asked.stage].people
        assert (missing(terms, votes, record.actor) == "") == enough
        return enough

    def finish(self, choose):
        """The steps of a Promotion end; who was presumed dead may not say so."""
        mine = [each for each in self.told.asked.values() if each.phase == "Running"]
        if mine:
            asked = choose.one(sorted(mine, key=lambda e: e.name))
            self.finish_it(asked, choose.one([True, True, True, False]), choose.one(range(5)) == 0)

    def finish_it(self, asked, good, lost=False):
        """End one Promotion; what verifies it may be lost before it begins."""
        phase = Phase.SUCCEEDED if good else Phase.FAILED
        with pytest.raises(Conflict):
            end = (phase, "", at(self.told.now))
            self.run(self.ledger.promotions.finish(self.project, asked.name, "somebody else", *end))
        self.run(self.ledger.promotions.finish(self.project, asked.name, asked.owner, phase, "", at(self.told.now)))
        if not good:
            asked.phase = "Failed"
            return
        self.told.succeed(asked)
        if lost and self.told.places[asked.stage].verifies:
            self.told.unverified.add(asked.stage)
        else:
            self.verify(asked.stage)

    def verify(self, stage):
        """Begin to verify what a Stage runs; where nothing is asked for, that is all."""
        there = {origin: each.freight for origin, each in self.told.there(stage).items()}
        self.told.unverified.discard(stage)
        if self.told.places[stage].verifies:
            now = at(self.told.now)
            id = f"{stage}.{next(self.serial):06}"
            self.run(
                self.ledger.verifications.create(
                    VerificationRecord(self.project, stage, id, there, "", "user:ann", now)
                )
            )
            self.told.verifying[stage] = there
        else:
            now = at(self.told.now)
            self.run(self.ledger.stages.mark_verified(self.project, stage, there, "user:ann", "healthy", now))
            self.told.verify(stage, there)

    def measure(self, choose):
        """A verification ends."""
        if self.told.verifying:
            self.measure_it(choose.one(sorted(self.told.verifying)), choose.one([True, True, True, False]))

    def measure_it(self, stage, good=True):
        """End the verification of a Stage."""
        now, verifications = at(self.told.now), self.ledger.verifications
        record = self.run(verifications.latest(self.project, stage))
        assert self.run(verifications.claim(self.project, record.id, "me", now, now))
        phase = VerificationPhase.SUCCESSFUL if good else VerificationPhase.FAILED
        self.run(verifications.finish(self.project, record.id, "me", phase, "", [], now))
        collection = self.told.verifying.pop(stage)
        if good:
            self.told.verify(stage, collection)

    def find_missing(self, choose):
        """Verifications that were never begun are found and begun."""
        missed = self.run(self.ledger.verifications.missing(at(self.told.now)))
        stages = {each.stage for each in missed if each.project == self.project}
        assert self.told.unverified - self.told.verifying.keys() <= stages
        for stage in sorted(self.told.unverified - self.told.verifying.keys()):
            if not any(each.phase == "Running" for each in self.told.open(stage)):
                self.verify(stage)

    # What is true at all times

    def as_told(self):
        """Open Promotions, what Stages run, what is verified and approved: all as it was told."""
        known = self.run(self.ledger.promotions.open(self.project))
        running = [each.stage for each in known if each.phase is Phase.RUNNING]
        assert len(running) == len(set(running)), "two promotions run in one Stage"
        mine = {e.name: e.phase for e in self.told.asked.values() if e.phase in ("Pending", "Running")}
        assert {each.name: each.phase.value for each in known} == mine
        currents = self.run(self.ledger.stages.currents(self.project))
        held = {name: {o: v.freight for o, v in visits.items()} for name, visits in currents.items()}
        there = {name: {o: e.freight for o, e in self.told.there(name).items()} for name in self.told.places}
        assert held == {name: each for name, each in there.items() if each}
        standings = self.run(self.ledger.stages.standings(self.project, sorted(self.told.found)))
        verified = {(stage, name) for name, each in standings.items() for stage in each.verified_in}
        assert {(s, f) for s in self.told.places for f in self.told.found if self.told.is_verified(s, f)} == verified

    def who_waits_is_woken(self):
        """Whom a freeze or a window stopped is let go on as soon as nothing does."""
        known = self.run(self.ledger.promotions.open(self.project))
        stopped = [e for e in known if in_line(e) and e.waiting_for["wake_when"].get("stopped")]
        if stopped:
            now, outlook = at(self.told.now), self.run(read_outlook(self.ledger, self.project))
            free = {each.name for each in _free(outlook, stopped, now)}
            assert free == {e.name for e in stopped if not self.told.stopped(e.stage) or e.break_glass}

    def end(self):
        """Every reason to wait ends, and with it every wait."""
        if not self.told.places:
            return
        if self.told.frozen:
            self.thaw(None)
        for _ in range(len(self.told.asked) + 2):
            mine = [each for each in self.told.asked.values() if each.phase in ("Pending", "Running")]
            for asked in sorted(mine, key=lambda each: each.name):
                for who in ("ann", "bob"):
                    if asked.phase == "Pending" and self.told.places[asked.stage].people:
                        self.say(asked, who)
                shut = self.told.stopped(asked.stage) and not asked.glass
                if shut and (opens := self.told.opens(asked.stage)) is None:
                    self.abort_it(asked)  # a window that never opens again
                    continue
                self.told.now = max(self.told.now + LEASE, opens if shut else 0)
                self.come(asked)
                if asked.phase == "Running":
                    self.finish_it(asked, good=True)
                if asked.stage in self.told.verifying:
                    self.measure_it(asked.stage)
        left = self.run(self.ledger.promotions.open(self.project))
        assert left == [], f"{[each.name for each in left]} wait for ever"
        self.as_told()

    # Odds and ends

    def wish(self, stage, actor, freight, **more):
        """What somebody asks for."""
        return Wish(self.project, stage, actor, freight, **more)

    def ulid(self):
        """The next name in order."""
        return f"{next(self.serial):026}"

    def remember(self, record):
        """Write down what was asked for."""
        asked = Asked(
            record.name, record.stage, record.freight, record.origin, self.told.now, record.intent, record.break_glass
        )
        self.told.asked[record.name] = asked
        if self.told.places[record.stage].latest:
            self.told.supersede(asked)


ACTS = (
    [Story.work] * 6
    + [Story.finish] * 4
    + [Story.sweep, Story.discover, Story.ask, Story.measure, Story.decide] * 3
    + [Story.wait, Story.retry, Story.thaw, Story.go_back] * 2
    + [Story.abort, Story.freeze, Story.allow, Story.crash, Story.find_missing]
)


NEEDS = {
    Story.finish: lambda told: any(each.phase == "Running" for each in told.asked.values()),
    Story.measure: lambda told: told.verifying,
    Story.retry: lambda told: any(each.phase in ("Failed", "Errored") for each in told.asked.values()),
    Story.thaw: lambda told: told.frozen,
    Story.ask: lambda told: told.found,
    Story.allow: lambda told: told.found,
    Story.find_missing: lambda told: told.unverified,
    Story.work: lambda told: any(each.phase in ("Pending", "Running") for each in told.asked.values()),
}
"""Acts that would be none."""


LONG = bool(os.environ.get("DRAYAGE_TEST_LONG"))


@pytest.fixture(scope="module")
def place():
    """A ledger for all stories, and the loop it belongs to."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, asyncio.Runner() as runner:
        ledger = runner.run(Ledger.open(f"sqlite:///{Path(folder) / 'ledger.db'}"))
        yield ledger, runner
        runner.run(ledger.close())


@pytest.mark.parametrize("seed", range(200 if LONG else 2))
def test_long_stories(place, seed):
    """No story of sixty acts goes otherwise than told."""
    story, choose = Story(*place), Chance(seed)
    story.define(choose)
    for _ in range(3):
        story.discover(choose)
    for _ in range(60):
        choose.one([act for act in ACTS if NEEDS.get(act, bool)(story.told)])(story, choose)
        story.as_told()
        story.who_enters()
        story.who_waits_is_woken()
    story.end()


def test_short_stories(place):
    """Nor does one that Hypothesis makes up; it finds the shortest that does."""

    class Machine(RuleBasedStateMachine):
        story = Story(*place)

        @initialize(data=st.data())
        def define(self, data):
            self.story = Story(*place)
            self.story.define(Drawn(data))

        @rule(data=st.data(), act=st.sampled_from(ACTS))
        def act(self, data, act):
            act(self.story, Drawn(data))

        @invariant()
        def told(self):
            self.story.as_told()
            self.story.who_enters()
            self.story.who_waits_is_woken()

        def teardown(self):
            self.story.end()

    examples = 1_000 if LONG else 5
    chosen = settings(max_examples=examples, stateful_step_count=40, deadline=None, derandomize=not LONG, database=None)
    run_state_machine_as_test(Machine, settings=chosen)
