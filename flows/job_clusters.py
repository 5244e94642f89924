"""The clusters in which Jobs of verifications run: found by the names of their Prefect blocks."""

import asyncio
from time import monotonic

from prefect.exceptions import ObjectNotFound

from blocks.argocd_block import identity
from blocks.credentials import block_name
from blocks.errors import NotFound
from blocks.kubernetes_block import KubernetesConnection
from blocks.kubernetes_jobs import Jobs

READ_AGAIN_SECONDS = 15.0
"""How long a connection is used before its block is read again."""


class JobClusters:
    """One connection for each project that runs Jobs, renewed when its block says something else."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[str, tuple[float, str, Jobs]] = {}

    async def of(self, project: str) -> Jobs:
        """Connect: block `drayage-kubernetes/<project>-kubernetes`, else `default`. Raises NotFound without one."""
        now = monotonic()
        read_at, mark, jobs = self._known.get(project, (float("-inf"), "", None))
        if jobs is None or now - read_at > READ_AGAIN_SECONDS:
            block = await _block(project)
            if jobs is None or identity(block) != mark:
                jobs = await asyncio.to_thread(block.jobs)
            self._known[project] = (now, identity(block), jobs)
        return jobs


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
