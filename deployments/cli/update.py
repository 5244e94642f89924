"""`drayage update`: change something that is no manifest."""

from typing import Annotated

import typer

from deployments.cli.options import Project, exactly_one

app = typer.Typer(help="Change something that is no manifest.", no_args_is_help=True)

Name = Annotated[str, typer.Option("--name", help="The Freight's name (id), or a unique start of it.")]
OldAlias = Annotated[str, typer.Option("--old-alias", help="The Freight's alias until now.")]
NewAlias = Annotated[str, typer.Option("--new-alias", help="Its alias from now on.")]


@app.command("freight")
def freight(project: Project, new_alias: NewAlias, name: Name = "", old_alias: OldAlias = "") -> None:
    """Give Freight another alias."""
    wanted = exactly_one("--name and --old-alias", name, old_alias)
    from deployments.command import run_command
    from flows.control_plane import rename_freight
    from flows.current_run import operating_user

    record = run_command(lambda here: rename_freight(here, project, wanted, new_alias, operating_user()))
    print(f"freight/{record.name} is {record.alias}")
