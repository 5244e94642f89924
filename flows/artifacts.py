"""Artifacts that show how things are: rewritten when they changed, left alone when not."""

import asyncio
import re
from collections.abc import Sequence
from hashlib import sha256

from prefect.artifacts import Artifact
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey

AT_ONCE = 50
"""Artifacts that are read in one request."""

WRITTEN_AT_ONCE = 8
"""Artifacts that are written at the same time."""

_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def key(*parts: str) -> str:
    """Name an artifact as Prefect allows: lower-case letters, digits and dashes, two dashes between the parts.

    Different parts give different names: where a part says more than a name may, a digest of all follows after three
    dashes.
    """
    if all(_PLAIN.fullmatch(part) for part in parts):
        return "--".join(parts)
    said = "--".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in parts).strip("-")
    return f"{said}---{sha256(repr(parts).encode()).hexdigest()[:16]}"


async def renew(artifacts: Sequence[Artifact]) -> int:
    """Write those artifacts of which Prefect has another version last, or none. Returns how many these were."""
    wanted = {artifact.key: artifact for artifact in artifacts if artifact.key}
    if not wanted:
        return 0
    async with get_client() as client:
        known = await _known(client, list(wanted))
        fresh = [each for name, each in wanted.items() if known.get(name) != (each.description, await each.aformat())]
        gate = asyncio.Semaphore(WRITTEN_AT_ONCE)

        async def write(artifact: Artifact) -> None:
            async with gate:
                await artifact.acreate(client)

        await asyncio.gather(*map(write, fresh))
    return len(fresh)


async def _known(client: PrefectClient, keys: Sequence[str]) -> dict[str | None, tuple[str | None, object]]:
    found: dict[str | None, tuple[str | None, object]] = {}
    for start in range(0, len(keys), AT_ONCE):
        page = list(keys[start : start + AT_ONCE])
        chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=page))
        for each in await client.read_latest_artifacts(artifact_filter=chosen, limit=AT_ONCE):
            found[each.key] = each.description, each.data
    return found
