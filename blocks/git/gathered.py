"""One repository that sees the objects of several clones, to work on their commits together."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from blocks.git.layout import lay_out


@asynccontextmanager
async def gathered(place: Path, clones: Iterable[Path]) -> AsyncIterator[Path]:
    """Yield a repository at `place` that uses the objects of all clones in place; it is gone afterwards.

    One clone is yielded itself. Only for the one who holds the place alone: what a killed process left is removed.
    """
    found = list(dict.fromkeys(clones))
    if len(found) == 1:
        yield found[0]
        return
    await asyncio.to_thread(_make, place, found)
    try:
        yield place
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _make(place: Path, clones: list[Path]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    lay_out(place, clones)
