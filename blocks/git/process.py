"""Feed and read a child process within limits, and leave nothing of it behind."""

import asyncio
import os
import signal
from contextlib import suppress


async def exchange(process: asyncio.subprocess.Process, given: str | None, limit: int) -> tuple[str | None, str | None]:
    """Feed a child and read what it prints, at the same time; None stands for output over the limit."""
    assert process.stdout and process.stderr
    out, err, _ = await asyncio.gather(
        _read(process, process.stdout, limit), _read(process, process.stderr, limit), _feed(process, given)
    )
    return out, err


async def end(process: asyncio.subprocess.Process) -> None:
    """Make sure nothing of a child that leads a session stays behind, whatever ended our interest in it."""
    if process.returncode is None:
        _kill(process)
        await asyncio.shield(process.wait())


async def _read(process: asyncio.subprocess.Process, stream: asyncio.StreamReader, limit: int) -> str | None:
    read = bytearray()
    while chunk := await stream.read(65536):
        read += chunk
        if len(read) > limit:
            _kill(process)
            return None
    return read.decode("utf-8", "replace")


async def _feed(process: asyncio.subprocess.Process, given: str | None) -> None:
    if given is None or process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given.encode())
        await process.stdin.drain()
        process.stdin.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
