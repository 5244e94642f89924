"""The disk that mirrors take: what each takes and when it was used last, and who has to go when it is too much."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from blocks.git.lock import exclusive, try_lock

JUST_USED = 60.0
"""Seconds a mirror stays after its last use, whatever it takes: whoever used it may not be done."""

PATIENCE = 30.0
"""Seconds to wait for somebody who is throwing a mirror away."""


@asynccontextmanager
async def in_use(mirror: Path) -> AsyncIterator[None]:
    """Keep a mirror from being thrown away while it is read, and note that it was used."""
    note = _note(mirror)
    async with exclusive(note, timeout=PATIENCE, what=f"mirror {mirror.name}", shared=True):
        with suppress(FileNotFoundError):
            os.utime(note)
        yield


def lend(mirror: Path, borrower: Path) -> None:
    """Note that a repository uses the mirror's objects: as long as it is there, the mirror stays."""
    folder = mirror.with_suffix(".lent")
    folder.mkdir(exist_ok=True)
    name = hashlib.sha256(os.fsencode(borrower.absolute())).hexdigest()[:24]
    (folder / name).write_bytes(os.fsencode(borrower.absolute()))


def measure(mirror: Path) -> None:
    """Note how many bytes a mirror takes."""
    total = 0
    for folder, _, files in os.walk(mirror):
        for file in files:
            with suppress(FileNotFoundError):
                total += (Path(folder) / file).lstat().st_size
    _note(mirror).write_text(str(total))


async def make_room(root: Path, limit: int, keep: Path) -> list[str]:
    """Throw the least recently used mirrors away until the rest takes at most `limit` bytes. Returns their names.

    Never `keep`, nor one that is read, written, lent to a promotion or was used a moment ago.
    """
    return await asyncio.to_thread(_make_room, root, limit, keep)


def _make_room(root: Path, limit: int, keep: Path) -> list[str]:
    notes = sorted(((note.stat().st_mtime, note, _size(note)) for note in root.glob("*.used")), key=lambda n: n[0])
    total, gone = sum(size for _, _, size in notes), []
    for used, note, size in notes:
        mirror = note.with_suffix(".git")
        if total <= limit or time.time() - used < JUST_USED:
            break
        if mirror != keep and not is_lent(mirror) and _throw_away(mirror, note):
            total -= size
            gone.append(mirror.name)
    return gone


def is_lent(mirror: Path) -> bool:
    """Whether a repository that is still there uses the mirror's objects; notes of others are removed."""
    lent = False
    for note in mirror.with_suffix(".lent").glob("*"):
        with suppress(FileNotFoundError):
            if (Path(os.fsdecode(note.read_bytes())) / "objects/info/alternates").exists():
                lent = True
            elif time.time() - note.stat().st_mtime > JUST_USED:
                note.unlink()
    return lent


def _throw_away(mirror: Path, note: Path) -> bool:
    """Remove a mirror that nobody writes or reads. Out of its place first, so that nobody finds half of it."""
    taken = [
        os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in (mirror.with_suffix(".lock"), note)
    ]
    try:
        if not all(map(try_lock, taken)) or is_lent(mirror):
            return False
        old = mirror.with_suffix(".old")
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            mirror.rename(old)
        shutil.rmtree(mirror.with_suffix(".fresh"), ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
        note.write_text("0")  # the file stays: others may be waiting for its lock
        return True
    finally:
        for descriptor in taken:
            os.close(descriptor)


def _note(mirror: Path) -> Path:
    return mirror.with_suffix(".used")


def _size(note: Path) -> int:
    """Return the bytes noted; a mirror that was read before it was measured counts nothing yet."""
    try:
        return int(note.read_text() or 0)
    except (OSError, ValueError):
        return 0
