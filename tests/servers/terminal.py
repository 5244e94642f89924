"""The command line as people use it: real processes in a terminal of the machine under test."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


async def drayage(
    *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, seconds: float = 150
) -> Ended:
    """Run one command to its end, with this process's environment and more. No command may show a traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deployments.cli.main",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | dict(env or {}),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), seconds)
    except TimeoutError:
        process.kill()
        raise
    ended = Ended(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in ended.err, ended.err
    return ended


async def done(*arguments: str, **options: Any) -> Ended:
    """Run one command that must succeed."""
    ended = await drayage(*arguments, **options)
    assert ended.code == 0, ended.err
    return ended
