"""Options that several commands share."""

import os
import sys
from typing import Annotated

import typer

Project = Annotated[str, typer.Option("--project", "-p", help="The project.", envvar="DRAYAGE_PROJECT")]
AnyProject = Annotated[str, typer.Option("--project", "-p", help="Only this project.", envvar="DRAYAGE_PROJECT")]
AllProjects = Annotated[bool, typer.Option("--all", help="All projects at once.")]
Output = Annotated[str, typer.Option("--output", "-o", help="table, json or yaml.")]
Stage = Annotated[str, typer.Option("--stage", help="The Stage.")]
Freight = Annotated[str, typer.Option("--freight", help="The Freight's name (id), a unique start of it, or its alias.")]
FreightAlias = Annotated[str, typer.Option("--freight-alias", help="The Freight's alias.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; exit 1 when it is not a success.")]


def exactly_one(names: str, *values: str) -> str:
    """Return whichever of some options was given. Ends with 2 when none or several were."""
    given = [value for value in values if value]
    if len(given) != 1:
        raise typer.BadParameter(f"give exactly one of {names}")
    return given[0]


def one_or_all(project: str, everywhere: bool) -> str:
    """Return the project, empty where all are meant. Ends with 2 unless it is clear which."""
    if everywhere:
        return ""
    if not project:
        raise typer.BadParameter("give --project or --all")
    return project


def colour() -> bool:
    """Whether the terminal wants colour."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
