"""Tags and images of registries have tables of their own; what the cache held of them is read again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index of registries, empty."""
    op.create_table(
        "registry_tags",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("repository", "tag", name="pk_registry_tags"),
    )
    op.create_index(
        "ix_registry_tags_repository_confirmed_at_tag",
        "registry_tags",
        ["repository", "confirmed_at", "tag"],
        unique=False,
    )
    op.create_table(
        "registry_images",
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("platforms", sa.Text(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("repository", "digest", name="pk_registry_images"),
    )
    op.create_index(
        "ix_registry_images_repository_read_at_digest",
        "registry_images",
        ["repository", "read_at", "digest"],
        unique=False,
    )
    op.execute(sa.text("DELETE FROM cache WHERE scope LIKE 'image:%'"))
