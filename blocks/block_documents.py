"""Reading many Prefect blocks of some types at once."""

from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import PrefectClient

PAGE = 200
MOST = 5_000


async def read_documents(client: PrefectClient, slugs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Read all saved blocks whose types' slugs are keys, secrets included, in as many pages as they have."""
    found: list[dict[str, Any]] = []
    while len(found) < MOST:
        wanted = {"block_types": {"slug": {"any_": list(slugs)}}, "block_documents": {"is_anonymous": {"eq_": False}}}
        page = {"include_secrets": True, "limit": PAGE, "offset": len(found)}
        documents = (await client.request("POST", "/block_documents/filter", json=wanted | page)).json()
        found += documents
        if len(documents) < PAGE:
            break
    return found
