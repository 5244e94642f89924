"""`python -m deployments.work`: one warm worker process, ended by SIGTERM or SIGINT without leaving a run behind."""

import asyncio
import signal
import socket
import sys

from blocks.settings import Settings
from deployments.worker import DrayageWorker


async def work(name: str) -> None:
    """Work until a signal comes; every run is then handed over."""
    settings = Settings()
    worker = DrayageWorker(work_pool_name=settings.work_pool, name=name, limit=settings.concurrent_runs)
    working = asyncio.create_task(worker.start(printer=_say))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        _say("worker stopped: its runs were handed over")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1] if len(sys.argv) > 1 else socket.gethostname()))
