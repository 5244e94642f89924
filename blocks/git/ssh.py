"""The key and the known hosts of one Git process that uses ssh: private files, gone when it has ended."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.git.access import Access
from blocks.git.private import private_folder, write_private

PREFIX = "drayage-ssh-"

OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "GlobalKnownHostsFile": os.devnull,
    "VerifyHostKeyDNS": "no",
    "IdentitiesOnly": "yes",
    "IdentityAgent": "none",
    "PreferredAuthentications": "publickey",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "PermitLocalCommand": "no",
    "ControlPath": "none",
    "LogLevel": "ERROR",
}
"""Only the given key for the given hosts; nothing of the account's or the machine's settings."""


@contextmanager
def ssh_files(access: Access | None) -> Iterator[dict[str, str]]:
    """Write key and known hosts where only we can read them and yield Git's variables; nothing without an ssh key."""
    if access is None or access.transport != "ssh" or access.credentials is None:
        yield {}
        return
    with private_folder(PREFIX, "an ssh key") as folder:
        write_private(folder / "key", _text(access.credentials.ssh_key))
        write_private(folder / "known_hosts", _text(access.credentials.known_hosts))
        yield {"GIT_SSH_COMMAND": ssh_command(folder), "GIT_SSH_VARIANT": "ssh"}


def ssh_command(folder: Path) -> str:
    """Return the command line of ssh, for the shell that Git runs it with; it holds paths and no secret."""
    path = str(folder).replace("%", "%%")  # ssh expands what follows a percent sign, and ends words at blanks
    path = path.replace("\\", "\\\\").replace('"', '\\"')
    files = {"IdentityFile": f'"{path}/key"', "UserKnownHostsFile": f'"{path}/known_hosts"'}
    words = ["ssh", "-F", os.devnull]
    for name, value in (OPTIONS | files).items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def _text(given: str) -> str:
    """Return text as ssh wants it: no carriage returns, and a last line that ends."""
    return given.replace("\r\n", "\n").strip() + "\n"
