"""`drayage delete`: take one thing away, with what it left in Prefect."""

from typing import Annotated

import typer

from deployments.cli.kinds import definition_kind
from deployments.cli.options import AnyProject

Kind = Annotated[str, typer.Argument(help="stage, warehouse, project, promotiontask, analysistemplate, …")]


def delete(kind: Kind, name: Annotated[str, typer.Argument(help="Its name.")], project: AnyProject = "") -> None:
    """Delete a definition; deleting a project deletes everything in it."""
    found = definition_kind(kind)
    scope = "" if found.startswith("Cluster") or found == "Project" else project
    if not scope and not (found.startswith("Cluster") or found == "Project"):
        raise typer.BadParameter("give --project")
    from deployments.apply import delete as delete_definition
    from deployments.command import run_command
    from flows.current_run import operating_user

    gone = run_command(lambda here: delete_definition(here, found, scope, name, operating_user()))
    for each in gone:
        print(f"{each.kind}/{each.name} {each.action}")
