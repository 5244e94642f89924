"""`drayage collect`: take away now what is old and needed by nobody, or tell what would go."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import AnyProject
from deployments.cli.printing import print_table

if TYPE_CHECKING:
    from flows.world import World

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would go and what would stay, and why.")]


def collect(project: AnyProject = "", dry_run: DryRun = False) -> None:
    """Take away old Freight and Promotions that nobody needs, as happens by itself every hour."""
    from deployments.command import run_command
    from flows.collect import collecting
    from flows.freight.collector import collect_old
    from flows.freight.retention import Goes

    async def work(here: "World") -> list[tuple[str, str, str, str]]:
        return [
            (each.kind, each.project, each.place, each.fate.sentence)
            async for each in collect_old(collecting(here, dry_run=dry_run), project)
            if dry_run or isinstance(each.fate, Goes)
        ]

    lines = run_command(work, prefect=False)
    if dry_run:
        print("DRY RUN, nothing is taken away")
    print_table(("KIND", "PROJECT", "OF", "WHAT"), lines, "nothing is old enough to go")
