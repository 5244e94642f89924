"""The ledger's tables. `migrations` builds them; a test holds that both agree."""

from typing import Any

import sqlalchemy as sa

from blocks.ledger.column_types import Choice, Utc, Words
from blocks.ledger.records import CONTROLLER, Phase, StepStatus, VerificationPhase

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, primary_key=True)


def _name(name: str, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False, index=index)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, Words, nullable=False)


def _time(name: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, Utc, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON, nullable=False)


def _serial() -> sa.Column[int]:
    wide = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", wide, primary_key=True, autoincrement=True)


def _only(name: str, *columns: Any, where: str) -> sa.Index:
    """A unique index over the rows a condition names."""
    return sa.Index(name, *columns, unique=True, postgresql_where=sa.text(where), sqlite_where=sa.text(where))


definitions = sa.Table(
    "definitions",
    metadata,
    _key("kind"),
    _key("project"),
    _key("name"),
    _json("manifest"),
    _number("generation"),
    _time("created_at"),
    _time("updated_at"),
    sa.Index("ix_definitions_project_kind_name", "project", "kind", "name"),
)

definition_history = sa.Table(
    "definition_history",
    metadata,
    _serial(),
    _name("kind"),
    _name("project"),
    _name("name"),
    _json("manifest"),
    _number("generation"),
    _flag("deleted"),
    _name("actor"),
    _time("at"),
    sa.Index("ix_definition_history_kind_project_name_id", "kind", "project", "name", "id"),
    sqlite_autoincrement=True,
)

warehouses = sa.Table(
    "warehouses",
    metadata,
    _key("project"),
    _key("name"),
    _number("observed_generation"),
    _time("discovered_at", nullable=True),
    _json("discovered"),
    _json("conditions"),
    _name("last_freight"),
    _name("refresh_requested"),
    _name("refresh_handled"),
    _json("refreshes"),
    # Which budgets it asks: lists of kind, host and credential.
    _json("budgets"),
    _time("updated_at"),
)

freight = sa.Table(
    "freight",
    metadata,
    _key("project"),
    _key("name"),
    _name("alias"),
    _name("origin"),
    _json("content"),
    _time("discovered_at"),
    _time("created_at"),
    _json("metadata"),
    sa.UniqueConstraint("project", "alias"),
    sa.Index("ix_freight_newest", "project", "discovered_at", "name"),
    sa.Index("ix_freight_newest_of_origin", "project", "origin", "discovered_at", "name"),
)

visits = sa.Table(
    "visits",
    metadata,
    _serial(),
    _name("project"),
    _name("stage"),
    _name("origin"),
    _name("freight"),
    _name("promotion"),
    _time("entered_at"),
    _time("verified_at", nullable=True),
    _time("left_at", nullable=True),
    # Seconds from entering to leaving, kept only when the Freight was verified in the Stage when it left.
    sa.Column("soak", sa.Float, nullable=True),
    # Set when the Stage was deleted: history stays, standing goes.
    _time("removed_at", nullable=True),
    sa.Index("ix_visits_project_freight_stage", "project", "freight", "stage"),
    sa.Index("ix_visits_project_stage_id", "project", "stage", "id"),
    _only("uq_visits_open", "project", "stage", "origin", where="left_at IS NULL"),
    _only("uq_visits_passing", "project", "stage", "freight", where="promotion = '' AND removed_at IS NULL"),
    sqlite_autoincrement=True,
)

approvals = sa.Table(
    "approvals",
    metadata,
    _key("project"),
    _key("freight"),
    _key("stage"),
    _name("actor"),
    _time("approved_at"),
    sa.Index("ix_approvals_project_stage", "project", "stage"),
)

holds = sa.Table(
    "holds",
    metadata,
    _key("project"),
    _key("stage"),
    _key("origin"),
    _name("freight"),
    _name("promotion"),
    _name("actor"),
    _time("created_at"),
)

