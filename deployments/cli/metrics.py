"""`drayage metrics`: how well delivery goes, Stage by Stage."""

import json
from typing import Annotated

import typer

from deployments.cli.options import AnyProject
from deployments.cli.printing import print_table

StageFilter = Annotated[str, typer.Option("--stage", help="Only this Stage.")]
Since = Annotated[str, typer.Option("--since", help="Since when: 12h, 30d, or a time.")]
Output = Annotated[str, typer.Option("--output", "-o", help="table, json or openmetrics.")]

FORMATS = ("table", "json", "openmetrics")


def metrics(project: AnyProject = "", stage: StageFilter = "", since: Since = "30d", output: Output = "table") -> None:
    """Show lead time, deployment frequency, change failure rate and time to restore of each Stage."""
    if output not in FORMATS:
        raise typer.BadParameter(f"{output!r} is none of {', '.join(FORMATS)}", param_hint="--output")
    from deployments.command import run_command
    from deployments.metrics import COLUMNS, read_metrics, row, shape, shortened
    from flows.metrics.openmetrics import openmetrics

    found = run_command(lambda here: read_metrics(here.ledger, project, since, stage), prefect=False)
    for sentence in shortened(found):
        typer.echo(sentence, err=True)
    if output == "openmetrics":
        print(openmetrics(found), end="")
    elif output == "json":
        print(json.dumps(shape(found), indent=2, ensure_ascii=False))
    else:
        print_table(COLUMNS, [row(each) for each in found], "no Stage found")
