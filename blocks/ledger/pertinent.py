"""Which promotions the rules about Stages look at, as one query for their projects and names."""

from typing import Any

import sqlalchemy as sa

from blocks.ledger.promotion_rows import IS_OPEN, OPEN
from blocks.ledger.records import Phase
from blocks.ledger.tables import definitions, promotions, visits

Condition = sa.ColumnElement[bool]


def pertinent(project: str | None, freights: Condition) -> sa.CompoundSelect[Any]:
    """Select all open promotions, each Stage's last, what brought Freight in, and what stops the Freight named.

    Of one project or of all. `freights` is a condition on the table of promotions. Those of single targets are left
    out: their Stage knows the request.
    """
    return sa.union(_open_ones(project), _last_ones(project), _bringing(project), stopping(freights))


def stopping(freights: Condition) -> sa.Select[Any]:
    """Select of each Freight named and each Stage the newest promotion unless it succeeded: success stops nothing."""
    rank = sa.func.row_number().over(
        partition_by=(promotions.c.project, promotions.c.freight, promotions.c.stage), order_by=newest()
    )
    ranked = (
        sa.select(promotions.c.project, promotions.c.name, promotions.c.phase, rank.label("rank"))
        .where(freights, promotions.c.target == "")
        .subquery()
    )
    return sa.select(ranked.c.project, ranked.c.name).where(ranked.c.rank == 1, ranked.c.phase != Phase.SUCCEEDED)


def newest() -> tuple[sa.ColumnElement[Any], ...]:
    """Order promotions, newest first."""
    return promotions.c.created_at.desc(), promotions.c.name.desc()


def _open_ones(project: str | None) -> sa.Select[Any]:
    of_stages = sa.select(promotions.c.project, promotions.c.name).where(
        _of(promotions, project), promotions.c.target == ""
    )
    return of_stages.where(IS_OPEN)


def _last_ones(project: str | None) -> sa.Select[Any]:
    """The newest ended promotion of each Stage that is defined, found by index."""
    ended = sa.select(promotions.c.name).where(
        promotions.c.project == definitions.c.project,
        promotions.c.stage == definitions.c.name,
        promotions.c.target == "",
        promotions.c.phase.not_in(OPEN),
    )
    last = ended.order_by(*newest()).limit(1).correlate(definitions).scalar_subquery()
    return sa.select(definitions.c.project, last).where(definitions.c.kind == "Stage", _of(definitions, project))


def _bringing(project: str | None) -> sa.Select[Any]:
    return sa.select(visits.c.project, visits.c.promotion).where(_of(visits, project), visits.c.left_at.is_(None))


def _of(table: sa.Table, project: str | None) -> Condition:
    return sa.true() if project is None else table.c.project == project
