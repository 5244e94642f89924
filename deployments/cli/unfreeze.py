"""`drayage unfreeze`: let promotions begin again."""

from typing import Annotated

import typer

from deployments.cli.options import AllProjects, AnyProject, one_or_all

Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def unfreeze(project: AnyProject = "", everywhere: AllProjects = False, reason: Reason = "") -> None:
    """End the freeze of a project, or with --all that of all. What waited goes on at once."""
    scope = one_or_all(project, everywhere)
    from deployments.command import run_command
    from deployments.freezing import unfreeze_project
    from flows.current_run import operating_user

    woken = run_command(lambda here: unfreeze_project(here, scope, operating_user(), reason))
    print(f"project/{scope} unfrozen" if scope else "all projects unfrozen")
    for sentence in woken:
        print(sentence)
