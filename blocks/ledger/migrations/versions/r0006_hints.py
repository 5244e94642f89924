"""Refreshes of Warehouses are kept with what they mean; leases know since when they are held."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. A refresh asked for before has no hint, so all of its Warehouse is looked at."""
    op.add_column("warehouses", sa.Column("refreshes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("leases", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
