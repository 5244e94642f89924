"""`drayage retry`: have a failed Promotion go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Project, Wait
from deployments.cli.printing import say_phase

if TYPE_CHECKING:
    from blocks.ledger.records import PromotionRecord
    from flows.world import World

app = typer.Typer(help="Have a failed Promotion go on.", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


@app.command("promotionrequest")
@app.command("promotion")
def promotion(
    name: Annotated[str, typer.Argument(help="The Promotion.")],
    project: Project,
    reason: Reason = "",
    wait: Wait = False,
) -> None:
    """Go on at the step that failed, of a request with the targets that failed. Prefect's own "Retry" does the same."""
    from deployments.command import run_command
    from deployments.requests import retry_promotion, wait_for_promotion
    from flows.current_run import operating_user

    async def work(here: "World") -> "PromotionRecord":
        record = await retry_promotion(here, project, name, operating_user(), reason)
        return await wait_for_promotion(here, project, name, say_phase) if wait else record

    record = run_command(work)
    if not wait:
        print(f"{record.kind.lower()}/{name} retried")
    elif record.phase != "Succeeded":
        raise SystemExit(1)
