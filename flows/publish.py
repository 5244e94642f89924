"""What people would rather look at than read: artifacts per project, Stage and Freight, and the events around them."""

import asyncio
import logging
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.orchestration import get_client

from blocks.ledger.records import FreightRecord, PromotionRecord, Standing, VerificationRecord, Visit
from flows.announce import event, post, stage_resource
from flows.freight.describe import cell, one_line, versions
from flows.stage.outlook import Outlook, read_outlook
from flows.world import World

log = logging.getLogger("drayage")

HISTORY = 10


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
    here.stirred.set()
    if not here.tells:
        return
    try:
        outlook = await read_outlook(here.ledger, project)
        visits = await here.ledger.stages.visits(project, stage, HISTORY)
        past = await here.ledger.freight.many(project, sorted({visit.freight for visit in visits}))
        rows = project_rows(outlook, await _healths(here, project))
        page = stage_page(outlook, stage, [(past[v.freight], v) for v in visits if v.freight in past])
        await asyncio.gather(
            acreate_table_artifact(table=rows, key=key("project", project), description=f"Project {project}"),
            acreate_markdown_artifact(page, key=key("stage", project, stage), description=f"Stage {stage}"),
            *(_freight_artifact(outlook, visit) for visit in outlook.currents.get(stage, {}).values()),
        )
    except Exception as error:
        log.warning("cannot renew the artifacts of %s/%s: %r", project, stage, error)


async def _freight_artifact(outlook: Outlook, visit: Visit) -> None:
    freight = outlook.freight[visit.freight]
    page = freight_page(freight, outlook.standings.get(freight.name, Standing()))
    name = key("freight", outlook.pipeline.project, freight.alias)
    await acreate_markdown_artifact(page, key=name, description=f"Freight {freight.alias}")


def key(*parts: str) -> str:
    """Name an artifact as Prefect allows: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(parts).lower()).strip("-")


def project_rows(outlook: Outlook, healths: dict[str, str]) -> list[dict[str, str]]:
    """One row per Stage: what runs there, on which commit, how it is, since when, verified when."""
    rows = []
    for name in outlook.pipeline.stages:
        visits = list(outlook.currents.get(name, {}).values())
        freight = [outlook.freight[visit.freight] for visit in visits if visit.freight in outlook.freight]
        rows.append(
            {
                "stage": name,
                "freight": ", ".join(each.alias for each in freight) or "—",
                "versions": "; ".join(one_line(each.content) for each in freight) or "—",
                "commit": _commit(outlook, visits),
                "health": healths.get(name, "—"),
                "since": _time(max((visit.entered_at for visit in visits), default=None)),
                "verified": _time(max((v.verified_at for v in visits if v.verified_at), default=None)),
                "last promotion": _last(outlook, name),
            }
        )
    return rows


def stage_page(outlook: Outlook, stage: str, history: list[tuple[FreightRecord, Any]]) -> str:
    """A Stage in Markdown: its history of Freight, newest first."""
    rows = [
        f"| {cell(freight.alias)} | {cell(one_line(freight.content))} | {_time(visit.entered_at)} "
        f"| {_time(visit.verified_at)} | {_time(visit.left_at)} | {cell(visit.promotion)} |"
        for freight, visit in history
    ]
    head = ["| Freight | Versions | Entered | Verified | Left | Promotion |", "| --- | --- | --- | --- | --- | --- |"]
    mode = "promotes by itself" if outlook.pipeline.auto(stage) else "is promoted by people"
    return "\n".join([f"# {outlook.pipeline.project}/{stage}", "", f"This Stage {mode}.", "", *head, *rows])


def freight_page(freight: FreightRecord, standing: Standing) -> str:
    """A Freight in Markdown: what it holds and where it has been."""
    held = [f"| {cell(repo)} | {cell(version)} |" for repo, version in versions(freight.content).items()]
    stages = sorted(standing.verified_in.keys() | standing.currently_in.keys() | standing.approved_for.keys())
    been = [
        f"| {cell(stage)} | {_time(standing.currently_in.get(stage))} "
        f"| {_time(standing.verified_in[stage].verified_at if stage in standing.verified_in else None)} "
        f"| {_time(standing.approved_for.get(stage))} |"
        for stage in stages
    ]
    return "\n".join(
        [
            f"# {freight.alias}",
            "",
            f"Freight `{freight.name}` from Warehouse **{freight.origin}**, found {_time(freight.discovered_at)}.",
            "",
            "| Artifact | Version |",
            "| --- | --- |",
            *held,
            "",
            "| Stage | There since | Verified | Approved |",
            "| --- | --- | --- | --- |",
            *been,
        ]
    )


async def _healths(here: World, project: str) -> dict[str, str]:
    """How each Stage is, as it was last seen, with its first drift."""
    known = await here.ledger.healths.of(project)
    return {name: "; ".join([each.status, *each.drift[:1]]) for name, each in known.items()}


def _checks(outlook: Outlook, visits: Iterable[Visit]) -> list[dict[str, Any]]:
    promoted = {visit.promotion for visit in visits}
    known = [each for promotions in outlook.promotions.values() for each in promotions if each.name in promoted]
    return [check for each in known for check in each.health_checks]


def _commit(outlook: Outlook, visits: Iterable[Visit]) -> str:
    """The revisions that Argo CD was asked to run."""
    revisions = [each for check in _checks(outlook, visits) for each in check.get("desiredRevisions") or [] if each]
    return ", ".join(dict.fromkeys(each[:10] for each in revisions)) or "—"


def _last(outlook: Outlook, stage: str) -> str:
    promotions = outlook.promotions.get(stage, [])
    newest = max(promotions, key=lambda each: each.name, default=None)
    return f"{newest.phase}: {newest.message}".rstrip(": ") if newest else "—"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "—"
