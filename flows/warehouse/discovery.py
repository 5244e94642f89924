"""Discovering one Warehouse: what its subscriptions find now, and what that means for its status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from blocks.errors import DrayageError
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.freight.assemble import Incomplete, assemble, entry_of, field_of
from flows.freight.criteria import criteria_satisfied
from flows.freight.identity import Content, freight_name
from flows.warehouse.ask import Answer, ask_all
from flows.warehouse.asking import Json, Sources
from flows.warehouse.conditions import Condition, created, criteria, dated, ill, well
from flows.warehouse.discover_image import rfc3339
from flows.warehouse.model import WarehouseSpec
from flows.warehouse.occasion import WHOLE, Occasion
from flows.warehouse.remedy import internal_error, sentence

Seen = tuple[Definition, WarehouseStatus]
"""A Warehouse, and what discovery last saw of it."""

NOTHING_FOUND = {
    "git": "NoCommitsDiscovered",
    "image": "NoImageReferencesDiscovered",
    "chart": "NoChartVersionsDiscovered",
}
"""Kargo's reasons for a subscription that found nothing."""


@dataclass(frozen=True)
class Found:
    """What one discovery brought: the status, still with its old conditions, the new ones, and the Freight, if any.

    `fault` is what went wrong in Drayage itself, if so.
    """

    status: WarehouseStatus
    conditions: tuple[Condition, ...]
    freight: FreightRecord | None = None
    fault: Exception | None = None

    @property
    def problem(self) -> str:
        """Why the Warehouse is not well; empty when it is."""
        return next((each.message for each in self.conditions if (each.type, each.status) == ("Healthy", "False")), "")


def unseen(definition: Definition) -> WarehouseStatus:
    """Return the status of a Warehouse that was never looked at."""
    return WarehouseStatus(definition.project, definition.name)


async def discover_warehouse(
    definition: Definition,
    status: WarehouseStatus,
    sources: Sources,
    now: datetime,
    occasion: Occasion = WHOLE,
) -> Found:
    """Ask all subscriptions that the occasion is about, and put together the Warehouse's new status and its Freight.

    An error of one subscription makes the Warehouse unhealthy with that sentence. What that one found before is
    kept, what the others find now is taken in, and no Freight is made of old and new together. Nothing but a
    cancellation is raised: a fault of our own, too, is this Warehouse's alone.
    """
    before = status.discovered if status.observed_generation == definition.generation else {}
    looked = replace(
        status,
        observed_generation=definition.generation,
        discovered_at=now if occasion.whole else status.discovered_at,
        refresh_handled=status.refresh_requested,
    )
    try:
        spec = WarehouseSpec.model_validate(definition.spec)
        answers = await ask_all(spec, before, occasion, sources, now)
        failures = [each for each in answers if isinstance(each, Exception)]
        at = before.get("discoveredAt") if failures or not occasion.whole else rfc3339(now)
        looked = replace(looked, discovered=_discovered(spec, before, answers, at))
        return _failed(spec, looked, failures) if failures else _judged(definition, spec, looked, now)
    except ValidationError as error:
        return Found(looked, ill("InvalidManifest", _unreadable(error)))
    except Exception as error:
        return Found(looked, ill("InternalError", internal_error(error)), fault=error)


def _unreadable(error: ValidationError) -> str:
    """Where the first problem is, and what; pydantic's own text would quote what stands there."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"the manifest cannot be read at spec.{place}: {first['msg']}; correct it and apply it again"


def _discovered(spec: WarehouseSpec, before: Json, answers: Sequence[Answer], at: str | None) -> Json:
    """Put answers in Kargo's shape; `discoveredAt` is when all were last found together."""
    discovered: Json = {"discoveredAt": at} if at else {}
    for subscription, answer in zip(spec.subscriptions, answers, strict=True):
        if entry := entry_of(subscription, before) if isinstance(answer, Exception) else answer:
            discovered.setdefault(field_of(subscription), []).append(entry)
    return discovered


def _failed(spec: WarehouseSpec, status: WarehouseStatus, failures: Sequence[Exception]) -> Found:
    fault = next((each for each in failures if not isinstance(each, DrayageError)), None)
    said = "; ".join(dict.fromkeys(map(_said, failures)))
    if len(failures) < len(spec.subscriptions):
        said += f"; no Freight is made until all {len(spec.subscriptions)} subscriptions can be read"
    return Found(status, ill("InternalError" if fault else "DiscoveryFailed", said), fault=fault)


def _said(failure: Exception) -> str:
    return sentence(failure) if isinstance(failure, DrayageError) else internal_error(failure)


def _judged(definition: Definition, spec: WarehouseSpec, status: WarehouseStatus, now: datetime) -> Found:
    """Decide what discovered artifacts mean: Freight, or why there is none."""
    content = assemble(spec, status.discovered)
    if isinstance(content, Incomplete):
        reason = NOTHING_FOUND.get(content.kind, "NoArtifactsDiscovered")
        return Found(status, ill(reason, f"{content.sentence}; check its filters"))
    fine = well(len(spec.subscriptions))
    if spec.freight_creation_policy == "Manual":
        return Found(status, fine)
    satisfied = criteria(True)
    if spec.freight_creation_criteria:
        verdict = criteria_satisfied(spec.freight_creation_criteria.expression, status.discovered)
        if verdict.error:
            return Found(status, ill("CriteriaEvaluationFailed", verdict.sentence))
        satisfied = criteria(verdict.satisfied, verdict.sentence)
    if satisfied.status == "False":
        return Found(status, (*fine, satisfied))
    freight = _freight(definition, content, now)
    return Found(replace(status, last_freight=freight.name), (*fine, satisfied), freight)


def _freight(definition: Definition, content: Content, now: datetime) -> FreightRecord:
    return FreightRecord(
        project=definition.project,
        name=freight_name(definition.name, content),
        alias="",
        origin=definition.name,
        content=content,
        discovered_at=now,
        created_at=now,
    )


async def record_found(ledger: Ledger, found: Found, aliases: Iterator[str], now: datetime) -> FreightRecord | None:
    """Write down what a discovery brought. Returns the Freight when it is new."""
    conditions, fresh = found.conditions, None
    if found.freight:
        recorded, new = await ledger.freight.record(found.freight, aliases, now)
        conditions, fresh = (*conditions, created(recorded.alias, new)), recorded if new else None
    await ledger.warehouses.record(dated(found.status, conditions, now), now)
    return fresh
