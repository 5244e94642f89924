"""`drayage promote`: move Freight into a Stage, or into all Stages below one."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Freight, FreightAlias, Output, Project, Wait, exactly_one
from deployments.cli.printing import check_format, print_objects, say_phase

if TYPE_CHECKING:
    from blocks.ledger.records import PromotionRecord
    from flows.world import World

ToStage = Annotated[str, typer.Option("--stage", help="The Stage to promote to.")]
Below = Annotated[str, typer.Option("--downstream-from", help="Promote to every Stage right below this one.")]
FromWarehouse = Annotated[str, typer.Option("--warehouse", help="Promote the candidate of this Warehouse.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def promote(
    project: Project,
    stage: ToStage = "",
    downstream_from: Below = "",
    freight: Freight = "",
    freight_alias: FreightAlias = "",
    warehouse: FromWarehouse = "",
    reason: Reason = "",
    wait: Wait = False,
    output: Output = "table",
) -> None:
    """Create a Promotion and start it."""
    check_format(output)
    exactly_one("--stage and --downstream-from", stage, downstream_from)
    exactly_one("--freight, --freight-alias and --warehouse", freight, freight_alias, warehouse)
    if warehouse and downstream_from:
        raise typer.BadParameter("--warehouse goes with --stage only")
    from deployments.command import run_command
    from deployments.requests import ask_promotions, stages_below, wait_for_promotion
    from deployments.shapes import promotion as shape
    from flows.current_run import operating_user
    from flows.promotion.admission import Wish

    async def work(here: "World") -> "list[PromotionRecord]":
        stages = [stage] if stage else await stages_below(here, project, downstream_from)
        actor, wanted = operating_user(), freight or freight_alias
        wishes = [Wish(project, each, actor, wanted, warehouse, reason) for each in stages]
        records = await ask_promotions(here, wishes)
        return [await wait_for_promotion(here, project, each.name, say_phase) for each in records] if wait else records

    records = run_command(work)
    if output == "table":
        for each in records if not wait else []:
            print(f"promotion/{each.name} created")
    else:
        print_objects([shape(each) for each in records], output, single=bool(stage))
    if wait and any(each.phase != "Succeeded" for each in records):
        raise SystemExit(1)
