"""`drayage abort`: end a Promotion, waiting or running."""

from typing import Annotated

import typer

from deployments.cli.options import Project

app = typer.Typer(help="End a Promotion, waiting or running.", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


@app.command("promotionrequest")
@app.command("promotion")
def promotion(
    name: Annotated[str, typer.Argument(help="The Promotion.")], project: Project, reason: Reason = ""
) -> None:
    """Abort a Promotion, with a request those of its targets. Nothing is undone, and no later step runs."""
    from deployments.command import run_command
    from deployments.requests import abort_promotion
    from flows.current_run import operating_user

    record = run_command(lambda here: abort_promotion(here, project, name, operating_user(), reason))
    print(f"{record.kind.lower()}/{name} {record.phase}")
