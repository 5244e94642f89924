"""One writer at a time, among all tasks, event loops and processes of this machine."""

import asyncio
import fcntl
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from blocks.errors import Unavailable

STALE = (
    *("*.lock", "refs/**/*.lock", "objects/info/*.lock", "objects/pack/*.lock"),
    *("objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*"),
)
"""What a Git that ended by itself would have removed."""


@asynccontextmanager
async def exclusive(path: Path, *, timeout: float, what: str, shared: bool = False) -> AsyncIterator[int]:
    """Hold the lock file and yield its descriptor, in seconds at most `timeout` from now; `shared` with others.

    The lock belongs to the open descriptor, so it excludes two tasks of one process as well as two processes,
    and the system frees it when its last holder dies. A child that is given the descriptor holds it too.
    Raises Unavailable when the lock stays taken.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline, pause = monotonic() + timeout, 0.005
        while not try_lock(descriptor, shared=shared):
            if monotonic() > deadline:
                raise Unavailable(f"{what} was busy for {timeout:g} s: another writer holds it, try again later")
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  not a secret
            pause = min(pause * 1.5, 0.1)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file now or not at all; `shared` lets others share it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_stale(*folders: Path) -> None:
    """Delete lock files and half packs a killed Git left. Only for the one who holds the lock of these folders."""
    for folder in folders:
        for pattern in STALE:
            for stale in folder.glob(pattern):
                stale.unlink(missing_ok=True)
