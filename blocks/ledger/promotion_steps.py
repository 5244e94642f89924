"""Promotions: what became of their steps, and what people decided about them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import fenced, locked, named, put_step, write_promotion_event
from blocks.ledger.records import Decision, Json, Phase, StepRun
from blocks.ledger.tables import audit, decisions, promotions, step_runs


class PromotionSteps(Part):
    """Step runs, written only by whoever holds the promotion, and decisions, written by people."""

    async def steps(self, project: str, name: str) -> list[StepRun]:
        """Return the step runs of a promotion in order."""
        query = sa.select(*rows.columns(step_runs, StepRun)).where(
            step_runs.c.project == project, step_runs.c.promotion == name
        )
        async with self._database.read() as connection:
            return await rows.every(connection, StepRun, query.order_by(step_runs.c.index))

    async def save_step(self, project: str, name: str, owner: str, step: StepRun) -> None:
        """Keep what became of a step. Raises Conflict when the promotion is another owner's by now, or over."""
        async with self._database.write() as connection:
            await fenced(connection, project, name, owner)
            await put_step(connection, project, name, step)

    async def decide(self, decision: Decision) -> list[Decision]:
        """Keep what a person said and return all decisions.

        A person's later word replaces the earlier one. Once the promotion has ended nothing is kept.
        Raises NotFound without such a promotion.
        """
        line = rows.values(decision)
        async with self._database.write() as connection:
            record = await locked(connection, decision.project, decision.promotion)
            query = _decisions(decision.project, decision.promotion)
            if record.phase.terminal or decision in await rows.every(connection, Decision, query):
                return await rows.every(connection, Decision, query)
            adding = rows.insert(connection, decisions).values(line)
            key = ["project", "promotion", "actor"]
            await connection.execute(adding.on_conflict_do_update(index_elements=key, set_=line))
            verb = "Approved" if decision.approved else "Rejected"
            message = f"{decision.actor} {verb.lower()} Promotion {record.name!r}: {decision.comment or 'no comment'}"
            who = {"authenticated": decision.authenticated, "identity": decision.identity}
            await write_promotion_event(connection, record, verb, decision.actor, message, decision.decided_at, who)
            return await rows.every(connection, Decision, query)

    async def decisions(self, project: str, name: str) -> list[Decision]:
        """Return what people said about a promotion, oldest first."""
        async with self._database.read() as connection:
            return await rows.every(connection, Decision, _decisions(project, name))

    async def note(
        self, project: str, name: str, verb: str, actor: str, message: str, at: datetime, more: Json | None = None
    ) -> None:
        """Write `Promotion<verb>` to the audit trail, once for the same actor and time. Raises NotFound."""
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            same = {"type": f"Promotion{verb}", "subject": f"{record.kind}/{name}", "actor": actor, "at": at}
            known = sa.select(audit.c.id).where(
                audit.c.project == project, *(audit.c[key] == each for key, each in same.items())
            )
            if (await connection.execute(known.limit(1))).first() is None:
                await write_promotion_event(connection, record, verb, actor, message, at, more)

    async def ask(self, project: str, name: str, waiting_for: Json) -> None:
        """Say what a promotion that has not begun waits for, empty for nothing any more."""
        pending = sa.and_(named(project, name), promotions.c.phase == Phase.PENDING)
        async with self._database.write() as connection:
            await connection.execute(sa.update(promotions).where(pending).values(waiting_for=waiting_for))


def _decisions(project: str, name: str) -> sa.Select[Any]:
    of_promotion = sa.and_(decisions.c.project == project, decisions.c.promotion == name)
    chosen = sa.select(*rows.columns(decisions, Decision)).where(of_promotion)
    return chosen.order_by(decisions.c.decided_at, decisions.c.actor)
