"""One open promotion by Drayage itself per Freight and Stage; promotions are found by Freight."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AUTOMATIC = sa.text("actor = 'controller:drayage' AND phase IN ('Pending', 'Running')")


def upgrade() -> None:
    """End doubles that raced before, oldest kept, then forbid them; turn the index on Freight around."""
    op.execute(
        sa.text(
            "UPDATE promotions SET phase = 'Aborted', message = 'another Promotion of this Freight was under way' "
            "WHERE actor = 'controller:drayage' AND phase = 'Pending' AND EXISTS (SELECT 1 FROM promotions AS other "
            "WHERE other.project = promotions.project AND other.stage = promotions.stage "
            "AND other.freight = promotions.freight AND other.actor = promotions.actor "
            "AND (other.phase = 'Running' OR (other.phase = 'Pending' AND other.name < promotions.name)))"
        )
    )
    op.create_index(
        "uq_promotions_automatic",
        "promotions",
        ["project", "stage", "freight"],
        unique=True,
        postgresql_where=AUTOMATIC,
        sqlite_where=AUTOMATIC,
    )
    op.drop_index("ix_promotions_newest_of_freight", "promotions")
    op.create_index(
        "ix_promotions_newest_of_freight",
        "promotions",
        ["project", "freight", "stage", "created_at", "name"],
        unique=False,
    )
