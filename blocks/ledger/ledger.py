"""The ledger: the one place where Drayage remembers."""

from typing import Self

from blocks.ledger.audit import Audit
from blocks.ledger.budgets import BudgetStates
from blocks.ledger.cache import Cache
from blocks.ledger.changes import Changes
from blocks.ledger.database import Database
from blocks.ledger.definitions import Definitions
from blocks.ledger.freezes import Freezes
from blocks.ledger.freight import FreightShelf
from blocks.ledger.gate_answers import GateAnswers
from blocks.ledger.healths import Healths
from blocks.ledger.leases import Leases
from blocks.ledger.migrate import migrate
from blocks.ledger.notes import Notes
from blocks.ledger.overview import Overviews
from blocks.ledger.promotions import Promotions
from blocks.ledger.registry_index import RegistryIndex
from blocks.ledger.retention import Retention
from blocks.ledger.rollbacks import Rollbacks
from blocks.ledger.stages import Stages
from blocks.ledger.verifications import Verifications
from blocks.ledger.warehouses import Warehouses


class Ledger:
    """What was declared, found, promoted, verified and decided, on one database.

    Every method raises Unreachable, Unavailable or Conflict (all retryable) when the database failed it.
    """

    def __init__(self, database: Database) -> None:
        """Lay the parts over a database that is migrated already; `open` does both."""
        self.database = database
        self.definitions = Definitions(database)
        self.warehouses = Warehouses(database)
        self.freight = FreightShelf(database)
        self.stages = Stages(database)
        self.freezes = Freezes(database)
        self.promotions = Promotions(database)
        self.verifications = Verifications(database)
        self.healths = Healths(database)
        self.notes = Notes(database)
        self.audit = Audit(database)
        self.gates = GateAnswers(database)
        self.changes = Changes(database)
        self.budgets = BudgetStates(database)
        self.cache = Cache(database)
        self.index = RegistryIndex(database)
        self.leases = Leases(database)
        self.retention = Retention(database)
        self.overview = Overviews(database)
        self.rollbacks = Rollbacks(database)

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the ledger at `sqlite:///PATH` or `postgresql://…`, and bring its schema up to date.

        Raises Invalid for a URL of neither kind, Refused when a newer Drayage has used the database.
        """
        database = Database(url)
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def close(self) -> None:
        """Close this event loop's connections."""
        await self.database.close()
