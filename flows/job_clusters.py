"""The clusters in which Jobs of verifications run: found by the names of their Prefect blocks."""

import asyncio
from dataclasses import dataclass
from time import monotonic

from prefect.exceptions import ObjectNotFound

from blocks.argocd_block import identity, refuse_in_clear
from blocks.credentials import block_name
from blocks.errors import NotFound
from blocks.kubernetes_block import KubernetesConnection
from blocks.kubernetes_jobs import Jobs

READ_AGAIN_SECONDS = 15.0
"""How long a connection is used before its block is read again."""

UNUSED_SECONDS = 900.0
"""After this long without use a connection is closed, such as one whose block says something else by now."""


@dataclass
class _Used:
    jobs: Jobs
    at: float


class JobClusters:
    """Connections by what their blocks say, so that projects share them and a changed block makes a new one."""

    def __init__(self, *, allow_plain_http_credentials: bool = False) -> None:
        """Begin with none."""
        self._allow_plain_http = allow_plain_http_credentials
        self._known: dict[str, tuple[float, str]] = {}
        self._used: dict[str, _Used] = {}
        self._turn = asyncio.Lock()

    async def of(self, project: str) -> Jobs:
        """Connect: block `drayage-kubernetes/<project>-kubernetes`, else `default`.

        Raises NotFound without one, Refused for one that would send its token over plain http.
        """
        async with self._turn:
            now = monotonic()
            await self._close_unused(now)
            read_at, mark = self._known.get(project, (float("-inf"), ""))
            if mark not in self._used or now - read_at > READ_AGAIN_SECONDS:
                mark = await self._opened(await _block(project), now)
                self._known[project] = now, mark
            self._used[mark].at = now
            return self._used[mark].jobs

    async def close(self) -> None:
        """Close all connections."""
        used, self._used = self._used, {}
        await asyncio.gather(*(each.jobs.close() for each in used.values()))

    async def _opened(self, block: KubernetesConnection, now: float) -> str:
        mark = identity(block)
        if mark not in self._used:
            jobs = await asyncio.to_thread(block.jobs)
            if not self._allow_plain_http:
                refuse_in_clear(jobs.asking)
            self._used[mark] = _Used(jobs, now)
        return mark

    async def _close_unused(self, now: float) -> None:
        for mark in [mark for mark, each in self._used.items() if now - each.at > UNUSED_SECONDS]:
            await self._used.pop(mark).jobs.close()


async def _block(project: str) -> KubernetesConnection:
    own = block_name(project, "kubernetes")
    for name in (own, "default"):
        try:
            block: KubernetesConnection = await KubernetesConnection.aload(name)
        except ValueError as error:
            if not isinstance(error.__cause__, ObjectNotFound):
                raise
        else:
            return block
    raise NotFound(
        f"no cluster for Jobs is known for project {project!r}: save a Prefect block 'drayage-kubernetes/default' "
        f"(or 'drayage-kubernetes/{own}')"
    )
