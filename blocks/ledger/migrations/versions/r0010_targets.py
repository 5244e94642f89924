"""Promotions may be for one target of a Stage; one runs at a time for each."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNNING = "phase = 'Running'"
AUTOMATIC = "actor = 'controller:drayage' AND phase IN ('Pending', 'Running') AND target = ''"


def upgrade() -> None:
    """Add the columns; no promotion was for a target before. The constraints leave those for targets room."""
    op.add_column("promotions", sa.Column("request", sa.String(), nullable=False, server_default=""))
    op.add_column("promotions", sa.Column("target", sa.String(), nullable=False, server_default=""))
    op.add_column("promotions", sa.Column("targets", sa.JSON(), nullable=True))
    op.drop_index("uq_promotions_running", "promotions")
    op.drop_index("uq_promotions_automatic", "promotions")
    _only("uq_promotions_running", ["project", "stage", "target"], RUNNING)
    _only("uq_promotions_automatic", ["project", "stage", "freight"], AUTOMATIC)
    _only("uq_promotions_target", ["project", "request", "target"], "target <> ''")


def _only(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "promotions", columns, unique=True, postgresql_where=condition, sqlite_where=condition)
