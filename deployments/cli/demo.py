"""`drayage demo`: one image walks to prod, on this machine alone."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option("--home", help="Where the demo lives; emptied first.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave it running afterwards.")]
Full = Annotated[
    bool, typer.Option("--full", help="Verify prod against three services, and let it roll back a bad release.")
]
Stop = Annotated[bool, typer.Option("--stop", help="End a demo that was left running.")]


def demo(home: Home = None, keep: Keep = False, full: Full = False, stop: Stop = False) -> None:
    """Start a whole world, push an image and watch it walk through test and uat to prod."""
    from blocks.settings import Settings
    from deployments.command import guarded
    from deployments.demo import run_demo, stop_kept

    place = home.absolute() if home else Settings().root / "demo"
    if stop:
        print("stopped" if guarded(lambda: stop_kept(place)) else "no demo was left running")
        return
    raise SystemExit(guarded(lambda: run_demo(place, keep=keep, full=full)))
