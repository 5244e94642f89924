"""Running git for the sandbox: own environment, own process group, bounded in time."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from blocks.errors import Invalid

TIMEOUT = 60.0
"""Seconds for one command on a local repository."""


def environment(home: Path) -> dict[str, str]:
    """Build an environment in which no configuration of the user's machine has a say."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


async def run(directory: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in `directory` and return what it prints; `Invalid` with git's own words when it fails."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        cwd=directory,
        env=environment(directory),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            output, complaint = await process.communicate(stdin)
    finally:
        await end(process)
    if process.returncode:
        said = complaint.decode(errors="replace").strip()
        raise Invalid(f"git {arguments[0]} in {directory.name} failed with exit code {process.returncode}: {said}")
    return output


async def end(process: asyncio.subprocess.Process) -> None:
    """End the process with its children, if it still runs, and collect it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
