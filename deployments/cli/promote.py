"""`drayage promote`: move Freight into a Stage, or into all Stages below one."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.options import Freight, FreightAlias, Output, Project, Wait, exactly_one
from deployments.cli.printing import check_format, print_objects, say_phase

if TYPE_CHECKING:
    from blocks.ledger.records import PromotionRecord
    from flows.world import World

Json = dict[str, Any]
ToStage = Annotated[str, typer.Option("--stage", help="The Stage to promote to.")]
Below = Annotated[str, typer.Option("--downstream-from", help="Promote to every Stage right below this one.")]
FromWarehouse = Annotated[str, typer.Option("--warehouse", help="Promote the candidate of this Warehouse.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]

BreakGlass = Annotated[
    bool,
    typer.Option("--break-glass", help="Pass over soak, verification upstream, windows, freezes and who waits."),
]


def promote(
    project: Project,
    stage: ToStage = "",
    downstream_from: Below = "",
    freight: Freight = "",
    freight_alias: FreightAlias = "",
    warehouse: FromWarehouse = "",
    reason: Reason = "",
    break_glass: BreakGlass = False,
    wait: Wait = False,
    output: Output = "table",
) -> None:
    """Create a Promotion and start it; of a Stage with targets a PromotionRequest."""
    check_format(output)
    exactly_one("--stage and --downstream-from", stage, downstream_from)
    exactly_one("--freight, --freight-alias and --warehouse", freight, freight_alias, warehouse)
    if warehouse and downstream_from:
        raise typer.BadParameter("--warehouse goes with --stage only")
    if break_glass and not reason:
        raise typer.BadParameter("--break-glass needs --reason")
    from deployments.command import run_command
    from deployments.request_shape import asked_for
    from deployments.requests import ask_promotions, stages_below, wait_for_promotion
    from flows.current_run import operating_user
    from flows.promotion.admission import Wish

    async def work(here: "World") -> "tuple[list[PromotionRecord], list[str], list[Json]]":
        stages = [stage] if stage else await stages_below(here, project, downstream_from)
        actor, wanted = operating_user(), freight or freight_alias
        wishes = [Wish(project, each, actor, wanted, warehouse, reason, break_glass=break_glass) for each in stages]
        records, failed = await ask_promotions(here, wishes)
        if wait:
            records = [await wait_for_promotion(here, project, each.name, say_phase) for each in records]
        return records, failed, await asked_for(here.ledger, records) if output != "table" else []

    records, failed, objects = run_command(work)
    if output == "table":
        for each in records if not wait else []:
            print(f"{each.kind.lower()}/{each.name} created")
    else:
        print_objects(objects, output, single=bool(stage))
    for sentence in failed:
        print(f"Error: {sentence}", file=sys.stderr)
    if failed or (wait and any(each.phase != "Succeeded" for each in records)):
        raise SystemExit(1)
