"""Up: everything on one machine, in the foreground, kept alive until a signal comes."""

import asyncio
import signal
from pathlib import Path

from blocks.settings import Settings
from deployments.machine import Machine


def run_up(home: Path | None, port: int) -> None:
    """Start everything and stay. Ends cleanly on SIGINT and SIGTERM."""
    asyncio.run(_up(Machine(home.absolute() if home else Settings().root, port)))


async def _up(machine: Machine) -> None:
    watching = asyncio.create_task(_start_and_watch(machine))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    try:
        await watching
    except asyncio.CancelledError:
        print("stopping: runs are handed over, then all ends", flush=True)
    finally:
        await asyncio.to_thread(machine.stop)


async def _start_and_watch(machine: Machine) -> None:
    print(f"starting in {machine.home}", flush=True)
    await machine.start()
    print(f"Prefect UI   {machine.url}", flush=True)
    print("other terminals need:", flush=True)
    for line in machine.exports():
        print(f"  {line}", flush=True)
    await machine.watch()
