"""Promotions know whether they go back, and from what; at most one is made of a failure by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AUTOMATIC = sa.text("rollback <> '' AND actor = 'controller:drayage' AND target = ''")
FAILED = sa.text("phase IN ('Failed', 'Errored')")
UNVERIFIED = sa.text("phase IN ('Failed', 'Error')")


def upgrade() -> None:
    """Add the column, by which no promotion before was a rollback, and indexes by which failures are found."""
    op.add_column("promotions", sa.Column("rollback", sa.String(), nullable=False, server_default=""))
    op.create_index(
        "uq_promotions_rollback",
        "promotions",
        ["project", "stage", "rollback"],
        unique=True,
        postgresql_where=AUTOMATIC,
        sqlite_where=AUTOMATIC,
    )
    op.create_index("ix_promotions_failed", "promotions", ["finished_at"], postgresql_where=FAILED, sqlite_where=FAILED)
    op.create_index(
        "ix_verifications_failed",
        "verifications",
        ["finished_at"],
        postgresql_where=UNVERIFIED,
        sqlite_where=UNVERIFIED,
    )