promotions = sa.Table(
    "promotions",
    metadata,
    _key("project"),
    _key("name"),
    _name("stage"),
    _name("freight"),
    _name("origin"),
    _name("actor"),
    _time("created_at"),
    _words("reason"),
    sa.Column("phase", Choice(Phase), nullable=False),
    _words("message"),
    _json("vars"),
    _json("steps"),
    _json("collection"),
    _json("health_checks"),
    _name("intent"),
    sa.Column("flow_run_id", sa.String, nullable=True),
    _name("owner"),
    _time("lease_until", nullable=True),
    _time("started_at", nullable=True),
    _time("finished_at", nullable=True),
    sa.Column("retries", sa.Integer, nullable=False),
    _json("waiting_for"),
    # Of a Promotion for one target: the request it is a part of. Of a request: its targets as they were then.
    _name("request"),
    _name("target"),
    sa.Column("targets", sa.JSON(none_as_null=True), nullable=True),
    # What a rollback takes back: a Promotion or a verification; empty for all others.
    _name("rollback"),
    _only(
        "uq_promotions_rollback",
        "project",
        "stage",
        "rollback",
        where=f"rollback <> '' AND actor = '{CONTROLLER}' AND target = ''",
    ),
    sa.Index(
        "ix_promotions_failed",
        "finished_at",
        postgresql_where=sa.text("phase IN ('Failed', 'Errored')"),
        sqlite_where=sa.text("phase IN ('Failed', 'Errored')"),
    ),
    _flag("break_glass"),
    _only("uq_promotions_running", "project", "stage", "target", where="phase = 'Running'"),
    _only("uq_promotions_flow_run_id", "flow_run_id", where="flow_run_id IS NOT NULL"),
    sa.Index("ix_promotions_newest", "project", "created_at", "name"),
    sa.Index("ix_promotions_newest_of_stage", "project", "stage", "created_at", "name", "phase", "target"),
    _only(
        "uq_promotions_automatic",
        "project",
        "stage",
        "freight",
        where=f"actor = '{CONTROLLER}' AND phase IN ('Pending', 'Running') AND target = ''",
    ),
    _only("uq_promotions_target", "project", "request", "target", where="target <> ''"),
    sa.Index("ix_promotions_newest_of_freight", "project", "freight", "stage", "created_at", "name", "phase", "target"),
    sa.Index(
        "ix_promotions_aborted",
        "finished_at",
        postgresql_where=sa.text("phase = 'Aborted'"),
        sqlite_where=sa.text("phase = 'Aborted'"),
    ),
    sa.Index(
        "ix_promotions_open",
        "created_at",
        "name",
        postgresql_where=sa.text("phase IN ('Pending', 'Running')"),
        sqlite_where=sa.text("phase IN ('Pending', 'Running')"),
    ),
)

step_runs = sa.Table(
    "step_runs",
    metadata,
    _key("project"),
    _key("promotion"),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    _name("alias"),
    _name("uses"),
    sa.Column("status", Choice(StepStatus), nullable=False),
    _number("attempts"),
    _number("error_count"),
    _time("started_at", nullable=True),
    _time("finished_at", nullable=True),
    _words("message"),
    _json("output"),
    _flag("continue_on_error"),
)

freezes = sa.Table(
    "freezes",
    metadata,
    # Empty for the freeze of all projects.
    _key("project"),
    _words("reason"),
    _name("actor"),
    _time("since"),
    _time("until", nullable=True),
)

stage_metadata = sa.Table(
    "stage_metadata",
    metadata,
    _key("project"),
    _key("stage"),
    _json("metadata"),
)

