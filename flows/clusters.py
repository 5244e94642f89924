"""The Argo CDs of all projects: found by the names of their Prefect blocks, each connected to once."""

import asyncio
from dataclasses import dataclass
from time import monotonic

from prefect.client.orchestration import get_client
from pydantic import ValidationError

from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection, Connection, identity, refuse_in_clear
from blocks.block_documents import read_documents
from blocks.credentials import block_name
from blocks.errors import Invalid, NotFound

CLUSTER_SECONDS = 15.0
"""How long connections are used before their blocks are read again."""

NEW_SECONDS = 0.5
"""The same, for a project that has not been asked about before."""

UNUSED_SECONDS = 900.0
"""After this long without use a connection is closed."""

DEFAULT = "default"
Block = ArgoCDConnection | ArgoCDApiConnection
KINDS: dict[str, type[Block]] = {
    "drayage-argocd": ArgoCDConnection,
    "drayage-argocd-api": ArgoCDApiConnection,
}
"""Types of blocks, of which the first that has a name counts."""


@dataclass
class _Used:
    connection: Connection
    at: float


class Clusters:
    """Connections by what their blocks say, so that projects which share an Argo CD share its watch too."""

    def __init__(self, *, allow_plain_http_credentials: bool = False) -> None:
        """Begin with none."""
        self._allow_plain_http = allow_plain_http_credentials
        self._read_at = float("-inf")
        self._blocks: dict[str, Block | None] = {}
        self._used: dict[str, _Used] = {}
        self._asked: set[tuple[str, str]] = set()
        self._turn = asyncio.Lock()

    async def of(self, project: str, name: str = "") -> Connection:
        """Connect to an Argo CD of a project: its own of that name before the one all projects may use.

        Raises NotFound when there is no such block, Invalid when it cannot be used, Refused when it would send its
        token over plain http.
        """
        async with self._turn:
            now = monotonic()
            # Whoever asks for the first time may have saved a block a moment ago.
            patience = CLUSTER_SECONDS if (project, name) in self._asked else NEW_SECONDS
            if now - self._read_at > patience:
                self._blocks, self._read_at = await _read(), now
                await self._close_unused(now)
            block = _found(self._blocks, project, name)
            mark = identity(block)
            if mark not in self._used:
                connection: Connection = await asyncio.to_thread(block.connect)
                if not self._allow_plain_http:
                    refuse_in_clear(connection.asking)
                self._used[mark] = _Used(connection, now)
            self._used[mark].at = now
            self._asked.add((project, name))
            return self._used[mark].connection

    async def close(self) -> None:
        """Close all connections."""
        used, self._used = self._used, {}
        await asyncio.gather(*(each.connection.close() for each in used.values()))

    async def _close_unused(self, now: float) -> None:
        for mark in [mark for mark, each in self._used.items() if now - each.at > UNUSED_SECONDS]:
            await self._used.pop(mark).connection.close()


async def _read() -> dict[str, Block | None]:
    """Read all blocks by name; None for one that somebody saved unfit."""
    async with get_client() as client:
        documents = await read_documents(client, KINDS)
    found: dict[str, Block | None] = {}
    order = list(KINDS)
    for each in sorted(documents, key=lambda each: order.index(each["block_type"]["slug"])):
        try:
            block = KINDS[each["block_type"]["slug"]].model_validate(each["data"])
        except ValidationError:
            block = None
        found.setdefault(each["name"], block)
    return found


def _found(blocks: dict[str, Block | None], project: str, name: str) -> Block:
    own = block_name(project, f"argocd-{name}" if name else "argocd")
    shared = name or DEFAULT
    which = f"Argo CD {name!r}" if name else "Argo CD"
    for each in (own, shared):
        if each in blocks:
            if block := blocks[each]:
                return block
            raise Invalid(f"the Prefect block {each!r} of {which} is not complete: correct it")
    raise NotFound(
        f"no {which} is known for project {project!r}: save a Prefect block 'drayage-argocd/{shared}' or "
        f"'drayage-argocd-api/{shared}' (or one named {own!r})"
    )
