"""What expressions read of Freight and Stages, as the ledger has it when a step begins."""

from dataclasses import dataclass, field
from typing import Any

from flows.freight.status import freight_status
from flows.stage.stable import read_stage_metadata
from flows.world import World

Json = dict[str, Any]

NEWEST = 500
"""Freight of a project that can be asked about, beside what is being promoted."""


@dataclass(frozen=True)
class Notes:
    """Metadata and standing, by name; `renew` reads again whatever `text`, steps and variables, mentions."""

    here: World
    project: str
    text: str
    names: tuple[str, ...] = ()
    freight: dict[str, Json] = field(default_factory=dict)
    statuses: dict[str, Json] = field(default_factory=dict)
    stages: dict[str, Json] = field(default_factory=dict)

    async def renew(self) -> None:
        """Read again, in place, so that the functions made before see it."""
        if "stageMetadata(" in self.text:
            _replace(self.stages, await read_stage_metadata(self.here.ledger, self.project))
        if "freightMetadata(" in self.text or "freightStatus(" in self.text:
            await self._renew_freight()

    async def _renew_freight(self) -> None:
        shelf = self.here.ledger.freight
        found = {each.name: each for each in await shelf.list(self.project, limit=NEWEST)}
        found |= await shelf.many(self.project, self.names)
        _replace(self.freight, {each.name: each.metadata for each in found.values() if each.metadata})
        if "freightStatus(" in self.text:
            standings = await self.here.ledger.stages.standings(self.project, list(found))
            _replace(self.statuses, {name: freight_status(each, standings[name]) for name, each in found.items()})


def _replace(known: dict[str, Json], new: dict[str, Json]) -> None:
    known.clear()
    known.update(new)
