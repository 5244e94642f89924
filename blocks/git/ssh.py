"""The key and the known hosts of one Git process that uses ssh: private files, gone when it has ended."""

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import Unavailable
from blocks.git.access import Access
from blocks.git.lock import try_lock

PREFIX = "drayage-ssh-"

ORPHANED = 60.0
"""Seconds after which files that no process holds were left behind by a killed one."""

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
    folder, lock = _private_folder()
    try:
        _write(folder / "key", _text(access.credentials.ssh_key))
        _write(folder / "known_hosts", _text(access.credentials.known_hosts))
        yield {"GIT_SSH_COMMAND": ssh_command(folder), "GIT_SSH_VARIANT": "ssh"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def ssh_command(folder: Path) -> str:
    """Return the command line of ssh, for the shell that Git runs it with; it holds paths and no secret."""
    path = str(folder).replace("%", "%%")  # ssh expands what follows a percent sign, and ends words at blanks
    path = path.replace("\\", "\\\\").replace('"', '\\"')
    files = {"IdentityFile": f'"{path}/key"', "UserKnownHostsFile": f'"{path}/known_hosts"'}
    words = ["ssh", "-F", os.devnull]
    for name, value in (OPTIONS | files).items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def _private_folder() -> tuple[Path, int]:
    try:
        _sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"no private file for an ssh key can be made: {error.strerror}; free the disk") from None
    try_lock(descriptor)
    return folder, descriptor


def _sweep(place: Path) -> None:
    """Remove what killed processes left: folders of ours that are old and that nobody holds locked."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            seen = folder.lstat()
            if seen.st_uid != os.getuid() or time.time() - seen.st_mtime < ORPHANED:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if try_lock(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _text(given: str) -> str:
    """Return text as ssh wants it: no carriage returns, and a last line that ends."""
    return given.replace("\r\n", "\n").strip() + "\n"
