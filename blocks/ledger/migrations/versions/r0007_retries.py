"""Promotions know how often they were retried."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no promotion was retried before."""
    op.add_column("promotions", sa.Column("retries", sa.Integer(), nullable=False, server_default="0"))
