"""Kill -9 at any moment: the next worker finishes the promotion, and nothing is done twice.

Chains of deaths run at once, each one promotion in a project and a sandbox of its own: a worker dies at the first
point, the next one takes over and dies at the second, and so on; the last one lives. Each test looks at what was seen.
"""

import asyncio
import os
import shutil
import signal
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.ledger.records import Phase, PromotionRecord, StepRun, VerificationPhase, VerificationRecord
from deployments.answers import decide
from deployments.machine import Machine
from flows.start import stage_deployment
from flows.sweep import sweep
from flows.world import opened_world
from tests.conftest import LONG
from tests.servers.doomed_worker import Nursery, Order, alive, end
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook, until
from tests.servers.prefect_runs import Run, runs_of
from tests.servers.waiting import ONE_COMMIT, commits_of

STEPS = ["clone", "clear", "set-image", "copy", "commit", "push", "sync", "wait"]
POLLING = ("sync", "wait")
"""Steps that look again and again, each look an attempt."""

SUSPENDED = "suspended"
"""Death comes from outside while nobody works."""

LEASE = "2"
"""Seconds after which a dead worker is known to be dead, short so that the chains need not wait."""


@dataclass(frozen=True)
class Chain:
    """One promotion and the deaths it goes through; with `wiped` its working directory dies too, every time."""

    id: str
    points: tuple[str, ...]
    wiped: bool = False
    approval: bool = False


CHAINS = [
    *(
        Chain(f"{when} the {which} steps", tuple(f"{when}:{step}" for step in steps))
        for when in ("before", "after")
        for which, steps in (("first", STEPS[:4]), ("last", STEPS[4:]))
    ),
    Chain("as a step is recorded", tuple(f"recorded:{step}" for step in ("clone", "commit", "push", "wait"))),
    Chain("on lost machines", tuple(f"after:{step}" for step in ("set-image", "commit", "push", "sync")), True),
    Chain("around the steps", ("admitted", "started", "finished", "verifying", "measured", "verified", "ending")),
    Chain("while it waits for people", (SUSPENDED, "admitted", "after:commit"), approval=True),
]
if not os.environ.get(LONG):
    CHAINS = [chain for chain in CHAINS if chain.id == "on lost machines"]
DEATHS = [pytest.param(chain, point, id=f"{chain.id}, {point}") for chain in CHAINS for point in chain.points]


@dataclass(frozen=True)
class Death:
    """What was seen right after a death: the steps in the ledger, and the commit in the working directory."""

    steps: list[StepRun]
    commit: str


@dataclass
class Told:
    """What was seen of one chain: at each death, and when all was over."""

    problem: str = ""
    deaths: dict[str, Death] = field(default_factory=dict)
    promotion: PromotionRecord | None = None
    steps: list[StepRun] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    head: str = ""
    verifications: list[VerificationRecord] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    measured: int = 0


