"""Starting runs of Stages' deployments through Prefect's API, at most once for one reason."""

from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from blocks.errors import NotFound
from blocks.ledger.records import PromotionRecord, VerificationRecord

AUTO = "auto"
"""Tag of runs that the sweep started, so that they count as nobody's wish."""


def stage_deployment(project: str, stage: str) -> str:
    """The name of a Stage's deployment of the flow `promote`."""
    return f"{project}.{stage}"


def automation_name(project: str, stage: str) -> str:
    """The name of a Stage's automation; its switch in the Prefect UI pauses auto-promotion."""
    return f"drayage promotes {project}.{stage}"


async def start_promotion(client: PrefectClient, record: PromotionRecord) -> FlowRun:
    """Start the run of a Promotion that is in the ledger."""
    parameters = {"freight": record.freight, "reason": record.reason, "promotion": record.name}
    return await _start(
        client, f"promote/{stage_deployment(record.project, record.stage)}", parameters, f"promotion/{record.name}", []
    )


async def start_automatic(client: PrefectClient, project: str, stage: str, freight: str, key: str) -> FlowRun:
    """Start what an automation should have started."""
    name = f"promote/{stage_deployment(project, stage)}"
    return await _start(client, name, {"freight": freight}, f"auto/{project}/{stage}/{freight}/{key}", [AUTO])


async def start_verification(client: PrefectClient, record: VerificationRecord, key: str) -> FlowRun:
    """Start a run for a verification that is in the ledger."""
    parameters = {"project": record.project, "stage": record.stage, "verification": record.id}
    tags = [f"project:{record.project}", f"stage:{record.stage}"]
    return await _start(client, "verify/verify", parameters, f"verification/{record.id}/{key}", tags)


async def start_verification_of(client: PrefectClient, project: str, stage: str, actor: str) -> FlowRun:
    """Start another verification of what a Stage runs."""
    parameters = {"project": project, "stage": stage, "reason": f"asked for by {actor}"}
    tags = [f"project:{project}", f"stage:{stage}"]
    return await _start(client, "verify/verify", parameters, f"reverify/{uuid4()}", tags)


async def start_discovery(client: PrefectClient, project: str, warehouse: str, key: str) -> FlowRun:
    """Start a look at one Warehouse."""
    parameters = {"project": project, "warehouse": warehouse}
    return await _start(client, "discover/discover", parameters, f"discover/{key}", [f"project:{project}"])


async def _start(
    client: PrefectClient, deployment: str, parameters: dict[str, Any], key: str, tags: list[str]
) -> FlowRun:
    try:
        found = await client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        raise NotFound(
            f"Prefect at {client.api_url} has no deployment {deployment!r}: apply the Stage again, "
            "or run 'prefect deploy --all' for Drayage's own"
        ) from None
    return await client.create_flow_run_from_deployment(found.id, parameters=parameters, idempotency_key=key, tags=tags)


async def resume_elsewhere(client: PrefectClient, flow_run_id: str | UUID, sentence: str) -> None:
    """Let the next worker go on with a run whose worker is gone."""
    state: Any = Scheduled(name="Resuming", message=sentence)
    await client.set_flow_run_state(UUID(str(flow_run_id)), state, force=True)
