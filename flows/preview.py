"""Looking ahead: what promoting would do, with nothing written anywhere but in a scratch directory."""

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ulid import ULID

from blocks.budget import asking_for
from blocks.errors import DrayageError
from blocks.git.changes import read_between
from blocks.ledger.records import PromotionRecord, Standing
from flows.draft import draft
from flows.paused import paused_sentence
from flows.promotion import rules
from flows.promotion.admission import Wish
from flows.promotion.dry_run import dry_run
from flows.promotion.gates import Entering
from flows.promotion.kinds import kinds_for
from flows.promotion.preview import GitLog, Preview
from flows.promotion.workplace import Workplace
from flows.redaction import redacted
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.pipeline import read_pipeline
from flows.surroundings import read_scope, read_surroundings
from flows.world import World, world

Json = dict[str, Any]
Say = Callable[[str], None]

PATIENCE = 120.0
"""Seconds one preview may take; what is not done by then is left out, with a word."""

LONGEST_FORM = 30_000
"""Characters of a preview that people see above the form of an approval."""

COMMITS = 20
"""Commits listed per repository."""

FORGOTTEN = 3_600.0
"""Seconds after which a scratch directory belongs to a process that was killed."""


def silently(step: str) -> None:
    """Say nothing."""


async def preview(project: str, stage: str, freight: str = "", *, actor: str = "", say: Say = silently) -> Preview:
    """Look at what promoting Freight, by alias or name, into a Stage would do; without one, the Stage's candidate.

    `say` hears what is being looked at. Raises NotFound for an unknown Stage or Freight.
    """
    here, now = await world(), datetime.now(UTC)
    wish = Wish(project, stage, actor, freight)
    definition = (await read_pipeline(here.ledger, project)).stage(stage)
    record = await (_without_steps(here, wish, now) if definition.control_flow else draft(here, wish, now))
    return await look_ahead(here, record, now, say=say, made=False)


async def look_ahead(
    here: World, record: PromotionRecord, now: datetime, *, say: Say = silently, made: bool = True
) -> Preview:
    """Look at what a Promotion would do; `made` says that it is in the ledger already. What goes wrong is said."""
    seen, outlook = await _basis(here, record, now, made)
    try:
        with asking_for(f"{record.project}/preview"):
            async with asyncio.timeout(PATIENCE):
                await _explore(here, seen, outlook, now, say)
    except TimeoutError:
        seen.problem = f"it was not done within {PATIENCE:g} s"
    except Exception as error:
        seen.problem = rules.attempted(error).message
    return seen


async def _basis(here: World, record: PromotionRecord, now: datetime, made: bool) -> tuple[Preview, Outlook]:
    """Gather from the ledger alone: gates and versions."""
    outlook = await read_outlook(here.ledger, record.project, also=[record.freight])
    freight, stage = outlook.freight[record.freight], outlook.pipeline.stage(record.stage)
    verification = await here.ledger.verifications.latest(record.project, record.stage)
    standing = outlook.standings.get(freight.name, Standing())
    paused = await paused_sentence(here, record.project, record.stage)
    name = record.name if made else ""
    entering = Entering(outlook, stage, freight, standing, verification, name, record.break_glass, paused)
    visit = outlook.currents.get(record.stage, {}).get(record.origin)
    before = outlook.freight.get(visit.freight) if visit else None
    return Preview(record, freight, before, entering.gates(now)), outlook


async def _explore(here: World, seen: Preview, outlook: Outlook, now: datetime, say: Say) -> None:
    """Read the commits between, then try the steps."""
    currents = outlook.currents.get(seen.record.stage, {})
    held = {origin: visit.freight for origin, visit in currents.items()} | {seen.record.origin: seen.freight.name}
    record = replace(seen.record, collection=held)
    await _forget(here)
    scratch = Workplace(here.settings.root / "previews", str(ULID()))
    surroundings = await read_surroundings(here, record, scratch)
    scope = await read_scope(here, record, surroundings)
    for before, after in _moved(*seen.contents()):
        say(f"commits of {after['repoURL']}")
        seen.logs.append(_hidden(await _log(here, record.project, before, after), scope.secrets))
    try:
        await scratch.clear()
        context, kinds = partial(surroundings.context, now=now), await kinds_for(record.steps)
        seen.goes_through = await dry_run(
            record.steps, seen.steps, scope=scope, context=context, now=now, say=say, kinds=kinds
        )
    finally:
        await scratch.remove()


def _moved(before: Json, after: Json) -> list[tuple[Json, Json]]:
    """Pair the Git artifacts of two Freight that are at different commits."""
    now = {(each["repoURL"], each.get("branch")): each for each in before.get("commits") or []}
    pairs = [(now.get((each["repoURL"], each.get("branch"))), each) for each in after.get("commits") or []]
    return [(old, new) for old, new in pairs if old and old["id"] != new["id"]]


async def _log(here: World, project: str, before: Json, after: Json) -> GitLog:
    url, old, new = after["repoURL"], before["id"], after["id"]
    try:
        credentials = await here.credentials(project)("git", url)
        view = await here.git.view(url, credentials=credentials, blobless=True)
        commits, count, back = await view.read(lambda mirror: read_between(mirror, old, new, COMMITS))
    except DrayageError as error:
        return GitLog(url, old, new, problem=str(error))
    return GitLog(url, old, new, tuple(commits), count, back)


def _hidden(log: GitLog, secrets: Any) -> GitLog:
    commits = (replace(each, subject=redacted(each.subject, secrets)) for each in log.commits)
    return replace(log, commits=tuple(commits), problem=redacted(log.problem, secrets))


async def _without_steps(here: World, wish: Wish, now: datetime) -> PromotionRecord:
    """What stands for a Promotion to a Stage that only passes Freight on."""
    freight = await here.ledger.freight.find(wish.project, wish.freight)
    return PromotionRecord(wish.project, "", wish.stage, freight.name, freight.origin, wish.actor, now)


async def _forget(here: World) -> None:
    """Remove scratch directories that killed processes left."""

    def remove(folder: Path) -> None:
        for each in folder.glob("*"):
            if time.time() - each.stat().st_mtime > FORGOTTEN:
                shutil.rmtree(each, ignore_errors=True)

    await asyncio.to_thread(remove, here.settings.root / "previews")
