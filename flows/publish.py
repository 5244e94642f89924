"""What people would rather look at than read: artifacts per project, Stage and Freight, and the events around them."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect.artifacts import Artifact, MarkdownArtifact, TableArtifact
from prefect.client.orchestration import get_client

from blocks.ledger.healths import StageHealth
from blocks.ledger.records import PromotionRecord, Standing, VerificationRecord, Visit
from flows.announce import event, post, stage_resource
from flows.artifacts import key, renew
from flows.metrics.read import read_measures
from flows.paused import paused_sentence
from flows.promotion.pages import freight_page, project_rows, stage_page, waiting_in
from flows.stage.outlook import Outlook, read_outlook
from flows.world import World

log = logging.getLogger("drayage")

Answered = tuple[str, str, datetime]
"""Project, Stage, and when a gate last answered there."""

HISTORY = 10

LATELY = timedelta(days=30)
"""How far back a Stage's page measures."""

MOST_CHANGED = 20
"""Stages whose pages one sweep renews."""


async def tell(record: PromotionRecord, name: str) -> None:
    """Post what became of a Promotion. Nothing depends on it, so an outage is logged and survived."""
    payload = {
        "promotion": record.name,
        "freight": record.freight,
        "actor": record.actor,
        "phase": record.phase.value,
        "message": record.message,
        "rollback": bool(record.rollback),
    }
    if record.target:
        payload |= {"target": record.target, "request": record.request}
    resource = stage_resource(record.project, record.stage)
    key = f"{record.project}/{record.name}/{record.retries}"
    await try_post([event(name, resource, payload, key=key, project=record.project)])


async def tell_verification(record: VerificationRecord) -> None:
    """Post what became of a verification. Nothing depends on it."""
    payload = {
        "verification": record.id,
        "collection": record.collection,
        "promotion": record.promotion,
        "actor": record.actor,
        "phase": record.phase.value,
        "message": record.message,
    }
    resource = stage_resource(record.project, record.stage)
    name = f"verification.{record.phase.lower()}"
    await try_post([event(name, resource, payload, key=f"{record.project}/{record.id}", project=record.project)])


async def try_post(events: list[dict[str, Any]]) -> None:
    """Post events that only inform. An outage is logged and survived."""
    try:
        async with get_client() as client:
            await post(client, events)
    except Exception as error:
        log.warning("cannot post %d events to Prefect: %s", len(events), type(error).__name__)


async def publish_stage(here: World, project: str, stage: str) -> None:
    """Renew the artifacts that show a Stage: the project's table, the Stage's page, its Freight's page.

    They only show: when Prefect does not take them, that is logged and survived.
    """
    await publish_stages(here, project, [stage])


async def publish_stages(here: World, project: str, stages: Sequence[str]) -> None:
    """Renew the artifacts that show some Stages of a project. What did not change is not written again."""
    here.stirred.set()
    if not here.tells:
        return
    try:
        await renew(await shown(here, project, stages, datetime.now(UTC)))
    except Exception as error:
        log.warning("cannot renew the artifacts of %s/%s: %r", project, ", ".join(stages), error)


async def publish_changed(here: World) -> None:
    """Renew the pages of Stages that do not show yet what was decided about them, a bounded number of them.

    What Prefect does not take now is shown by the next sweep; what cannot be shown at all is logged and let be.
    """
    if not here.tells:
        return
    changed: defaultdict[str, list[Answered]] = defaultdict(list)
    for project, stage, until in await here.ledger.gates.fresh(MOST_CHANGED):
        changed[project].append((project, stage, until))
    for project, answered in changed.items():
        stages = [stage for _, stage, _ in answered]
        try:
            await renew(await shown(here, project, stages, datetime.now(UTC)))
        except httpx.HTTPError as error:
            log.warning("cannot renew the artifacts of project %s yet: %r", project, error)
            continue
        except Exception as error:
            log.warning("cannot show %s/%s: %r", project, ", ".join(stages), error)
        await here.ledger.gates.shown(answered)


async def shown(here: World, project: str, stages: Sequence[str], now: datetime) -> list[Artifact]:
    """What shows a project and some of its Stages now."""
    outlook = await read_outlook(here.ledger, project)
    if lacking := {p.freight for name in stages for p in waiting_in(outlook, name)} - outlook.freight.keys():
        outlook = await read_outlook(here.ledger, project, also=lacking)
    healths = await here.ledger.healths.of(project)
    rows = project_rows(outlook, {name: _seen(each) for name, each in healths.items()})
    found: list[Artifact] = [TableArtifact(table=rows, key=key("project", project), description=f"Project {project}")]
    for stage in stages:
        if stage in outlook.pipeline.stages:
            page = await _page(here, outlook, stage, now, healths.get(stage))
            found.append(
                MarkdownArtifact(markdown=page, key=key("stage", project, stage), description=f"Stage {stage}")
            )
            found += [_freight_artifact(outlook, visit) for visit in outlook.currents.get(stage, {}).values()]
    return found


async def _page(here: World, outlook: Outlook, stage: str, now: datetime, health: StageHealth | None) -> str:
    project = outlook.pipeline.project
    visits = await here.ledger.stages.visits(project, stage, HISTORY)
    past = await here.ledger.freight.many(project, sorted({visit.freight for visit in visits}))
    history = [(past[visit.freight], visit) for visit in visits if visit.freight in past]
    verification = await here.ledger.verifications.latest(project, stage)
    [measures] = await read_measures(here.ledger, project, [stage], now - LATELY, now, stage)
    paused = await paused_sentence(here, project, stage) if waiting_in(outlook, stage) else ""
    return stage_page(outlook, stage, history, verification, measures, now, paused, health)


def _freight_artifact(outlook: Outlook, visit: Visit) -> Artifact:
    freight = outlook.freight[visit.freight]
    page = freight_page(freight, outlook.standings.get(freight.name, Standing()))
    name = key("freight", outlook.pipeline.project, freight.alias)
    return MarkdownArtifact(markdown=page, key=name, description=f"Freight {freight.alias}")


def _seen(health: StageHealth) -> str:
    """How a Stage is, as it was last seen, with its first drift."""
    return "; ".join([health.status, *health.drift[:1]])
