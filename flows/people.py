"""Asking people in the middle of a promotion: its run is suspended with a form, and goes on with the answers.

A question's key is its step's index with the attempt that asked. So a run that was pushed on without an answer asks
again under another key, and what counts is what Prefect keeps as answers, however often the body starts again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import create_flow_run_input
from prefect.input.run_input import Keyset

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import PromotionRecord, StepRun
from flows.promotion.result import Answer, Form
from flows.world import World

ANSWER = "answer"
"""What a suspended run waits for, as a kind of `flows.wake`."""

MOST_INPUTS = 600
"""Inputs of one step that are read; each question has up to three."""


@dataclass(frozen=True)
class Asked:
    """What people said to one step of one promotion."""

    ledger: Ledger
    record: PromotionRecord
    flow_run_id: str
    step: StepRun

    async def answers(self) -> list[Answer]:
        """Return the answers to this step's forms, oldest first. Raises Refused after too many questions."""
        inputs = await _inputs(UUID(self.flow_run_id), f"suspended-{_question(self.step)}-")
        if len(inputs) == MOST_INPUTS:
            raise Refused(
                f"step {self.step.alias!r} asked people {MOST_INPUTS // 3} times and got no answer that counts"
            )
        given = [each for each in inputs if each["key"].endswith("-response")]
        found = [_answer(each) for each in sorted(given, key=lambda each: str(each["created"]))]
        return [each for each in found if each]

    async def note(self, verb: str, actor: str, message: str, at: datetime) -> None:
        """Write `Promotion<verb>` to the audit trail, once for the same actor and time."""
        await self.ledger.promotions.note(self.record.project, self.record.name, verb, actor, message, at)


def _question(step: StepRun) -> str:
    return f"step-{step.index}"


async def _inputs(flow_run_id: UUID, prefix: str) -> list[dict[str, Any]]:
    async with get_client() as client:
        answer = await client.request(
            "POST",
            "/flow_runs/{id}/input/filter",
            path_params={"id": flow_run_id},
            json={"prefix": prefix, "limit": MOST_INPUTS, "exclude_keys": []},
        )
    found: list[dict[str, Any]] = answer.json()
    return found


def _answer(given: dict[str, Any]) -> Answer | None:
    """Read one answer; None when it is no JSON object, which somebody who may write to Prefect can make."""
    try:
        values = json.loads(given["value"])
    except (ValueError, RecursionError):
        return None
    return Answer(values, datetime.fromisoformat(given["created"])) if isinstance(values, dict) else None


async def ask(step: StepRun, form: Form) -> None:
    """Suspend the run with a form. Returns only when this very question had been asked before."""
    wanted: Any = _run_input(form)
    try:
        await suspend_flow_run(wait_for_input=wanted, key=f"{_question(step)}-{step.attempts}")
    except ObjectNotFound:
        return


def _run_input(form: Form) -> type[RunInput]:
    """Have Prefect show a form by its JSON Schema, not by a model; the answer is read elsewhere."""

    class Input(RunInput):
        """What is asked."""

        @classmethod
        async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
            await create_flow_run_input(key=keyset["schema"], value=form.schema, flow_run_id=flow_run_id)
            await create_flow_run_input(key=keyset["description"], value=form.description, flow_run_id=flow_run_id)

        @classmethod
        async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> "Input":
            return cls()

    return Input


async def overdue(here: World, waiting: Sequence[PromotionRecord]) -> list[PromotionRecord]:
    """Those whose step's time is over: Prefect itself would fail them without the steps that clean up."""
    now = datetime.now(UTC)
    return [record for record in waiting if datetime.fromisoformat(record.waiting_for["until"]) <= now]
