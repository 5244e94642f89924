"""Demo: a whole world on this machine, in which one image walks to prod."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from blocks.errors import Unreachable
from deployments.machine import Machine
from deployments.postgres import EmbeddedPostgres
from deployments.processes import Process, free_port

EXAMPLE = Path(__file__).parent / "examples" / "guestbook"
WRITTEN_FOR = "127.0.0.1:8099"
"""The sandbox's address in the example's files, replaced by the real one."""

USER = "drayage"
LONGEST_STORY = 900.0
"""Seconds a story may take; each of its waits ends earlier."""


def run_demo(home: Path, *, keep: bool = False, full: bool = False) -> int:
    """Run the demo, or its `full` form. Returns 0 when everything was seen to happen, 1 otherwise."""
    stop_kept(home)
    EmbeddedPostgres(home / "postgres").remove()
    shutil.rmtree(home, ignore_errors=True)
    began = time.monotonic()
    demo = Demo(home)
    try:
        asyncio.run(demo.start())
        code = demo.tell("demo_full" if full else "demo_story")
    except BaseException:
        demo.stop()
        raise
    print(f"\n{'done' if code == 0 else 'failed'} after {time.monotonic() - began:.0f} s", flush=True)
    if keep and code == 0:
        demo.keep()
    else:
        demo.stop()
    return code


class Demo:
    """The processes of the demo: a machine with Drayage, and the sandbox as the world around it."""

    def __init__(self, home: Path) -> None:
        """Choose ports and passwords; nothing is started yet."""
        self._home = home
        self._password, self._token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._address = f"127.0.0.1:{free_port()}"
        self._sandbox: Process | None = None
        story = {
            "DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP": "true",  # the sandbox is plain http on loopback
            "DRAYAGE_LEASE_SECONDS": "10",
        }
        self._machine = Machine(home, extra=story)

    async def start(self) -> None:
        """Start the sandbox and the machine side by side."""
        self._say("starting PostgreSQL, Prefect server, worker and sandbox")
        await asyncio.to_thread(self._write_files)
        self._sandbox = self._start_sandbox()
        await self._machine.start()
        await self._ready()
        self._say(f"Prefect UI on {self._machine.url}, sandbox on http://{self._address}")

    def tell(self, story: str) -> int:
        """Run a story, a module, in a process of its own that is set up like any other terminal."""
        arguments = [sys.executable, "-m", f"deployments.{story}", str(self._home / "story.json")]
        return subprocess.run(arguments, env=os.environ | self._machine.env, timeout=LONGEST_STORY).returncode

    def stop(self) -> None:
        """End everything."""
        self._machine.stop()
        if self._sandbox:
            self._sandbox.stop()

    def keep(self) -> None:
        """Leave everything running and say how to end it."""
        running = [each.started.pid for each in self._processes() if each.started]
        (self._home / "kept.json").write_text(json.dumps(running))
        print(f"left running: Prefect UI {self._machine.url}; end it with 'drayage demo --stop'")
        for line in self._machine.exports():
            print(f"  {line}")

    def _processes(self) -> list[Process]:
        return [each for each in (self._machine.worker, self._machine.server, self._sandbox) if each]

    def _start_sandbox(self) -> Process:
        folder = self._home / "sandbox"
        port = self._address.rpartition(":")[2]
        files = ["--users", str(self._home / "users.json"), "--token", str(self._home / "token")]
        arguments = ["-m", "deployments.sandbox", "--root", str(folder), "--port", port, *files]
        process = Process("sandbox", arguments, self._home / "logs" / "sandbox.log")
        process.start()
        return process

    def _write_files(self) -> None:
        """Write what the sandbox and the story need to know, readable by this user only."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._write("users.json", json.dumps({USER: self._password}))
        self._write("token", self._token)
        shutil.copytree(EXAMPLE, self._home / "example")
        for file in (self._home / "example").rglob("*.yaml"):
            file.write_text(file.read_text().replace(WRITTEN_FOR, self._address))
        facts = {"address": self._address, "user": USER, "password": self._password, "token": self._token}
        self._write("story.json", json.dumps(facts | {"example": str(self._home / "example")}))

    def _write(self, name: str, text: str) -> None:
        path = self._home / name
        path.touch(mode=0o600)
        path.write_text(text)

    async def _ready(self) -> None:
        assert self._sandbox is not None
        for _ in range(200):
            if "ready" in self._sandbox.last_words():
                return
            if not self._sandbox.alive:
                break
            await asyncio.sleep(0.1)
        raise Unreachable(f"the sandbox did not start:\n{self._sandbox.last_words()}")

    def _say(self, text: str) -> None:
        print(f"· {text}", flush=True)


def stop_kept(home: Path) -> bool:
    """End a demo that was left running. Returns whether there was one."""
    file = home / "kept.json"
    if not file.exists():
        return False
    for pid in json.loads(file.read_text()):
        if _is_ours(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    machine = Machine(home)
    for _ in range(150):
        if not any(_is_ours(pid) for pid in json.loads(file.read_text())):
            break
        time.sleep(0.1)
    machine.stop_postgres()
    file.unlink()
    return True


def _is_ours(pid: int) -> bool:
    """Whether a process is still one of the demo's: its number may be another's by now."""
    command = _command(pid)
    return "deployments." in command and "defunct" not in command


def _command(pid: int) -> str:
    """The command line of a process, empty when it is gone; from the kernel's files, else from `ps`."""
    files = Path("/proc")
    if (files / "self" / "cmdline").exists():
        with suppress(OSError):
            return (files / str(pid) / "cmdline").read_text().replace("\0", " ")
        return ""
    answer = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    return answer.stdout.strip()
