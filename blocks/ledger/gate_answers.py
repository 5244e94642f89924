"""What gates last answered, so that the trail has a line when an answer changes and none when it is asked again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.column_types import Utc, Words
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import OPEN
from blocks.ledger.records import CONTROLLER, AuditEvent, Json
from blocks.ledger.tables import metadata, promotions

MOST = 200_000
"""Answers that are read at once: Stages times Warehouses, and open promotions, of the projects asked about."""

PROMOTIONS = ("Promotion/", "PromotionRequest/")

FEW = 100
"""Stages that are asked for by name."""

gate_answers = sa.Table(
    "gate_answers",
    metadata,
    sa.Column("project", sa.String, primary_key=True),
    sa.Column("stage", sa.String, primary_key=True),
    # What was decided about: `Warehouse/NAME` or `Promotion/NAME`.
    sa.Column("about", sa.String, primary_key=True),
    sa.Column("freight", sa.String, nullable=False),
    sa.Column("answer", sa.String, nullable=False),
    sa.Column("sentence", Words, nullable=False),
    sa.Column("at", Utc, nullable=False),
    # Whether the Stage's page shows it.
    sa.Column("shown", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index(
        "ix_gate_answers_fresh",
        "project",
        "stage",
        postgresql_where=sa.text("NOT shown"),
        sqlite_where=sa.text("NOT shown"),
    ),
)

FRESH = sa.text("NOT gate_answers.shown")
"""Worded as the index's condition, by which SQLite finds that it may use it."""


@dataclass(frozen=True)
class Decided:
    """One decision about a Stage: what it was `about`, its answer in a word and in a sentence, and what went in.

    `about` is `Warehouse/NAME` for what would enter by itself, `Promotion/NAME` (`PromotionRequest/NAME` where it has
    targets) for one that wants to start.
    `inputs` say by which rule it was decided and what that looked at; they alone make no decision another one.
    """

    project: str
    stage: str
    about: str
    answer: str
    sentence: str
    freight: str = ""
    inputs: Json = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What this is an answer to."""
        return self.project, self.stage, self.about

    @property
    def said(self) -> tuple[str, str, str]:
        """What makes it another decision than the last one."""
        return self.freight, self.answer, self.sentence


class GateAnswers(Part):
    """The last answer of each gate, and the lines of the trail that tell of changes."""

    async def note(self, decided: Sequence[Decided], now: datetime) -> list[Decided]:
        """Write down the decisions that differ from the last ones, and return them. One query while nothing changed."""
        async with self._database.read() as connection:
            if not (fresh := await _changed(connection, decided)):
                return []
        async with self._database.write(lock="gate_answers") as connection:
            # Asked again within the transaction: another sweep may have written the same change meanwhile.
            if fresh := await _changed(connection, fresh):
                await write_event(connection, *(_event(each, now) for each in fresh))
                await _forget_ended(connection, fresh)
                await _keep(connection, fresh, now)
            return fresh

    async def fresh(self, limit: int) -> list[tuple[str, str, datetime]]:
        """Return project and name of Stages whose pages do not show all answers, and when the last was given.

        Whose last answer is the oldest comes first.
        """
        columns, last = (gate_answers.c.project, gate_answers.c.stage), sa.func.max(gate_answers.c.at).label("last")
        query = sa.select(*columns, last).where(FRESH).group_by(*columns).order_by(last, *columns).limit(limit)
        async with self._database.read() as connection:
            return [(row.project, row.stage, row.last) for row in await connection.execute(query)]

    async def shown(self, stages: Sequence[tuple[str, str, datetime]]) -> None:
        """Note that the pages of these Stages show what was answered until a time."""
        if not stages:
            return
        these = [
            sa.and_(gate_answers.c.project == project, gate_answers.c.stage == stage, gate_answers.c.at <= until)
            for project, stage, until in stages
        ]
        async with self._database.write() as connection:
            await connection.execute(sa.update(gate_answers).where(FRESH, sa.or_(*these)).values(shown=True))


async def _changed(connection: AsyncConnection, decided: Sequence[Decided]) -> list[Decided]:
    last = {each.key: each for each in decided}
    if not last:
        return []
    projects, stages = sorted({key[0] for key in last}), sorted({key[1] for key in last})
    query = sa.select(gate_answers).where(gate_answers.c.project.in_(projects))
    if len(stages) <= FEW:
        query = query.where(gate_answers.c.stage.in_(stages))
    found = await connection.execute(query.limit(MOST))
    known = {(row.project, row.stage, row.about): (row.freight, row.answer, row.sentence) for row in found}
    return [each for each in last.values() if known.get(each.key) != each.said]


async def _keep(connection: AsyncConnection, fresh: Sequence[Decided], now: datetime) -> None:
    lines = [
        {"project": each.project, "stage": each.stage, "about": each.about, "at": now, "shown": False}
        | {"freight": each.freight, "answer": each.answer, "sentence": each.sentence}
        for each in fresh
    ]
    adding = rows.insert(connection, gate_answers)
    new = {name: adding.excluded[name] for name in ("freight", "answer", "sentence", "at", "shown")}
    await connection.execute(
        adding.on_conflict_do_update(index_elements=["project", "stage", "about"], set_=new), lines
    )


async def _forget_ended(connection: AsyncConnection, fresh: Sequence[Decided]) -> None:
    """Forget what was said of promotions that are over, in the Stages something is written about."""
    still = (
        sa.select(promotions.c.name)
        .where(
            promotions.c.project == gate_answers.c.project,
            sa.or_(*(sa.literal(kind) + promotions.c.name == gate_answers.c.about for kind in PROMOTIONS)),
            promotions.c.phase.in_(OPEN),
        )
        .correlate(gate_answers)
    )
    for project in sorted({each.project for each in fresh}):
        stages = sorted({each.stage for each in fresh if each.project == project})
        for batch in rows.batches(stages):
            over = sa.and_(
                gate_answers.c.project == project,
                gate_answers.c.stage.in_(batch),
                gate_answers.c.about.startswith("Promotion"),
                sa.not_(still.exists()),
            )
            await connection.execute(sa.delete(gate_answers).where(over))


def _event(decided: Decided, now: datetime) -> AuditEvent:
    kind, _, name = decided.about.partition("/")
    data = {"stage": decided.stage, "freight": decided.freight, "answer": decided.answer, **decided.inputs}
    subject = f"Stage/{decided.stage}" if kind == "Warehouse" else decided.about
    if kind == "Warehouse":
        data["origin"] = name
    message = f"{decided.answer}: {decided.sentence}"
    return AuditEvent(decided.project, "GateDecided", subject, CONTROLLER, message, now, data)