@pytest.fixture(scope="module")
def told(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Told]]:
    """Let every chain of deaths happen, and tell what became of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAYAGE_WORK_POOL", f"kill-{uuid4().hex[:8]}")
        yield asyncio.run(_all(tmp_path_factory.mktemp("kill")))


async def _all(folder: Path) -> dict[str, Told]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened_world())
        nursery = await stack.enter_async_context(Nursery(folder / "workers.log", {"DRAYAGE_LEASE_SECONDS": LEASE}))
        opening = asyncio.Lock()
        lives = [
            Life(chain, folder / f"chain-{number}", stack, nursery, opening) for number, chain in enumerate(CHAINS)
        ]
        async with asyncio.TaskGroup() as group:  # a sweep that fails ends it all
            sweeping = group.create_task(_sweep_for_ever())
            await asyncio.gather(*(life.live() for life in lives))
            sweeping.cancel()
    return {life.chain.id: life.told for life in lives}


async def _sweep_for_ever() -> None:
    while True:
        await sweep()
        await asyncio.sleep(1)


@dataclass
class Life:
    """One chain on its way."""

    chain: Chain
    folder: Path
    stack: AsyncExitStack
    nursery: Nursery
    opening: asyncio.Lock
    """Prefect refuses blocks that are saved for the first time all at once."""
    told: Told = field(default_factory=Told)

    async def live(self) -> None:
        """Promote, die again and again, and be finished by a worker that does not die. A problem is kept."""
        self.folder.mkdir()
        project = f"kill-{uuid4().hex[:8]}"
        opened = opened_guestbook(self.folder, project, lambda text: only_test(text, self.chain.approval))
        try:
            async with self.opening:
                guestbook = await self.stack.enter_async_context(opened)
            await self._go_through(guestbook)
        except Exception as problem:
            trace = "".join(traceback.format_exception(problem))
            self.told.problem = f"after {list(self.told.deaths)}:\n{trace}"

    async def _go_through(self, guestbook: Guestbook) -> None:
        first = await self._worker(guestbook, self.chain.points[0])
        freight = await guestbook.push("1.0.0")
        record = await guestbook.promotion(freight, "test")
        await self._die(guestbook, record, self.chain.points[0], first)
        for point in self.chain.points[1:]:
            await self._die(guestbook, record, point, await self._worker(guestbook, point))
        await self._worker(guestbook, "")
        await guestbook.verified(freight, "test", 60)
        await self._look_back(guestbook, record)

    async def _worker(self, guestbook: Guestbook, point: str) -> int:
        queue = stage_deployment(guestbook.project, "test")
        return await self.nursery.bear(Order(guestbook.here.settings.work_pool, queue, point, self._note(point)))

    def _note(self, point: str) -> str:
        return str(self.folder / point.replace(":", "-"))

    async def _die(self, guestbook: Guestbook, record: PromotionRecord, point: str, pid: int) -> None:
        """Wait for the death, and see what it left behind."""
        if point == SUSPENDED:
            await _suspended(guestbook, record)
            end(pid, signal.SIGKILL)
        await until(lambda: _dead(pid), f"the death at {point}", 60)
        assert point == SUSPENDED or Path(self._note(point)).exists(), f"the worker died before {point}"
        work = guestbook.here.settings.root / "work" / record.name
        there = (work / "work" / "out" / ".git").exists()
        self.told.deaths[point] = Death(
            await guestbook.here.ledger.promotions.steps(record.project, record.name),
            await head(work / "work" / "out", "HEAD") if there else "",
        )
        if self.chain.wiped:
            shutil.rmtree(work)
        if point == SUSPENDED:
            await decide(guestbook.here, record.project, record.name, "approve", "ann", "")

    async def _look_back(self, guestbook: Guestbook, record: PromotionRecord) -> None:
        """See what became of it."""

        async def over() -> bool:
            return all(run.final for run in await runs_of(guestbook.project))

        with suppress(AssertionError):  # the tests tell what is not over
            await until(over, "the end of all runs", 20)
        told, ledger = self.told, guestbook.here.ledger
        told.promotion = await ledger.promotions.get(guestbook.project, record.name)
        told.steps = await ledger.promotions.steps(guestbook.project, record.name)
        told.commits = await commits_of(guestbook, record)
        told.head = await head(self.folder / "sandbox" / "git" / "guestbook.git", "stage/test")
        told.verifications = await ledger.verifications.list(guestbook.project, "test")
        told.runs = await runs_of(guestbook.project)
        told.measured = guestbook.sandbox.faults.requests["/prometheus/api/v1/query"]


async def _suspended(guestbook: Guestbook, record: PromotionRecord) -> None:
    async def there() -> bool:
        return await guestbook.run_state(record) == "Suspended"

    await until(there, "the suspended run", 20)
    await asyncio.sleep(0.5)  # the form follows the state


async def _dead(pid: int) -> bool:
    return not alive(pid)


async def head(repository: Path, name: str) -> str:
    """The commit that a name means in a repository."""
    arguments = ["git", "-C", str(repository), "rev-parse", name]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.id)
def test_the_next_worker_finishes(told: dict[str, Told], chain: Chain):
    """However often its worker dies, the promotion succeeds and is verified, with one commit and one verification."""
    seen = whole(told, chain)
    assert seen.promotion
    assert (seen.promotion.phase, seen.promotion.message) == (Phase.SUCCEEDED, "")
    assert seen.commits == ONE_COMMIT
    assert [each.phase for each in seen.verifications] == [VerificationPhase.SUCCESSFUL]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.id)
def test_nothing_is_left_running(told: dict[str, Told], chain: Chain):
    """One flow run carried it all and tells the truth at last; neither it nor what it started is left Running."""
    seen = whole(told, chain)
    assert [(each.kind, each.name, each.state) for each in seen.runs if not each.final] == []
    assert seen.runs[0].state == "Promoted"


@pytest.mark.parametrize(("chain", "point"), DEATHS)
def test_what_was_finished_is_not_run_again(told: dict[str, Told], chain: Chain, point: str):
    """Steps finished before a death stay exactly as they were; the interrupted one is attempted once more."""
    seen = whole(told, chain)
    death = seen.deaths[point]
    for before in death.steps:
        after = seen.steps[before.index]
        if before.finished_at:
            assert after == before
        else:
            assert after.started_at == before.started_at
            assert after.attempts == before.attempts + 1 or after.alias.endswith(POLLING)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.id)
def test_attempts_are_counted(told: dict[str, Told], chain: Chain):
    """A step has one attempt, and one more for each death in the middle of it."""
    interrupted = Counter(point.partition(":")[2] for point in chain.points if point.startswith(("before", "after")))
    expected = {step: 1 + interrupted[step] for step in STEPS if step not in POLLING}
    counted = {name(each): each.attempts for each in whole(told, chain).steps if name(each) not in POLLING}
    assert counted == expected


def test_another_machine_makes_the_same_commit(told: dict[str, Told]):
    """Without the working directory the steps that made it are replayed, and give the very same commit."""
    seen = told["on lost machines"]
    commits = [seen.deaths[f"after:{step}"].commit for step in ("commit", "push", "sync")]
    assert [*commits, next(each for each in seen.steps if name(each) == "push").output["commit"]] == [seen.head] * 4


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.id)
def test_measurements_go_on(told: dict[str, Told], chain: Chain):
    """Two measurements are asked for and two are taken, also when death comes between them."""
    assert whole(told, chain).measured == 2


def whole(told: dict[str, Told], chain: Chain) -> Told:
    """What was seen of a chain that came to its end."""
    if told[chain.id].problem:
        pytest.fail(told[chain.id].problem, pytrace=False)
    return told[chain.id]


def name(step: StepRun) -> str:
    """The step's alias in its task."""
    return step.alias.rpartition("::")[2]
