"""`drayage preview`: what a Promotion would do, without doing it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.options import Freight, FreightAlias, Project, exactly_one
from deployments.cli.printing import check_format, print_objects

if TYPE_CHECKING:
    from flows.promotion.preview import Preview
    from flows.world import World

ToStage = Annotated[str, typer.Option("--stage", help="The Stage it would be promoted to.")]
Shape = Annotated[str, typer.Option("--output", "-o", help="table (Markdown), json or yaml.")]


def preview(
    project: Project, stage: ToStage, freight: Freight = "", freight_alias: FreightAlias = "", output: Shape = "table"
) -> None:
    """Show gates, versions, commits and differences of a Promotion; exit 1 unless it would go through."""
    check_format(output)
    wanted = exactly_one("--freight and --freight-alias", freight, freight_alias)
    from deployments.command import run_command
    from deployments.preview_shape import preview_shape
    from flows.current_run import operating_user
    from flows.preview import preview as look

    async def work(here: "World") -> "Preview":
        return await look(project, stage, wanted, actor=operating_user(), say=_say)

    seen = run_command(work)
    if output == "table":
        print(seen.markdown(), end="")
    else:
        print_objects([preview_shape(seen)], output, single=True)
    if not seen.passes or seen.problem:
        raise SystemExit(1)


def _say(what: str) -> None:
    print(f"looking at {what}", file=sys.stderr)
