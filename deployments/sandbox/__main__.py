"""`python -m deployments.sandbox`: the sandbox as a process, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m deployments.sandbox", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the world, made when missing")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 means one chosen free")
    parser.add_argument("--users", type=Path, help="JSON file of passwords by user name, for Git and registry")
    parser.add_argument("--token", type=Path, help="file with the bearer token of the Kubernetes API")
    parser.add_argument("--poll", type=float, default=Timing.poll, help="seconds between looks at Git")
    parser.add_argument("--progressing", type=float, default=Timing.progressing, help="seconds a workload starts")
    return parser.parse_args()


async def run(given: argparse.Namespace) -> None:
    """Serve until a signal comes."""
    users = json.loads(given.users.read_text()) if given.users else None
    token = given.token.read_text().strip() if given.token else None
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    timing = Timing(poll=given.poll, progressing=given.progressing)
    async with Sandbox(given.root, given.port, users, token=token, timing=timing) as sandbox:
        print(f"sandbox ready on {sandbox.url}", flush=True)
        await stop.wait()


def main() -> int:
    """Run, and say in one line when the world cannot be opened."""
    try:
        asyncio.run(run(arguments()))
    except (OSError, ValueError) as error:
        print(f"the sandbox cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
