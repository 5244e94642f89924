"""Asking people in the middle of a promotion: its run is suspended with a form, and goes on with the answers.

A question's key is its step's index with the attempt that asked. So a run that was pushed on without an answer asks
again under another key, and what counts is what Prefect keeps as answers, however often the body starts again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.actions import create_flow_run_input
from prefect.input.run_input import Keyset
from prefect.logging import get_run_logger

from blocks.errors import DrayageError, Refused
from blocks.identity_key import IdentityKey, read_identity_key
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import PromotionRecord, StepRun
from flows.current_run import current_run, leave_quietly
from flows.promotion.assertion import Unproven, proven
from flows.promotion.identity import Identity
from flows.promotion.result import Answer, Form
from flows.world import World

ANSWER = "answer"
"""What a suspended run waits for, as a kind of `flows.wake`."""

MOST_INPUTS = 600
"""Inputs of one step that are read; each question has up to three."""


@dataclass(frozen=True)
class Asked:
    """What people said to one step of one promotion. `key_file` has the key that identities are proven with."""

    ledger: Ledger
    record: PromotionRecord
    flow_run_id: str
    step: StepRun
    key_file: Path | None = None

    @property
    def proves(self) -> bool:
        """Whether identities can be proven here."""
        return self.key_file is not None

    async def answers(self) -> list[Answer]:
        """Return the answers to this step's forms, oldest first. Raises Refused after too many questions."""
        return await answers_to(self.flow_run_id, _question(self.step), self.key_file)

    async def note(self, verb: str, actor: str, message: str, at: datetime, identity: Identity | None = None) -> None:
        """Write `Promotion<verb>` to the audit trail, once for the same actor and time."""
        who = {"authenticated": identity is not None, "identity": identity.claims if identity else {}}
        await self.ledger.promotions.note(self.record.project, self.record.name, verb, actor, message, at, who)


def _question(step: StepRun) -> str:
    return f"step-{step.index}"


async def answers_to(flow_run_id: str, question: str, key_file: Path | None) -> list[Answer]:
    """Return the answers to a run's forms under keys that begin with `question-`, oldest first, and who gave them.

    Raises Refused after too many questions.
    """
    inputs = await _inputs(UUID(flow_run_id), f"suspended-{question}-")
    if len(inputs) == MOST_INPUTS:
        raise Refused(f"question {question!r} was asked {MOST_INPUTS // 3} times and got no answer that counts")
    given = sorted(
        (each for each in inputs if each["key"].endswith("-response")), key=lambda each: str(each["created"])
    )
    key = await _identity_key(key_file) if given else None
    found = [_answer(each, flow_run_id, key) for each in given]
    return [each for each in found if each]


async def _identity_key(key_file: Path | None) -> IdentityKey | Unproven | None:
    """Read the key; what is wrong with it proves nobody, and stops nobody from answering without a proof."""
    try:
        return await read_identity_key(key_file)
    except DrayageError as error:
        get_run_logger().error("%s", error)
        return Unproven("the key that identities are proven with cannot be used; the log of this run says why")


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


def _answer(given: dict[str, Any], run: str, key: IdentityKey | Unproven | None) -> Answer | None:
    """Read one answer; None when it is no JSON object, which somebody who may write to Prefect can make."""
    try:
        values = json.loads(given["value"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    at = datetime.fromisoformat(given["created"])
    if not (token := values.pop("assertion", "")):
        return Answer(values, at)
    who = key if isinstance(key, Unproven) else proven(str(token), key, run, given["key"], at)
    return Answer(values, at, refused=who.sentence) if isinstance(who, Unproven) else Answer(values, at, who)


async def ask(step: StepRun, form: Form) -> None:
    """Suspend the run with a step's form. Returns only when this very question had been asked before."""
    await suspend(f"{_question(step)}-{step.attempts}", form)


async def suspend(key: str, form: Form) -> None:
    """Suspend the run with a form. Returns only when the question of this key had been asked before.

    A run that Prefect lets nobody suspend has been taken from this execution, which then ends without a word.
    """
    wanted: Any = _run_input(form)
    try:
        await suspend_flow_run(wait_for_input=wanted, key=key)
    except ObjectNotFound:
        return
    except RuntimeError as error:
        get_run_logger().warning("this execution leaves the run to another: %s", error)
        await leave_quietly(current_run())


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
    """Those whose time to be answered is over: Prefect would fail them in words of its own, and without cleaning up."""
    now = datetime.now(UTC)
    return [record for record in waiting if datetime.fromisoformat(record.waiting_for["until"]) <= now]
