"""A real SSH server for the tests that runs Git's own programs for whoever has the right key."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from blocks.records import Credentials

PROGRAMS = ("git-upload-pack", "git-receive-pack")
CHUNK = 64 * 1024


def new_key() -> asyncssh.SSHKey:
    """Make a key pair."""
    return asyncssh.generate_private_key("ssh-ed25519")


def written(key: asyncssh.SSHKey) -> str:
    """Write a private key as `ssh-keygen` does."""
    return key.export_private_key().decode()


@dataclass
class SshServer:
    """A running server: `commands` are those it was asked for, `client` is the key that opens it."""

    port: int
    root: Path
    host_key: asyncssh.SSHKey
    client: asyncssh.SSHKey = field(default_factory=new_key)
    commands: list[str] = field(default_factory=list)
    hangs: asyncio.Event | None = None

    def url(self, name: str = "config.git") -> str:
        """Return the URL of a repository."""
        return f"ssh://git@127.0.0.1:{self.port}/{name}"

    def known_hosts(self, key: asyncssh.SSHKey | None = None) -> str:
        """Return the line of this server, or one with another host key."""
        public = (key or self.host_key).export_public_key().decode().strip()
        return f"[127.0.0.1]:{self.port} {public}"

    def credentials(self, **changed: str) -> Credentials:
        """Return what opens the server, with changes."""
        known = {"ssh_key": written(self.client), "known_hosts": self.known_hosts()}
        return Credentials("deploy-key", **(known | changed))

    async def run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Run one of Git's programs and pump its streams to the end, each by hand."""
        program, path = shlex.split(process.command or "- -")
        self.commands.append(program)
        if self.hangs:
            await self.hangs.wait()
            process.exit(1)
            return
        if program not in PROGRAMS:
            process.stderr.write(b"only Git here\n")
            process.exit(1)
            return
        git = await asyncio.create_subprocess_exec(
            "git",
            program.removeprefix("git-"),
            str(self.root / path.lstrip("/")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1"),
        )
        assert git.stdin and git.stdout and git.stderr
        feeding = asyncio.create_task(_feed(process.stdin, git.stdin))
        try:
            await asyncio.gather(_pump(git.stdout, process.stdout), _pump(git.stderr, process.stderr))
            process.exit(await git.wait())
        finally:
            feeding.cancel()
            if git.returncode is None:
                git.kill()
                await git.wait()


async def _feed(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()
    except (ConnectionError, asyncssh.Error):
        return
    finally:
        sink.close()


async def _pump(source: asyncio.StreamReader, sink: "asyncssh.SSHWriter[bytes]") -> None:
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()


@asynccontextmanager
async def ssh_server(root: Path) -> AsyncIterator[SshServer]:
    """Serve the repositories below a folder on a free loopback port."""
    server = SshServer(0, root, new_key())
    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[server.host_key],
        authorized_client_keys=asyncssh.import_authorized_keys(server.client.export_public_key().decode()),
        process_factory=server.run,
        encoding=None,
    )
    server.port = listening.get_port()
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
