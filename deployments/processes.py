"""Processes of one machine: started in a session of their own, logged to a file, ended with all their children."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import Unavailable

FIRST_PORT = 15000
PORTS = 17000


@dataclass
class Process:
    """One program under watch. `env` is added to this process's environment, which is never changed."""

    name: str
    arguments: list[str]
    log: Path
    env: dict[str, str] = field(default_factory=dict, repr=False)
    started: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.started = subprocess.Popen(
                [sys.executable, *self.arguments],
                env=os.environ | self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self.started is not None and self.started.poll() is None

    def stop(self, grace: float = 15.0) -> None:
        """Ask the program to end, and end it with its children after `grace` seconds."""
        if self.started is None:
            return
        if self.alive:
            self.started.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.started.wait(grace)
        self.kill()

    def kill(self) -> None:
        """End the program and its children at once."""
        if self.started is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.started.pid, signal.SIGKILL)
        self.started.wait(10)

    def last_words(self, lines: int = 15) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def free_port() -> int:
    """A loopback port that nobody listens on, for a server that takes it within seconds.

    It lies below the ports that systems give to outgoing connections (Linux from 32768, others from 49152), else one of
    those could take it until the server is up.
    """
    for _ in range(PORTS):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Unavailable(f"no loopback port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")
