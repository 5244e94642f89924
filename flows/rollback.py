"""Rollback: a Stage goes back to Freight that was verified there. It is a Promotion like any other, and a hold."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.promote import promote
from flows.stop import stoppable


@flow(name="rollback", flow_run_name="roll back {stage}", persist_result=False)
@stoppable
async def rollback(project: str, stage: str, freight: str = "", reason: str = "", warehouse: str = "") -> Any:
    """Take a Stage back to Freight that was verified there.

    Args:
        project: The project.
        stage: The Stage.
        freight: Alias or name of the Freight; empty for the last verified one before what the Stage runs.
        reason: Why, for the audit trail.
        warehouse: Go back with the Freight of this Warehouse only.
    """
    parameters = {"freight": freight, "reason": reason, "warehouse": warehouse}
    state: State[Any] = await promote(  # type: ignore[misc]
        project, stage, **parameters, rollback=True, return_state=True
    )
    # A new one: of a state that belongs to another run Prefect would only say that all states completed.
    return State(type=state.type, name=state.name, message=state.message, data=state.data)
