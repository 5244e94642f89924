"""`drayage up`: Drayage on one machine."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option("--home", help="Where everything lives; DRAYAGE_HOME or ~/.drayage.")]
Port = Annotated[int, typer.Option("--port", help="Port of the Prefect server.")]


def up(home: Home = None, port: Port = 4200) -> None:
    """Run PostgreSQL, the Prefect server, the worker and the sensor until interrupted."""
    from deployments.command import guarded
    from deployments.up import run_up

    guarded(lambda: run_up(home, port))
