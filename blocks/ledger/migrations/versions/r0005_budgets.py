"""What hosts grant each credential is kept, and which of these each Warehouse asks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add table and column. Which budgets a Warehouse asks is known after its next look."""
    op.create_table(
        "budgets",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=True),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("backing_off_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "host", "credential", name=op.f("pk_budgets")),
    )
    op.create_index("ix_budgets_seen_at", "budgets", ["seen_at"], unique=False)
    op.add_column("warehouses", sa.Column("budgets", sa.JSON(), nullable=False, server_default="[]"))
