"""`drayage test`: play scenarios with a pipeline, without network or Prefect."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[str], typer.Option("--filename", "-f", help="File or folder with the pipeline's manifests.")]
Scenarios = Annotated[list[Path], typer.Option("--scenario", help="File with a scenario; may be given several times.")]
Junit = Annotated[Path | None, typer.Option("--junit", help="File to write the results to, as JUnit's XML.")]


def test(filename: Files, scenario: Scenarios, junit: Junit = None) -> None:
    """Play scenarios with a pipeline in a sandbox of their own. Exit 1 when an expectation does not come true."""
    import asyncio

    from rich.console import Console

    from blocks.errors import Invalid
    from deployments.cli.options import colour
    from deployments.rehearsal import report
    from deployments.rehearsal.read import read_scenario

    try:
        scenarios = [(file, read_scenario(file)) for file in scenario]
    except Invalid as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    from deployments.command import guarded
    from deployments.rehearse import rehearse

    reports = guarded(lambda: asyncio.run(rehearse(filename, scenarios)))
    report.show(reports, Console(no_color=not colour(), soft_wrap=True))
    if junit:
        guarded(lambda: junit.write_text(report.junit(reports), encoding="utf-8"))
    raise SystemExit(0 if all(each.passed for each in reports) else 1)
