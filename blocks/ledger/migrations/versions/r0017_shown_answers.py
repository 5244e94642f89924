"""Which answers of gates the pages of their Stages do not show yet."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark, and find what lacks it. What was answered before counts as shown."""
    op.add_column("gate_answers", sa.Column("shown", sa.Boolean, nullable=False, server_default=sa.true()))
    fresh = sa.text("NOT shown")
    op.create_index(
        "ix_gate_answers_fresh", "gate_answers", ["project", "stage"], postgresql_where=fresh, sqlite_where=fresh
    )
