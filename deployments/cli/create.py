"""`drayage create`: make something that is no manifest."""

from typing import Annotated

import typer

from deployments.cli.options import Output, Project
from deployments.cli.printing import check_format, print_objects

app = typer.Typer(help="Make something that is no manifest.", no_args_is_help=True)

OfWarehouse = Annotated[str, typer.Option("--warehouse", help="The Warehouse whose subscriptions it satisfies.")]
Base = Annotated[str, typer.Option("--from", help="Clone this Freight, but for what is picked.")]
Images = Annotated[list[str] | None, typer.Option("--image", help="REPO=TAG or REPO=DIGEST.")]
Commits = Annotated[list[str] | None, typer.Option("--commit", help="REPO=ID, abbreviated where unique, or REPO=TAG.")]
Charts = Annotated[list[str] | None, typer.Option("--chart", help="REPO=VERSION or REPO/NAME=VERSION.")]
Artifacts = Annotated[list[str] | None, typer.Option("--artifact", help="SUBSCRIPTION=VERSION.")]
Alias = Annotated[str, typer.Option("--alias", help="Its alias, instead of a made-up one.")]


@app.command("freight")
def freight(
    project: Project,
    warehouse: OfWarehouse = "",
    base: Base = "",
    image: Images = None,
    commit: Commits = None,
    chart: Charts = None,
    artifact: Artifacts = None,
    alias: Alias = "",
    output: Output = "table",
) -> None:
    """Put Freight together by hand: one version for each subscription of a Warehouse."""
    check_format(output)
    if not warehouse and not base:
        raise typer.BadParameter("give --warehouse or --from")
    from deployments.command import run_command
    from deployments.freight_requests import FreightWish, create_freight
    from deployments.shapes import freight as shape
    from flows.current_run import operating_user
    from flows.freight.picks import Picks

    picks = Picks(*(tuple(each or ()) for each in (image, commit, chart, artifact)))
    wish = FreightWish(project, warehouse, picks, base, alias)
    record, fresh = run_command(lambda here: create_freight(here, wish, operating_user()))
    if output != "table":
        print_objects([shape(record)], output, single=True)
    else:
        print(f"freight/{record.name} {'created' if fresh else 'exists already'} as {record.alias}")
