"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and make the audit trail append-only."""
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        _forbid_on_sqlite()
    else:
        _forbid_on_postgresql()


def _forbid_on_sqlite() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_forbids_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )


def _forbid_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_forbids_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def _create_tables() -> None:
    op.create_table(
        "approvals",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("freight", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "freight", "stage", name="pk_approvals"),
    )
    op.create_index("ix_approvals_project_stage", "approvals", ["project", "stage"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_project_id", "audit", ["project", "id"], unique=False)
    op.create_index("ix_audit_project_subject_id", "audit", ["project", "subject", "id"], unique=False)
    op.create_index("ix_audit_project_type_id", "audit", ["project", "type", "id"], unique=False)
    op.create_table(
        "cache",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("put_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_cache"),
    )
    op.create_index("ix_cache_scope_put_at_key", "cache", ["scope", "put_at", "key"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("promotion", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authenticated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project", "promotion", "actor", name="pk_decisions"),
    )
    op.create_table(
        "definition_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_definition_history"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_definition_history_kind_project_name_id",
        "definition_history",
        ["kind", "project", "name", "id"],
        unique=False,
    )
    op.create_table(
        "definitions",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "project", "name", name="pk_definitions"),
    )
    op.create_index("ix_definitions_project_kind_name", "definitions", ["project", "kind", "name"], unique=False)
    op.create_table(
        "freight",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("discovered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_freight"),
        sa.UniqueConstraint("project", "alias", name="uq_freight_project_alias"),
    )
    op.create_index("ix_freight_newest", "freight", ["project", "discovered_at", "name"], unique=False)
    op.create_index(
        "ix_freight_newest_of_origin", "freight", ["project", "origin", "discovered_at", "name"], unique=False
    )
    op.create_table(
        "holds",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("freight", sa.String(), nullable=False),
        sa.Column("promotion", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "stage", "origin", name="pk_holds"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "promotions",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("freight", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("vars", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("collection", sa.JSON(), nullable=False),
        sa.Column("health_checks", sa.JSON(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", "name", name="pk_promotions"),
    )
    op.create_index("ix_promotions_newest", "promotions", ["project", "created_at", "name"], unique=False)
    op.create_index(
        "ix_promotions_newest_of_freight",
        "promotions",
        ["project", "stage", "freight", "created_at", "name"],
        unique=False,
    )
    op.create_index(
        "ix_promotions_newest_of_stage", "promotions", ["project", "stage", "created_at", "name"], unique=False
    )
    op.create_index(
        "ix_promotions_open",
        "promotions",
        ["created_at", "name"],
        unique=False,
        postgresql_where=sa.text("phase IN ('Pending', 'Running')"),
        sqlite_where=sa.text("phase IN ('Pending', 'Running')"),
    )
    op.create_index(
        "uq_promotions_flow_run_id",
        "promotions",
        ["flow_run_id"],
        unique=True,
        postgresql_where=sa.text("flow_run_id IS NOT NULL"),
        sqlite_where=sa.text("flow_run_id IS NOT NULL"),
    )
    op.create_index(
        "uq_promotions_running",
        "promotions",
        ["project", "stage"],
        unique=True,
        postgresql_where=sa.text("phase = 'Running'"),
        sqlite_where=sa.text("phase = 'Running'"),
    )
    op.create_table(
        "step_runs",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("promotion", sa.String(), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("uses", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("output", sa.JSON(), nullable=False),
        sa.Column("continue_on_error", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project", "promotion", "index", name="pk_step_runs"),
    )
    op.create_table(
        "verifications",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("collection", sa.JSON(), nullable=False),
        sa.Column("promotion", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", "id", name="pk_verifications"),
    )
    op.create_index(
        "ix_verifications_newest_of_stage", "verifications", ["project", "stage", "started_at", "id"], unique=False
    )
    op.create_index(
        "uq_verifications_open",
        "verifications",
        ["project", "stage"],
        unique=True,
        postgresql_where=sa.text("phase IN ('Pending', 'Running')"),
        sqlite_where=sa.text("phase IN ('Pending', 'Running')"),
    )
    op.create_table(
        "visits",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("freight", sa.String(), nullable=False),
        sa.Column("promotion", sa.String(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("soak", sa.Float(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_visits_project_freight_stage", "visits", ["project", "freight", "stage"], unique=False)
    op.create_index("ix_visits_project_stage_id", "visits", ["project", "stage", "id"], unique=False)
    op.create_index(
        "uq_visits_open",
        "visits",
        ["project", "stage", "origin"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
        sqlite_where=sa.text("left_at IS NULL"),
    )
    op.create_index(
        "uq_visits_passing",
        "visits",
        ["project", "stage", "freight"],
        unique=True,
        postgresql_where=sa.text("promotion = '' AND removed_at IS NULL"),
        sqlite_where=sa.text("promotion = '' AND removed_at IS NULL"),
    )
    op.create_table(
        "warehouses",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("observed_generation", sa.Integer(), nullable=False),
        sa.Column("discovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discovered", sa.JSON(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("last_freight", sa.String(), nullable=False),
        sa.Column("refresh_requested", sa.String(), nullable=False),
        sa.Column("refresh_handled", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_warehouses"),
    )
