"""Promotions tell what they wait for while no run works on them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; none has left its worker before."""
    op.add_column("promotions", sa.Column("waiting_for", sa.JSON(), nullable=False, server_default="{}"))
