"""What the sweep asks of all projects is answered by indexes alone, however long promotions' histories are."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

LAST_WORDS = {
    "ix_promotions_newest_of_stage": ["project", "stage", "created_at", "name", "phase", "target"],
    "ix_promotions_newest_of_freight": ["project", "freight", "stage", "created_at", "name", "phase", "target"],
}


def upgrade() -> None:
    """Let two indexes say how promotions ended, and find the aborted ones by time."""
    for name, columns in LAST_WORDS.items():
        op.drop_index(name, "promotions")
        op.create_index(name, "promotions", columns)
    aborted = sa.text("phase = 'Aborted'")
    op.create_index(
        "ix_promotions_aborted", "promotions", ["finished_at"], postgresql_where=aborted, sqlite_where=aborted
    )
