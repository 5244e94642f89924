"""The Argo CDs of all projects: found by the names of their Prefect blocks, each connected to once."""

import asyncio
from dataclasses import dataclass
from time import monotonic

from prefect.exceptions import ObjectNotFound

from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection, Connection, identity
from blocks.credentials import block_name
from blocks.errors import NotFound

CLUSTER_SECONDS = 15.0
"""How long a connection is used before its block is read again."""

UNUSED_SECONDS = 900.0
"""After this long without use a connection is closed."""

DEFAULT = "default"
KINDS: tuple[type[ArgoCDConnection | ArgoCDApiConnection], ...] = (ArgoCDConnection, ArgoCDApiConnection)
"""Types of blocks, the first of a name counts."""


@dataclass
class _Used:
    connection: Connection
    at: float


class Clusters:
    """Connections by what their blocks say, so that projects which share an Argo CD share its watch too."""

    def __init__(self) -> None:
        """Begin with none."""
        self._named: dict[tuple[str, str], tuple[float, str]] = {}
        self._used: dict[str, _Used] = {}
        self._opening = asyncio.Lock()

    async def of(self, project: str, name: str = "") -> Connection:
        """Connect to an Argo CD of a project: its own of that name before the one all projects may use.

        Raises NotFound when there is no such block.
        """
        now = monotonic()
        read_at, mark = self._named.get((project, name), (float("-inf"), ""))
        if mark not in self._used or now - read_at > CLUSTER_SECONDS:
            block = await _block(project, name)
            mark = identity(block)
            async with self._opening:
                if mark not in self._used:
                    self._used[mark] = _Used(await asyncio.to_thread(block.connect), now)
            self._named[project, name] = (now, mark)
        self._used[mark].at = now
        await self._close_unused(now)
        return self._used[mark].connection

    async def close(self) -> None:
        """Close all connections."""
        used, self._used = self._used, {}
        await asyncio.gather(*(each.connection.close() for each in used.values()))

    async def _close_unused(self, now: float) -> None:
        for mark in [mark for mark, each in self._used.items() if now - each.at > UNUSED_SECONDS]:
            await self._used.pop(mark).connection.close()


async def _block(project: str, name: str) -> ArgoCDConnection | ArgoCDApiConnection:
    own = block_name(project, f"argocd-{name}" if name else "argocd")
    shared = name or DEFAULT
    for each in (own, shared):
        for kind in KINDS:
            try:
                block: ArgoCDConnection | ArgoCDApiConnection = await kind.aload(each)
            except ValueError as error:
                if not isinstance(error.__cause__, ObjectNotFound):
                    raise
            else:
                return block
    which = f"Argo CD {name!r}" if name else "Argo CD"
    raise NotFound(
        f"no {which} is known for project {project!r}: save a Prefect block 'drayage-argocd/{shared}' or "
        f"'drayage-argocd-api/{shared}' (or one named {own!r})"
    )