stage_healths = sa.Table(
    "stage_healths",
    metadata,
    _key("project"),
    _key("stage"),
    _name("status"),
    _json("issues"),
    _json("drift"),
    _name("promotion"),
    _time("since"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _key("project"),
    _key("promotion"),
    _key("actor"),
    _flag("approved"),
    _words("comment"),
    _time("decided_at"),
    _flag("authenticated"),
    # What was vouched for of whom, empty where nobody did.
    _json("identity"),
)

verifications = sa.Table(
    "verifications",
    metadata,
    _key("project"),
    _key("id"),
    _name("stage"),
    _json("collection"),
    _name("promotion"),
    _name("actor"),
    _time("started_at"),
    sa.Column("phase", Choice(VerificationPhase), nullable=False),
    _words("message"),
    _json("metrics"),
    sa.Column("flow_run_id", sa.String, nullable=True),
    _name("owner"),
    _time("lease_until", nullable=True),
    _time("finished_at", nullable=True),
    _time("expires_at", nullable=True),
    _only("uq_verifications_open", "project", "stage", where="phase IN ('Pending', 'Running')"),
    sa.Index("ix_verifications_newest_of_stage", "project", "stage", "started_at", "id"),
    sa.Index("ix_verifications_project_promotion", "project", "promotion"),
    sa.Index(
        "ix_verifications_failed",
        "finished_at",
        postgresql_where=sa.text("phase IN ('Failed', 'Error')"),
        sqlite_where=sa.text("phase IN ('Failed', 'Error')"),
    ),
    sa.Index(
        "ix_verifications_expiring",
        "expires_at",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    ),
)

audit = sa.Table(
    "audit",
    metadata,
    _serial(),
    _name("project"),
    _name("type"),
    _name("subject"),
    _name("actor"),
    _words("message"),
    _time("at"),
    _json("data"),
    # What a line is about, from its subject and data, to be found by; empty where it says nothing of one.
    _name("stage"),
    _name("freight"),
    _name("promotion"),
    sa.Index("ix_audit_project_id", "project", "id"),
    sa.Index("ix_audit_project_type_id", "project", "type", "id"),
    sa.Index("ix_audit_project_subject_id", "project", "subject", "id"),
    sa.Index("ix_audit_project_stage_id", "project", "stage", "id"),
    sa.Index("ix_audit_project_freight_id", "project", "freight", "id"),
    sa.Index("ix_audit_project_promotion_id", "project", "promotion", "id"),
    sa.Index("ix_audit_project_at_id", "project", "at", "id"),
    sqlite_autoincrement=True,
)

cache = sa.Table(
    "cache",
    metadata,
    _key("scope"),
    _key("key"),
    _json("value"),
    _time("put_at"),
    sa.Index("ix_cache_scope_put_at_key", "scope", "put_at", "key"),
)

registry_tags = sa.Table(
    "registry_tags",
    metadata,
    _key("repository"),
    _key("tag"),
    # Empty when nothing usable was behind the tag; `problem` then says why.
    _name("digest"),
    _words("problem"),
    _time("confirmed_at"),
    sa.Index("ix_registry_tags_repository_confirmed_at_tag", "repository", "confirmed_at", "tag"),
)

registry_images = sa.Table(
    "registry_images",
    metadata,
    _key("repository"),
    _key("digest"),
    _time("created_at", nullable=True),
    # JSON as text: a list of [os, architecture, variant].
    _words("platforms"),
    _json("annotations"),
    _time("read_at"),
    sa.Index("ix_registry_images_repository_read_at_digest", "repository", "read_at", "digest"),
)

budgets = sa.Table(
    "budgets",
    metadata,
    _key("kind"),
    _key("host"),
    _key("credential"),
    sa.Column("limit", sa.BigInteger, nullable=True),
    sa.Column("remaining", sa.BigInteger, nullable=True),
    _time("resets_at", nullable=True),
    _number("waiting"),
    _time("backing_off_until", nullable=True),
    _time("seen_at"),
    sa.Index("ix_budgets_seen_at", "seen_at"),
)

leases = sa.Table(
    "leases",
    metadata,
    _key("name"),
    _name("owner"),
    _time("until"),
    # Since when this owner has it without a break; unknown of claims made before this was kept.
    _time("since", nullable=True),
)
