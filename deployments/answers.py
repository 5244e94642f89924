"""Answering what a suspended Promotion asks, as the Prefect UI does: the approval of its Stage, or one of its steps."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound

from blocks.errors import Invalid, NotFound, Refused
from flows.world import World

Json = dict[str, Any]


async def decide(here: World, project: str, name: str, decision: str, approver: str, comment: str) -> None:
    """Approve or reject, where a Promotion asks that.

    Raises Refused when it does not, NotFound without it, Invalid when the server does not take the answer.
    """

    def answer(fields: Json) -> Json:
        if "decision" not in fields:
            raise Refused(f"Promotion {name!r} does not wait for approval but for input: give it by --input key=value")
        return {"decision": decision, "approver": approver, "comment": comment}

    await _answer(here, project, name, answer)


async def give_input(here: World, project: str, name: str, texts: Mapping[str, str], who: str) -> None:
    """Fill in the form of a step that wants input; a text is read as the form's schema says. Raises as `decide`."""

    def answer(fields: Json) -> Json:
        if "values" not in fields:
            raise Refused(f"Promotion {name!r} does not wait for input but for approval: leave out --input")
        wanted = fields["values"].get("properties") or {}
        return {"values": {key: read_text(wanted.get(key), text) for key, text in texts.items()}, "respondedBy": who}

    await _answer(here, project, name, answer)


def read_text(schema: Any, text: str) -> Any:
    """Read what was typed: as it is where the schema takes a string, else as JSON, and as it is where that fails."""
    wanted = schema.get("type") if isinstance(schema, dict) else None
    if wanted == "string" or (isinstance(wanted, list) and "string" in wanted):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


async def _answer(here: World, project: str, name: str, answer: Any) -> None:
    record = await here.ledger.promotions.get(project, name)
    if record is None or record.flow_run_id is None:
        raise NotFound(f"project {project!r} has no Promotion {name!r} with a run")
    async with get_client() as client:
        run = await client.read_flow_run(UUID(record.flow_run_id))
        if run.state is None or not run.state.is_paused():
            raise Refused(f"Promotion {name!r} does not wait for people; its run is {run.state_name}")
        fields = await _fields(client, run, name)
        result = await client.resume_flow_run(run.id, run_input=answer(fields))
    if result.status is not SetStateStatus.ACCEPT:
        raise Invalid(f"Prefect did not take the answer: {getattr(result.details, 'reason', result.status)}")


async def _fields(client: PrefectClient, run: FlowRun, name: str) -> Json:
    """The form's fields with their schemas."""
    keys = (run.state.state_details.run_input_keyset if run.state else None) or {}
    try:
        schema = json.loads(await client.read_flow_run_input(run.id, keys.get("schema", "none")))
    except (ObjectNotFound, ValueError):
        raise Refused(f"Promotion {name!r} is suspended, but not with a form of ours; resume it in Prefect") from None
    fields: Json = schema.get("properties") or {}
    return fields
