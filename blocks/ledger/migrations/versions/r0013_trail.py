"""The trail is found by Stage, Freight and Promotion; decisions keep who vouched for whom; gates tell changes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = ("stage", "freight", "promotion")


def upgrade() -> None:
    """Add the columns, filled from what each line says already, and a table of the gates' last answers."""
    for name in COLUMNS:
        op.add_column("audit", sa.Column(name, sa.String(), nullable=False, server_default=""))
    _fill()
    for name in COLUMNS:
        op.create_index(f"ix_audit_project_{name}_id", "audit", ["project", name, "id"])
    op.create_index("ix_audit_project_at_id", "audit", ["project", "at", "id"])
    op.add_column("decisions", sa.Column("identity", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "gate_answers",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("freight", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "stage", "about", name="pk_gate_answers"),
    )


def _fill() -> None:
    """Fill the columns. What forbids changes of the trail is away meanwhile, within this transaction."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_forbids_update")
        _update("json_extract(data, '$.{}')", "substr(subject, instr(subject, '/') + 1)")
        op.execute(
            "CREATE TRIGGER audit_forbids_update BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
    else:
        op.execute("ALTER TABLE audit DISABLE TRIGGER audit_forbids_change")
        _update("data ->> '{}'", "substr(subject, strpos(subject, '/') + 1)")
        op.execute("ALTER TABLE audit ENABLE TRIGGER audit_forbids_change")


def _update(member: str, name: str) -> None:
    changes = ", ".join(
        f"{column} = CASE WHEN subject LIKE '{column.capitalize()}/%' THEN {name} "
        f"ELSE COALESCE({member.format(column)}, '') END"
        for column in COLUMNS
    )
    op.execute(f"UPDATE audit SET {changes}")  # noqa: S608 - made of the constants here
