"""`drayage delete`: take one thing away, with what it left in Prefect."""

from typing import Annotated

import typer

from deployments.cli.kinds import deletable_kind
from deployments.cli.options import AnyProject

Kind = Annotated[str, typer.Argument(help="stage, warehouse, project, promotiontask, analysistemplate, …; and freight")]
Name = Annotated[str, typer.Argument(help="Its name; Freight also by alias.")]


def delete(kind: Kind, name: Name, project: AnyProject = "") -> None:
    """Delete a definition, or Freight that nothing uses; deleting a project deletes everything in it."""
    found = deletable_kind(kind)
    scope = "" if found.startswith("Cluster") or found == "Project" else project
    if not scope and not (found.startswith("Cluster") or found == "Project"):
        raise typer.BadParameter("give --project")
    if found == "Freight":
        _delete_freight(scope, name)
    else:
        _delete_definition(found, scope, name)


def _delete_definition(kind: str, project: str, name: str) -> None:
    from deployments.apply import delete as delete_definition
    from deployments.command import run_command
    from flows.current_run import operating_user

    gone = run_command(lambda here: delete_definition(here, kind, project, name, operating_user()))
    for each in gone:
        print(f"{each.kind}/{each.name} {each.action}")


def _delete_freight(project: str, name: str) -> None:
    from deployments.command import run_command
    from deployments.freight_requests import delete_freight
    from flows.current_run import operating_user

    gone, found_still = run_command(lambda here: delete_freight(here, project, name, operating_user()))
    print(f"freight/{gone.name} ({gone.alias}) deleted")
    if found_still:
        print(f"Warehouse {gone.origin!r} finds the same still: it comes back with its next discovery")
