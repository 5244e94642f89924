"""What steps may change in the ledger: names of Freight, metadata, the audit trail. Nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from blocks.errors import Conflict, NotFound, Refused
from blocks.ledger.records import AuditEvent, FreightRecord, PromotionRecord
from flows.freight.by_hand import check_alias
from flows.publish import publish_stage
from flows.world import World

Json = dict[str, Any]


async def rename_freight(here: World, project: str, freight: str, alias: str, actor: str) -> FreightRecord:
    """Give Freight, named by name or alias, another alias; the old one means nothing from then on.

    Raises Invalid for what cannot be an alias, NotFound for unknown Freight, Conflict when the alias is another's.
    """
    check_alias(alias)
    found = await here.ledger.freight.find(project, freight)
    renamed = await here.ledger.freight.set_alias(project, found.name, alias, actor, datetime.now(UTC))
    standing = (await here.ledger.stages.standings(project, [found.name]))[found.name]
    for stage in standing.currently_in:
        await publish_stage(here, project, stage)
    return renamed


@dataclass(frozen=True)
class ControlPlane:
    """The ledger as the steps of one Promotion may change it, in the name of who asked for the Promotion."""

    here: World
    record: PromotionRecord

    async def rename_freight(self, freight: str, alias: str) -> None:
        """Give the Freight of a name another alias. Raises NotFound without it, Refused when the alias is another's."""
        project = self.record.project
        if freight not in await self.here.ledger.freight.many(project, [freight]):
            raise NotFound(f"project {project!r} has no Freight of the name {freight!r}")
        try:
            await rename_freight(self.here, project, freight, alias, self.record.actor)
        except Conflict as conflict:
            if await self._is_taken(alias):
                raise Refused(str(conflict)) from None
            raise

    async def _is_taken(self, alias: str) -> bool:
        try:
            return (await self.here.ledger.freight.find(self.record.project, alias)).alias == alias
        except NotFound:
            return False

    async def put_metadata(self, kind: str, name: str, values: Json) -> None:
        """Merge keys into the metadata of a `Stage` or `Freight`. Raises NotFound when there is none of that name."""
        project, notes, now = self.record.project, self.here.ledger.notes, datetime.now(UTC)
        if kind == "Freight":
            await notes.put_on_freight(project, name, values, self.record.actor, now)
            return
        if await self.here.ledger.definitions.get("Stage", project, name) is None:
            raise NotFound(f"project {project!r} has no Stage {name!r}; list what there is: drayage get stages")
        await notes.put_on_stage(project, name, values, self.record.actor, now)

    async def record_event(self, step: str, type: str, message: str, actor: str, data: Json) -> bool:
        """Add to the audit trail what a step says, once; False when it has said it before."""
        told = {**data, "promotion": self.record.name, "step": step, "promotedBy": self.record.actor}
        subject = f"Promotion/{self.record.name}"
        who = actor or self.record.actor
        return await self.here.ledger.audit.record_once(
            AuditEvent(self.record.project, type, subject, who, message, datetime.now(UTC), told)
        )
