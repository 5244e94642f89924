"""Folders only we can read, gone when they were used; those of killed processes are removed by the next one."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.errors import Unavailable
from blocks.git.lock import try_lock

ORPHANED = 60.0
"""Seconds after which a folder that no process holds was left behind by a killed one."""


@contextmanager
def private_folder(prefix: str, what: str) -> Iterator[Path]:
    """Make a folder for `what`, remove it afterwards, and those of that prefix that nobody will remove any more."""
    try:
        _sweep(Path(tempfile.gettempdir()), prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"no private file for {what} can be made: {error.strerror}; free the disk") from None
    try_lock(descriptor)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Write a new file that only we can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _sweep(place: Path, prefix: str) -> None:
    """Remove what killed processes left: folders of ours that are old and that nobody holds locked."""
    for folder in place.glob(f"{prefix}*"):
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
