"""`drayage verify`: verify again, or stop verifying."""

from typing import Annotated

import typer

from deployments.cli.options import Project

app = typer.Typer(help="Verify again, or stop verifying.", no_args_is_help=True)
Abort = Annotated[bool, typer.Option("--abort", help="Abort the verification under way.")]


@app.command("stage")
def stage(name: Annotated[str, typer.Argument(help="The Stage.")], project: Project, abort: Abort = False) -> None:
    """Verify what a Stage runs once more."""
    from deployments.command import run_command
    from deployments.requests import abort_verification, ask_verification
    from flows.current_run import operating_user

    if abort:
        gone = run_command(lambda here: abort_verification(here, project, name, operating_user()))
        print(f"verification/{gone} aborted")
        return
    run_command(lambda here: ask_verification(here, project, name, operating_user()))
    print(f"stage/{name} will be verified")
