"""`drayage get`: what there is, for people or programs."""

from typing import Annotated

import typer

from deployments.cli.events import FreightFilter, Narrowed, PromotionFilter, Since, TypeFilter
from deployments.cli.kinds import kind as understood
from deployments.cli.options import AnyProject, Output
from deployments.cli.printing import check_format, print_objects, print_table
from deployments.fail import fail

Kind = Annotated[str, typer.Argument(help="projects, warehouses, stages, freight, promotions, events, …")]
Name = Annotated[str, typer.Argument(help="Only this one; Freight also by alias.")]
StageFilter = Annotated[str, typer.Option("--stage", help="Only promotions into this Stage, or events about it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def get(
    kind: Kind,
    name: Name = "",
    project: AnyProject = "",
    output: Output = "table",
    stage: StageFilter = "",
    limit: Limit = 100,
    freight: FreightFilter = "",
    promotion: PromotionFilter = "",
    type: TypeFilter = "",
    since: Since = "",
) -> None:
    """Show objects as a table, or Kargo-shaped as JSON or YAML."""
    check_format(output)
    narrowed = Narrowed(stage, freight, promotion, type, since)
    narrowed.check(understood(kind))
    from deployments.look import COLUMNS, LOOK, PROJECTLESS, events, row

    found = understood(kind)
    if not project and found not in PROJECTLESS:
        raise typer.BadParameter("give --project")
    from deployments.command import run_command

    if found == "Event":
        objects = run_command(lambda here: events(here.ledger, project, limit, narrowed), prefect=False)
    else:
        objects = run_command(lambda here: LOOK[found](here.ledger, project, name, stage, limit), prefect=False)
    if name and not objects:
        fail(f"there is no {found} {name!r}" + (f" in project {project!r}" if project else ""))
    if output == "table":
        rows = [row(found, each) for each in objects]
        print_table(COLUMNS[found], rows, f"no {found} found")
    else:
        print_objects(objects, output, single=bool(name))
