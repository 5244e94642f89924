"""`drayage freeze`: let nothing begin in a project, or anywhere."""

from typing import Annotated

import typer

from deployments.cli.options import AllProjects, AnyProject, one_or_all

Reason = Annotated[str, typer.Option("--reason", help="Why, for those who wait and for the audit trail.")]
Until = Annotated[str, typer.Option("--until", help="When it ends by itself: a time, or a duration such as 4h.")]


def freeze(reason: Reason, project: AnyProject = "", everywhere: AllProjects = False, until: Until = "") -> None:
    """Stop all promotions of a project, or with --all of all. What runs goes on; what comes waits."""
    scope = one_or_all(project, everywhere)
    from deployments.command import run_command
    from deployments.freezing import freeze_project
    from flows.current_run import operating_user

    done = run_command(lambda here: freeze_project(here, scope, reason, operating_user(), until), prefect=False)
    lasts = f" until {done.until:%Y-%m-%d %H:%M:%S} UTC" if done.until else ""
    print(f"project/{scope} frozen{lasts}" if scope else f"all projects frozen{lasts}")
