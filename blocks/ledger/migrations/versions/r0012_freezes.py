"""Projects can be frozen, and a promotion may have been let past that by breaking the glass."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty; no promotion broke any glass before."""
    op.create_table(
        "freezes",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", name="pk_freezes"),
    )
    op.add_column("promotions", sa.Column("break_glass", sa.Boolean(), nullable=False, server_default=sa.false()))
