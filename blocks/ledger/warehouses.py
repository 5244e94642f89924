"""What discovery last saw of each Warehouse, and who asked it to look again."""

from datetime import datetime

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.leases import Leases
from blocks.ledger.part import Part
from blocks.ledger.records import WarehouseStatus
from blocks.ledger.tables import warehouses


class Warehouses(Part):
    """Statuses of Warehouses, and a lease on each so that two sensors do not discover it at once."""

    async def statuses(self, project: str | None = None, limit: int = 10_000) -> dict[tuple[str, str], WarehouseStatus]:
        """Return statuses by (project, name), of one project where given."""
        query = sa.select(*rows.columns(warehouses, WarehouseStatus)).limit(limit)
        if project is not None:
            query = query.where(warehouses.c.project == project)
        async with self._database.read() as connection:
            found = await rows.every(connection, WarehouseStatus, query)
        return {(status.project, status.name): status for status in found}

    async def status(self, project: str, name: str) -> WarehouseStatus:
        """Return one status, an empty one when the Warehouse was never looked at."""
        query = sa.select(*rows.columns(warehouses, WarehouseStatus))
        query = query.where(warehouses.c.project == project, warehouses.c.name == name)
        async with self._database.read() as connection:
            return await rows.first(connection, WarehouseStatus, query) or WarehouseStatus(project, name)

    async def record(self, status: WarehouseStatus, now: datetime) -> None:
        """Keep what discovery saw. `refresh_requested` stays what it is: somebody may have asked meanwhile."""
        seen = rows.values(status) | {"updated_at": now}
        key = {"project": seen.pop("project"), "name": seen.pop("name")}
        del seen["refresh_requested"]
        async with self._database.write() as connection:
            adding = rows.insert(connection, warehouses).values(**key, **seen, refresh_requested="")
            await connection.execute(adding.on_conflict_do_update(index_elements=list(key), set_=seen))

    async def request_refresh(self, project: str, name: str, token: str, now: datetime) -> None:
        """Ask discovery to look again; done when `refresh_handled` equals the token."""
        asked = {"refresh_requested": token, "updated_at": now}
        empty = rows.values(WarehouseStatus(project, name)) | asked
        async with self._database.write() as connection:
            adding = rows.insert(connection, warehouses).values(empty)
            await connection.execute(adding.on_conflict_do_update(index_elements=["project", "name"], set_=asked))

    async def claim(self, project: str, name: str, owner: str, until: datetime, now: datetime) -> bool:
        """Claim a Warehouse for one discovery; False while another's claim is live."""
        return await Leases(self._database).take(_lease(project, name), owner, until, now)

    async def release(self, project: str, name: str, owner: str) -> None:
        """Give the claim back."""
        await Leases(self._database).drop(_lease(project, name), owner)


def _lease(project: str, name: str) -> str:
    return f"Warehouse/{project}/{name}"
