"""What expressions may look up beside Freight: ConfigMaps, generic Secrets, metadata. Read only when they are named."""

import asyncio

from prefect.client.orchestration import get_client

from blocks.config_maps import read_config_maps
from blocks.credentials import SHARED
from flows.promotion.environment import Preloaded
from flows.world import World


async def read_data(here: World, project: str, text: str) -> Preloaded:
    """Read what a promotion's or verification's `text` mentions by a function's name; nothing else is fetched."""
    secrets = "ecret(" in text
    maps = "onfigMap(" in text
    own, shared = await _config_maps(project) if maps else ({}, {})
    freight = await here.ledger.freight.list(project, limit=500) if "freightMetadata(" in text else []
    own_secrets, shared_secrets = (
        await asyncio.gather(here.generic_secrets(project), here.generic_secrets(project, shared=True))
        if secrets
        else ({}, {})
    )
    return Preloaded(
        config_maps=own,
        shared_config_maps=shared,
        secrets=own_secrets,
        shared_secrets=shared_secrets,
        freight={each.name: each.metadata for each in freight},
    )


async def _config_maps(project: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    async with get_client() as client:
        return await read_config_maps(client, project), await read_config_maps(client, SHARED)
