"""Looking things up in the ledger, by kind, as Kargo-shaped objects and as rows of a table."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from blocks.ledger.ledger import Ledger
from deployments import shapes
from deployments.events import read_events
from deployments.gate_shape import with_stops
from deployments.request_shape import asked_for
from flows.freight.describe import one_line
from flows.stage.outlook import read_outlook
from flows.stage.stable import read_stage_metadata

Json = dict[str, Any]
Look = Callable[[Ledger, str, str, str, int], Awaitable[list[Json]]]
"""`await look(ledger, project, name, stage, limit)`; an empty name means all."""


def _definitions(kind: str) -> Look:
    async def look(ledger: Ledger, project: str, name: str, _stage: str, limit: int) -> list[Json]:
        scope = None if kind in PROJECTLESS else project
        found = await ledger.definitions.list(kind, scope, limit)
        return [shapes.definition(each) for each in found if name in ("", each.name)]

    return look


async def _warehouses(ledger: Ledger, project: str, name: str, _stage: str, limit: int) -> list[Json]:
    statuses = await ledger.warehouses.statuses(project)
    listed = await ledger.definitions.list("Warehouse", project, limit)
    found = {(each.project, each.name): each for each in listed if name in ("", each.name)}
    looked_at = await ledger.warehouses.looked_at(found, datetime.now(UTC))
    budgets = await ledger.budgets.list()
    return [shapes.warehouse(each, statuses.get(key), looked_at.get(key), budgets) for key, each in found.items()]


async def _stages(ledger: Ledger, project: str, name: str, _stage: str, limit: int) -> list[Json]:
    outlook = await read_outlook(ledger, project)
    known = {each.name: each for each in await ledger.definitions.list("Stage", project, limit)}
    found = [known[each] for each in outlook.pipeline.stages if each in known and name in ("", each)]
    unreadable = {each: said for each, said in outlook.pipeline.unreadable.items() if name in ("", each)}
    noted = await read_stage_metadata(ledger, project)
    healths = await ledger.healths.of(project)
    now = datetime.now(UTC)
    shown = [
        shapes.stage(
            outlook,
            each,
            await ledger.verifications.latest(project, each.name),
            noted.get(each.name),
            healths.get(each.name),
        )
        for each in found
    ]
    return [with_stops(each, outlook, now) for each in shown] + [
        shapes.definition(known[each], {"drayage": {"stopped": [said]}})
        for each, said in unreadable.items()
        if each in known
    ]


async def _freight(ledger: Ledger, project: str, name: str, _stage: str, limit: int) -> list[Json]:
    if name:
        one = await ledger.freight.get(project, name)
        found = [one] if one else []
    else:
        found = await ledger.freight.list(project, limit=limit)
    standings = await ledger.stages.standings(project, [each.name for each in found])
    return [shapes.freight(each, standings.get(each.name)) for each in found]


async def _promotions(ledger: Ledger, project: str, name: str, stage: str, limit: int) -> list[Json]:
    if name:
        one = await ledger.promotions.get(project, name)
        return [shapes.promotion(one, list(await ledger.promotions.steps(project, name)))] if one else []
    found = await ledger.promotions.list(project, stage or None, limit=limit, kind="Promotion")
    return [shapes.promotion(each) for each in found]


async def _promotion_requests(ledger: Ledger, project: str, name: str, stage: str, limit: int) -> list[Json]:
    if not name:
        found = await ledger.promotions.list(project, stage or None, limit=limit, kind="PromotionRequest")
        return await asked_for(ledger, found)
    one = await ledger.promotions.get(project, name)
    return await asked_for(ledger, [one]) if one and one.targets is not None else []


async def events(ledger: Ledger, project: str, limit: int, narrowed: Any) -> list[Json]:
    """Look for events by what they are about: `narrowed` has stage, freight, promotion, type and since, as typed."""
    return [shapes.event(each) for each in await read_events(ledger, project, limit=limit, **vars(narrowed))]


async def _events(ledger: Ledger, project: str, _name: str, stage: str, limit: int) -> list[Json]:
    return [shapes.event(each) for each in await read_events(ledger, project, stage=stage, limit=limit)]


PROJECTLESS = ("Project", "ClusterConfig", "ClusterPromotionTask", "ClusterAnalysisTemplate", "Event")

LOOK: dict[str, Look] = {
    **{
        kind: _definitions(kind)
        for kind in (
            "Project",
            "ProjectConfig",
            "ClusterConfig",
            "PromotionTask",
            "ClusterPromotionTask",
            "AnalysisTemplate",
            "ClusterAnalysisTemplate",
            "StagePolicy",
            "Target",
        )
    },
    "Warehouse": _warehouses,
    "Stage": _stages,
    "Freight": _freight,
    "Promotion": _promotions,
    "PromotionRequest": _promotion_requests,
    "Event": _events,
}

PLAIN = ("NAME", "CREATED")
COLUMNS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(LOOK, PLAIN),
    "Warehouse": ("NAME", "READY", "LAST FREIGHT", "STATUS"),
    "Stage": ("NAME", "FREIGHT", "VERSIONS", "HEALTH", "AUTO", "LAST PROMOTION", "STOPPED"),
    "Freight": ("NAME", "ALIAS", "ORIGIN", "VERSIONS", "VERIFIED IN", "DISCOVERED"),
    "Promotion": ("NAME", "STAGE", "FREIGHT", "PHASE", "CREATED", "MESSAGE"),
    "PromotionRequest": ("NAME", "STAGE", "FREIGHT", "PHASE", "TARGETS", "CREATED", "MESSAGE"),
    "Target": ("NAME", "LABELS", "CREATED"),
    "Event": ("TIME", "TYPE", "OBJECT", "ACTOR", "MESSAGE"),
}


def row(kind: str, shape: Json) -> tuple[str, ...]:
    """One line of the table of a kind."""
    metadata, status = shape["metadata"], shape.get("status") or {}
    name, created = metadata["name"], metadata.get("creationTimestamp") or ""
    match kind:
        case "Warehouse":
            conditions = {each["type"]: each for each in status.get("conditions") or []}
            ready, criteria = (conditions.get(each, {}) for each in ("Ready", "FreightCreationCriteriaSatisfied"))
            said = criteria if criteria.get("status") == "False" else ready
            freight = status.get("lastFreightID", "")[:7]
            return name, ready.get("status", "Unknown"), freight, said.get("message", "")
        case "Stage":
            items = ((status.get("freightHistory") or [{}])[0].get("items") or {}).values()
            last = (status.get("lastPromotion") or {}).get("status") or {}
            versions = "; ".join(one_line(each) for each in items)
            auto = "on" if status.get("autoPromotionEnabled") else "off"
            health = (status.get("health") or {}).get("status", "")
            aliases, stopped = (
                ", ".join(each["alias"] for each in items),
                "; ".join((status.get("drayage") or {}).get("stopped") or []),
            )
            return name, aliases, versions, health, auto, last.get("phase", ""), stopped
        case "Freight":
            verified = ", ".join(status.get("verifiedIn") or {})
            return name[:7], shape["alias"], shape["origin"]["name"], one_line(shape), verified, shape["discoveredAt"]
        case "Promotion":
            freight = shape["spec"]["freight"][:7]
            return name, shape["spec"]["stage"], freight, status["phase"], created, status.get("message", "")
        case "PromotionRequest":
            freight, counts = shape["spec"]["freight"][:7], status["summary"]
            done = f"{counts['succeeded']}/{counts['total']}"
            return name, shape["spec"]["stage"], freight, status["phase"], done, created, status.get("message", "")
        case "Target":
            return name, ",".join(f"{key}={value}" for key, value in (metadata.get("labels") or {}).items()), created
        case "Event":
            about = shape["involvedObject"]
            subject = f"{about['kind']}/{about['name']}"
            return shape["lastTimestamp"], shape["reason"], subject, shape["source"]["component"], shape["message"]
    return name, created
