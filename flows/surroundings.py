"""What a Promotion's steps and expressions see: read once from ledger and Prefect, for real runs and for trials."""

import json
from functools import partial
from typing import Any

from blocks.ledger.records import PromotionRecord
from flows.control_plane import ControlPlane
from flows.data import read_data
from flows.freight.functions import freight_functions
from flows.git_client import read_committing
from flows.notes import Notes
from flows.promotion.environment import Scope, data_functions, promotion_context
from flows.promotion.workplace import Surroundings, Workplace, trailers
from flows.watching import read_watched
from flows.world import World

Json = dict[str, Any]


async def read_surroundings(here: World, record: PromotionRecord, workplace: Workplace) -> Surroundings:
    """Gather what steps are given."""
    freight = await here.ledger.freight.many(record.project, list(record.collection.values()))
    collection = {origin: freight[name] for origin, name in record.collection.items() if name in freight}
    watched = await read_watched(here.ledger, record.project, record.stage)
    return Surroundings(
        record=record,
        freight=collection,
        requested=list(watched.warehouses) or list(record.collection),
        watched=watched,
        directory=workplace.directory,
        credentials=here.credentials(record.project),
        git=here.git,
        argocd=partial(here.argocd, record.project),
        ask=here.web.request,
        control=ControlPlane(here, record),
        registry=here.registry,
        chart_repositories=here.charts,
        committing=partial(read_committing, here),
        trailers=trailers(record, collection[record.origin].alias),
    )


async def read_scope(here: World, record: PromotionRecord, surroundings: Surroundings, text: str = "") -> Scope:
    """Gather what expressions see; `text` may name functions that the steps do not."""
    text = json.dumps([record.steps, record.vars, text])
    notes = Notes(here, record.project, text, tuple(record.collection.values()))
    data = await read_data(here, notes)
    artifacts = {kind: surroundings.artifacts(kind) for kind in ("commits", "images", "charts", "artifacts")}
    context = promotion_context(
        project=record.project,
        stage=record.stage,
        promotion=record.name,
        freight=record.freight,
        alias=surroundings.freight[record.origin].alias,
        origin=record.origin,
        actor=record.actor,
        rollback=bool(record.rollback),
    )
    functions = freight_functions(**artifacts, watched=surroundings.watched) | data_functions(data)
    return Scope(context, record.vars, functions, data.secret_texts, notes.renew, await _target(here, record))


async def _target(here: World, record: PromotionRecord) -> Json:
    """What expressions see as `target`. A request itself has the first of its targets, to look ahead with."""
    asked = await here.ledger.promotions.get(record.project, record.request) if record.target else record
    targets = (asked.targets if asked else None) or []
    found = next((each for each in targets if record.target in ("", each["name"])), None)
    return {"target": found} if found else {}
