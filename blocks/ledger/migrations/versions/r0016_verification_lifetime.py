"""Verifications may say until when their measurements are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time, and find what is over by it."""
    op.add_column("verifications", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    expiring = sa.text("expires_at IS NOT NULL")
    op.create_index(
        "ix_verifications_expiring",
        "verifications",
        ["expires_at"],
        postgresql_where=expiring,
        sqlite_where=expiring,
    )
