"""`drayage refresh`: look now instead of when it is due."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Project, Wait
from deployments.fail import fail

if TYPE_CHECKING:
    from blocks.ledger.records import WarehouseStatus
    from flows.world import World

app = typer.Typer(help="Look now instead of when it is due.", no_args_is_help=True)

Tag = Annotated[str, typer.Option("--tag", help="Only this tag or version was pushed.")]
Branch = Annotated[str, typer.Option("--branch", help="Only this Git branch moved.")]
Commit = Annotated[str, typer.Option("--commit", help="Only up to this commit.")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Only this path changed; may be given several times.")]
RepoURL = Annotated[str, typer.Option("--repo-url", help="Only this repository of those that it watches.")]


@app.command("warehouse")
def warehouse(
    name: Annotated[str, typer.Argument(help="The Warehouse.")],
    project: Project,
    tag: Tag = "",
    branch: Branch = "",
    commit: Commit = "",
    path: Paths = None,
    repo_url: RepoURL = "",
    wait: Wait = False,
) -> None:
    """Discover what a Warehouse watches, at once. Whoever says what has changed spares the rest."""
    from deployments.command import run_command
    from deployments.refreshes import ask_refresh, wait_for_refresh
    from flows.warehouse.asking import Hint
    from flows.warehouse.conditions import condition, healthy

    hint = Hint(tag, branch, commit, tuple(path or ()), repo_url)

    async def work(here: "World") -> "WarehouseStatus | None":
        token = await ask_refresh(here, project, name, hint)
        return await wait_for_refresh(here, project, name, token) if wait else None

    status = run_command(work)
    if status and not healthy(status):
        fail(f"Warehouse {name!r} is not healthy: {condition(status, 'Healthy').get('message')}")
    print(f"warehouse/{name} refreshed" if wait else f"warehouse/{name} will be refreshed")
