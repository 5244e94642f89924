"""What every part of the ledger is made of."""

from blocks.ledger.database import Database


class Part:
    """A few tables and the transactions over them."""

    def __init__(self, database: Database) -> None:
        """Keep the database; nothing is opened yet."""
        self._database = database
