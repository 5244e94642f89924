"""`drayage rollback`: take a Stage back to Freight that was verified there."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Output, Project, Wait
from deployments.cli.printing import Json, check_format, print_objects, say_phase

if TYPE_CHECKING:
    from blocks.ledger.records import PromotionRecord
    from flows.world import World

OfStage = Annotated[str, typer.Option("--stage", help="The Stage to take back.")]
To = Annotated[str, typer.Option("--to", help="Alias or name of the Freight; else the last verified one before.")]
OfWarehouse = Annotated[str, typer.Option("--warehouse", help="Go back with the Freight of this Warehouse only.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def rollback(
    project: Project,
    stage: OfStage,
    to: To = "",
    warehouse: OfWarehouse = "",
    reason: Reason = "",
    wait: Wait = False,
    output: Output = "table",
) -> None:
    """Promote the Freight that was verified in a Stage before what it runs, and hold it there."""
    check_format(output)
    if to and warehouse:
        raise typer.BadParameter("--warehouse goes without --to only: Freight comes from one Warehouse")
    from deployments.command import run_command
    from deployments.request_shape import asked_for
    from deployments.requests import ask_rollback, wait_for_promotion
    from flows.current_run import operating_user
    from flows.promotion.admission import Wish

    async def work(here: "World") -> "tuple[PromotionRecord, list[Json]]":
        record = await ask_rollback(here, Wish(project, stage, operating_user(), to, warehouse, reason))
        if wait:
            record = await wait_for_promotion(here, project, record.name, say_phase)
        return record, await asked_for(here.ledger, [record]) if output != "table" else []

    record, objects = run_command(work)
    if output != "table":
        print_objects(objects, output, single=True)
    elif not wait:
        print(f"{record.kind.lower()}/{record.name} created")
    if wait and record.phase != "Succeeded":
        raise SystemExit(1)
