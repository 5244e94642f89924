"""The engine runs steps as Kargo does (step_flow.json): retries, timeouts, conditions, the final phase."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from blocks.errors import Retryable, Terminal
from blocks.ledger.records import Phase, StepStatus
from flows.promotion.engine import run_steps
from flows.promotion.environment import Scope
from flows.promotion.result import Failed, Skipped, Succeeded, Waiting
from flows.promotion.rules import Attempted
from tests.conformance.cases import cases

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
KINDS = {"scripted": SimpleNamespace()}


class PassOver(BaseException):
    """The pass ends here: the step waits for the next one."""


class Script:
    """Plays the scripted results and keeps what the engine saves, from pass to pass."""

    def __init__(self, steps):
        self.steps = steps
        self.runs = {}
        self.phase = Phase.RUNNING

    async def attempt(self, step, run, config):
        entries = self.steps[run.index]["script"]
        entry = entries[min(run.attempts, len(entries)) - 1]
        return play(entry)

    async def save(self, run):
        self.runs[run.index] = run

    async def reconcile(self, at):
        async def sleep(seconds):
            raise PassOver

        try:
            outcome = await run_steps(
                [frozen(step) for step in self.steps],
                list(self.runs.values()),
                scope=Scope({}),
                attempt=self.attempt,
                save=self.save,
                now=lambda: EPOCH + timedelta(seconds=at),
                sleep=sleep,
                kinds=KINDS,
            )
        except PassOver:
            return
        self.phase = outcome.phase

    def seen(self):
        """What became of each step, in the shape of the cases."""
        nothing = SimpleNamespace(status=None, attempts=0, error_count=0)
        runs = [self.runs.get(index, nothing) for index in range(len(self.steps))]
        return [
            {"as": step["as"], "status": run.status, "attempts": run.attempts, "errorCount": run.error_count}
            for step, run in zip(self.steps, runs, strict=True)
        ]


def frozen(step):
    """A step as inflation leaves it."""
    kept = {name: value for name, value in step.items() if name not in ("kind", "script")}
    return kept | {"uses": step["kind"]}


def play(entry):
    """What a step with this scripted result returns or raises here."""
    status, error, terminal = entry["status"], entry.get("error"), entry.get("terminal", False)
    outputs = entry.get("output") or {}
    if status == "panic":
        raise ZeroDivisionError
    if status == "Failed" and error and not terminal:
        return Attempted(StepStatus.FAILED, error, error=True, outputs=outputs)
    if status == "Failed":
        return Failed(error or "", terminal=bool(error), outputs=outputs)
    if error or status == "Errored":
        raise (Terminal if terminal else Retryable)(error or "")
    results = {"Succeeded": Succeeded(outputs), "Skipped": Skipped("", outputs), "Running": Waiting("", 1, outputs)}
    return results.get(status, status)


@pytest.mark.parametrize("case", cases("step_flow.json"))
async def test_step_flow(case):
    """After the last pass the phase and every step are as wanted."""
    script = Script(case["steps"])
    for at in case["reconcileAt"]:
        if not script.phase.terminal:
            await script.reconcile(at)
    assert {"phase": script.phase, "steps": script.seen()} == case["want"]
