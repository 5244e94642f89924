"""Verifications are found by the promotion they go with when that is collected."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_verifications_project_promotion", "verifications", ["project", "promotion"], unique=False)
