"""What expressions may look up beside Freight: ConfigMaps, generic Secrets, metadata. Read only when they are named."""

import asyncio

from flows.notes import Notes
from flows.promotion.environment import Preloaded
from flows.world import World


async def read_data(here: World, notes: Notes) -> Preloaded:
    """Read what a promotion's or verification's text mentions by a function's name; nothing else is fetched.

    What steps note changes while they run: `notes.renew` brings it up to date.
    """
    project, text = notes.project, notes.text
    secrets = "ecret(" in text
    maps = "onfigMap(" in text
    own, shared = await here.config_maps(project) if maps else ({}, {})
    own_secrets, shared_secrets = (
        await asyncio.gather(here.generic_secrets(project), here.generic_secrets(project, shared=True))
        if secrets
        else ({}, {})
    )
    await notes.renew()
    return Preloaded(
        config_maps=own,
        shared_config_maps=shared,
        secrets=own_secrets,
        shared_secrets=shared_secrets,
        freight=notes.freight,
        stages=notes.stages,
        statuses=notes.statuses,
    )
