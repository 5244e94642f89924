"""Histories read lately, so that sixty readers of one branch cost one `git log`, and a push only what is new."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from blocks.git.history import COMMIT_LIMIT, Parsed
from blocks.records import Commit, Tag
from blocks.shared import Shared

MEMORY = 64 * 1024 * 1024
"""Bytes, by estimate, of all histories that are kept."""

LINES = 1_000
"""Histories that are kept at most."""

TAG_LISTS = 8
"""Lists of tags that are kept at most."""

FIRST = 100
"""Commits that are read at least."""

COMMIT_SIZE = 700
PATH_SIZE = 60
"""Bytes of a commit besides its text, and of one path of it."""

Key = tuple[str, str]
Read = Callable[[int, int], Awaitable[list[Parsed]]]
"""Reads commits of one tip: how many to skip, and how many at most."""


@dataclass(eq=False)
class Line:
    """The newest commits below one tip, as far as they were read; `whole` when there are no more."""

    mirror: str
    tip: str
    commits: list[Commit] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    size: int = 0
    whole: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, read: list[Parsed]) -> None:
        """Append what was read after what is known."""
        for commit, parents in read:
            self.commits.append(commit)
            self.parents.append(parents)
            self.size += COMMIT_SIZE + sum(PATH_SIZE + len(path) for path in commit.paths)

    def continue_with(self, count: int, known: "Line") -> None:
        """Keep the first commits and take the others from another line."""
        fresh = list(zip(self.commits[:count], self.parents[:count], strict=True))
        self.commits, self.parents, self.size, self.whole = [], [], 0, known.whole
        self.add([*fresh, *zip(known.commits, known.parents, strict=True)])

    def above(self, tip: str) -> int | None:
        """Count the commits put on top of a tip, one after another; None when that is not all that happened."""
        for place, (commit, parents) in enumerate(zip(self.commits, self.parents, strict=True)):
            if commit.id == tip:
                return place
            if parents != 1:
                return None
        return None


class Recent:
    """Lines by mirror and tip: those in use, and of the others the most recently used."""

    def __init__(self, memory: int = MEMORY) -> None:
        """Keep histories of at most `memory` bytes that nobody uses."""
        self._memory = memory
        self._used: WeakValueDictionary[Key, Line] = WeakValueDictionary()
        self._kept: OrderedDict[Key, Line] = OrderedDict()
        self._tags: Shared[list[Tag]] = Shared(TAG_LISTS)

    async def tags(self, mirror: str, refs: str, read: Callable[[], Awaitable[list[Tag]]]) -> list[Tag]:
        """Return the tags of a mirror at one state of its branches and tags."""
        return await self._tags.ask((mirror, refs), read, seconds=float("inf"))

    def line(self, mirror: str, tip: str) -> Line:
        """Return the line of a tip; whoever holds it keeps it."""
        line = self._used.get((mirror, tip))
        if line is None:
            line = self._used[mirror, tip] = Line(mirror, tip)
        return line

    async def commits(self, line: Line, skip: int, limit: int, read: Read) -> list[Commit]:
        """Return commits of a line, newest first."""
        await self._read_to(line, skip + limit, read)
        return line.commits[skip : skip + limit]

    async def added(self, line: Line, before: str, read: Read) -> list[Commit] | None:
        """Return the commits a line has on top of an earlier tip; None when it does not simply continue that."""
        await self._read_to(line, FIRST, read)
        count = line.above(before)
        return None if count is None else line.commits[:count]

    async def _read_to(self, line: Line, wanted: int, read: Read) -> None:
        async with line.lock:
            while len(line.commits) < wanted and not line.whole:
                known = len(line.commits)
                count = min(max(wanted - known, known, FIRST), COMMIT_LIMIT)
                more = await read(known, count)
                line.add(more)
                line.whole = len(more) < count
                if not known:
                    self._join(line)
        self._keep(line)

    def _join(self, line: Line) -> None:
        """Take over what is known below an earlier tip of the same branch, when this one simply continues it."""
        for known in list(self._used.values()):
            if known is line or known.mirror != line.mirror or known.lock.locked():
                continue
            count = line.above(known.tip)
            if count is not None and count + len(known.commits) > len(line.commits):
                line.continue_with(count, known)
                return

    def _keep(self, line: Line) -> None:
        """Put a line last and forget others, or this one when it is too large by itself."""
        self._kept[line.mirror, line.tip] = line
        self._kept.move_to_end((line.mirror, line.tip))
        while sum(each.size for each in self._kept.values()) > self._memory or len(self._kept) > LINES:
            self._kept.popitem(last=False)
