"""`drayage refresh`: look now instead of when it is due."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Project, Wait
from deployments.fail import fail

if TYPE_CHECKING:
    from blocks.ledger.records import WarehouseStatus
    from flows.world import World

app = typer.Typer(help="Look now instead of when it is due.", no_args_is_help=True)


@app.command("warehouse")
def warehouse(
    name: Annotated[str, typer.Argument(help="The Warehouse.")], project: Project, wait: Wait = False
) -> None:
    """Discover what a Warehouse watches, at once."""
    from deployments.command import run_command
    from deployments.requests import ask_refresh, wait_for_refresh
    from flows.warehouse.conditions import healthy

    async def work(here: "World") -> "WarehouseStatus | None":
        token = await ask_refresh(here, project, name)
        return await wait_for_refresh(here, project, name, token) if wait else None

    status = run_command(work)
    if status and not healthy(status):
        fail(f"Warehouse {name!r} is not healthy: {status.conditions[0]['message']}")
    print(f"warehouse/{name} refreshed" if wait else f"warehouse/{name} will be refreshed")
