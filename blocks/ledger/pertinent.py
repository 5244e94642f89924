"""Which promotions the rules about a project's Stages look at, as one query for their names."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from blocks.ledger.promotion_rows import OPEN
from blocks.ledger.records import Phase
from blocks.ledger.tables import definitions, promotions, visits


def pertinent(project: str, freights: Sequence[str]) -> sa.CompoundSelect[Any]:
    """Select the names of all open promotions, each Stage's last, what brought Freight in, what stops Freight.

    Those of single targets are left out: their Stage knows the request.
    """
    return sa.union(_open_ones(project), _last_ones(project), _bringing(project), _stopping(project, freights))


def newest() -> tuple[sa.ColumnElement[Any], ...]:
    """Order promotions, newest first."""
    return promotions.c.created_at.desc(), promotions.c.name.desc()


def _open_ones(project: str) -> sa.Select[Any]:
    of_stages = sa.select(promotions.c.name).where(promotions.c.project == project, promotions.c.target == "")
    return of_stages.where(promotions.c.phase.in_(OPEN))


def _last_ones(project: str) -> sa.Select[Any]:
    """The newest ended promotion of each Stage that is defined, found by index."""
    ended = sa.select(promotions.c.name).where(
        promotions.c.project == definitions.c.project,
        promotions.c.stage == definitions.c.name,
        promotions.c.target == "",
        promotions.c.phase.not_in(OPEN),
    )
    last = ended.order_by(*newest()).limit(1).correlate(definitions).scalar_subquery()
    return sa.select(last).where(definitions.c.kind == "Stage", definitions.c.project == project)


def _bringing(project: str) -> sa.Select[Any]:
    return sa.select(visits.c.promotion).where(visits.c.project == project, visits.c.left_at.is_(None))


def _stopping(project: str, freights: Sequence[str]) -> sa.Select[Any]:
    rank = sa.func.row_number().over(partition_by=(promotions.c.freight, promotions.c.stage), order_by=newest())
    ranked = (
        sa.select(promotions.c.name, promotions.c.phase, rank.label("rank"))
        .where(promotions.c.project == project, promotions.c.freight.in_(freights), promotions.c.target == "")
        .subquery()
    )
    return sa.select(ranked.c.name).where(ranked.c.rank == 1, ranked.c.phase != Phase.SUCCEEDED)
