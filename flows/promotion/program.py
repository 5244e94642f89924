"""Runs programs such as kustomize and helm for steps: in a home of their own, bounded in time and output."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import BadAnswer, Invalid, Unavailable

SECONDS = 120.0
LARGEST_OUTPUT = 64 * 1024 * 1024
PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""Variables a program gets from our own environment; the worker's secrets are not among them."""


@dataclass(frozen=True)
class Program:
    """A program as one step runs it; `home` is an empty directory, and `task` says what it is for, as in `render x`."""

    home: Path
    work_dir: Path
    task: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = SECONDS

    async def run(self, command: Sequence[str]) -> str:
        """Run it to its end and return what it said. Raises Unavailable, BadAnswer, or Invalid with its complaint."""
        return (await self.run_coded(command, (0,)))[1]

    async def run_coded(self, command: Sequence[str], fine: Collection[int]) -> tuple[int, str]:
        """Do the same for a program with exit codes that mean something; return the code, one of `fine`, too."""
        name = Path(command[0]).name
        process = await self._start(command)
        try:
            async with asyncio.timeout(self.seconds):
                output, complaint = await asyncio.gather(
                    self._read(process.stdout, name), self._read(process.stderr, name)
                )
                code = await process.wait()
        except TimeoutError:
            raise Unavailable(f"{name} took longer than {self.seconds:g} s to {self.task}") from None
        finally:
            await _end(process)
        if code not in fine:
            said = (output[-4000:] + complaint).decode(errors="replace").replace(f"{self.work_dir}/", "").strip()
            raise Invalid(f"{name} could not {self.task}: {said[-2000:] or f'exit code {code}'}")
        return code, output.decode(errors="replace")

    async def _start(self, command: Sequence[str]) -> asyncio.subprocess.Process:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=self.work_dir,
            env={**passed, "HOME": str(self.home), **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    async def _read(self, stream: asyncio.StreamReader | None, name: str) -> bytes:
        assert stream is not None
        content = bytearray()
        while chunk := await stream.read(65536):
            content += chunk
            if len(content) > LARGEST_OUTPUT:
                raise BadAnswer(f"{name} said more than {LARGEST_OUTPUT} bytes to {self.task}, the limit")
        return bytes(content)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program and what it started, if it still runs."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
