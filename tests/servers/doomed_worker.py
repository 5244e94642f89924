"""Workers that end themselves, or freeze, at a chosen point: how tests plant a death.

`python -m tests.servers.doomed_worker` imports everything once and then forks a worker for each line of its input,
because a fork costs milliseconds where an import costs seconds. Nothing of the product is replaced: its functions
are surrounded, and what surrounds them sends this process a signal.

Points are `before:<step>` (it is saved as started, nothing is done yet), `after:<step>` (done, not saved),
`recorded:<step>` (saved, not noted in the working directory), and those in `arm`.
"""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import flows.carry_out
import flows.measure_stage
import flows.promote
from blocks.ledger.promotion_ends import PromotionEnds
from blocks.ledger.promotion_requests import PromotionRequests
from blocks.ledger.promotion_steps import PromotionSteps
from blocks.ledger.verifications import Verifications
from deployments.worker import DrayageWorker
from flows.promotion.steps import STEPS


@dataclass(frozen=True)
class Order:
    """One worker: what it serves, and the signal it gets at a point, of which it leaves a note; no point, no signal."""

    pool: str
    queue: str
    point: str
    note: str
    signal: int = signal.SIGKILL

    def strike(self, point: str) -> None:
        """Send the signal at the chosen point, once."""
        note = Path(self.note)
        if point == self.point and not note.exists():
            note.write_text(point)
            os.kill(os.getpid(), self.signal)


def arm(order: Order) -> None:
    """Surround the places where death can strike."""
    for kind, module in list(STEPS.items()):
        STEPS[kind] = _deadly(module, order)
    _after(PromotionSteps, "save_step", lambda call: _recorded(order, call[4]))
    _before(flows.promote, "wait_for_turn", lambda call: order.strike("admitted"))
    _before(flows.promote, "carry_out", lambda call: order.strike("started"))
    _after(PromotionEnds, "finish", lambda call: order.strike("finished"))
    _after(PromotionRequests, "begin_target", lambda call: order.strike("began"))
    _before(flows.measure_stage, "run_verification", lambda call: order.strike("verifying"))
    _after(Verifications, "measure", lambda call: order.strike("measured"))
    _after(Verifications, "finish", lambda call: order.strike("verified"))
    _before(flows.promote, "_final", lambda call: order.strike("ending"))


def _recorded(order: Order, step: Any) -> None:
    if step.finished_at:
        order.strike(f"recorded:{_name(step.alias)}")


def _name(alias: str) -> str:
    return alias.rpartition("::")[2]


def _deadly(module: Any, order: Order) -> Any:
    """The step module, with death before and after `run`."""

    def plain(config: Any, ctx: Any) -> Any:
        order.strike(f"before:{_name(ctx.alias)}")
        result = module.run(config, ctx)
        order.strike(f"after:{_name(ctx.alias)}")
        return result

    async def awaited(config: Any, ctx: Any) -> Any:
        order.strike(f"before:{_name(ctx.alias)}")
        result = await module.run(config, ctx)
        order.strike(f"after:{_name(ctx.alias)}")
        return result

    run = awaited if inspect.iscoroutinefunction(module.run) else plain
    return SimpleNamespace(**vars(module) | {"run": run})


def _before(place: Any, name: str, strike: Callable[[Any], None]) -> None:
    original = getattr(place, name)

    def plain(*call: Any, **more: Any) -> Any:
        strike(call)
        return original(*call, **more)

    setattr(place, name, plain)


def _after(place: Any, name: str, strike: Callable[[Any], None]) -> None:
    original = getattr(place, name)

    async def awaited(*call: Any, **more: Any) -> Any:
        result = await original(*call, **more)
        strike(call)
        return result

    setattr(place, name, awaited)


def _fork(order: Order) -> int:
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if order.point:
        arm(order)
    asyncio.run(
        DrayageWorker(work_pool_name=order.pool, work_queues=[order.queue], name=f"doomed {os.getpid()}").start()
    )
    os._exit(0)


class Nursery:
    """The process that forks doomed workers, seen from a test; also for tests of several event loops."""

    def __init__(self, log: Path, env: dict[str, str], module: str = "tests.servers.doomed_worker") -> None:
        """Keep the settings; `env` is what the workers are told, `module` the program that forks them."""
        self._log, self._env, self._module = log, env, module
        self._born: list[int] = []
        self._one_at_a_time = Lock()

    def __enter__(self) -> "Nursery":
        """Start; the import takes some seconds and is not waited for."""
        command, pipe = [sys.executable, "-m", self._module], subprocess.PIPE
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=os.environ | self._env, stdin=pipe, stdout=pipe, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and every worker that still lives."""
        for pid in self._born:
            end(pid, signal.SIGKILL)
        self._process.communicate()

    async def __aenter__(self) -> "Nursery":
        """Start."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """End."""
        await asyncio.to_thread(self.__exit__)

    def said(self) -> str:
        """The end of what the workers wrote."""
        return self._log.read_text()[-4_000:]

    async def bear(self, order: Any) -> int:
        """Fork a worker. Returns its process id."""
        return await asyncio.to_thread(self._bear, json.dumps(asdict(order)).encode() + b"\n")

    def _bear(self, line: bytes) -> int:
        assert self._process.stdin and self._process.stdout
        with self._one_at_a_time:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        self._born.append(pid)
        return pid


def end(pid: int, number: int) -> None:
    """Send a signal to a worker of a nursery; nothing happens when it is dead."""
    if alive(pid):
        os.kill(pid, number)


def alive(pid: int) -> bool:
    """Whether a worker of a nursery lives; the nursery buries its dead."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"tests.servers.doomed_" in command


def main() -> None:
    """Fork a worker for each line and say its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    for line in sys.stdin:
        print(_fork(Order(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
