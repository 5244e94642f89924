"""Discovering one Warehouse: what its subscriptions find now, and what that means for its status."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from blocks.errors import DrayageError
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.duration import parse_duration
from flows.freight.assemble import Incomplete, assemble
from flows.freight.criteria import criteria_satisfied
from flows.freight.identity import freight_name
from flows.promotion.result import CredentialsFor
from flows.warehouse.discover_git import discover_git
from flows.warehouse.discover_image import discover_image
from flows.warehouse.model import Subscription, WarehouseSpec

Json = dict[str, Any]

UNHEALTHY_RETRY = timedelta(seconds=30)
"""A Warehouse that failed is tried again after this long, or after its interval when that is shorter."""


@dataclass(frozen=True)
class Sources:
    """The ways outside that discovery needs."""

    registry: Any
    git: Any
    cache: Any
    credentials: CredentialsFor
    timeout: float = 120.0


@dataclass(frozen=True)
class Found:
    """What one discovery brought: the status to record, and the Freight to record, if any."""

    status: WarehouseStatus
    freight: FreightRecord | None = None


def due(definition: Definition, status: WarehouseStatus, now: datetime) -> bool:
    """Whether a Warehouse is to be looked at: never was, was changed or asked for, or its interval has passed."""
    if status.discovered_at is None or status.observed_generation != definition.generation:
        return True
    if status.refresh_requested != status.refresh_handled:
        return True
    interval = parse_duration(WarehouseSpec.model_validate(definition.spec).interval)
    wait = interval if healthy(status) else min(interval, UNHEALTHY_RETRY)
    return now - status.discovered_at >= wait


def healthy(status: WarehouseStatus) -> bool:
    """Whether the last discovery went well."""
    return any(each["type"] == "Healthy" and each["status"] == "True" for each in status.conditions)


async def discover_warehouse(definition: Definition, status: WarehouseStatus, sources: Sources, now: datetime) -> Found:
    """Ask all subscriptions at once and put together the Warehouse's new status, and its Freight.

    An error of one subscription makes the Warehouse unhealthy with that sentence and keeps what was found before.
    """
    spec = WarehouseSpec.model_validate(definition.spec)
    asked = replace(
        status,
        observed_generation=definition.generation,
        discovered_at=now,
        refresh_handled=status.refresh_requested,
    )
    try:
        async with asyncio.timeout(sources.timeout):
            discovered = await _discover(spec, sources, now)
    except TimeoutError:
        return Found(_unhealthy(asked, "DiscoveryTimeout", f"discovery took longer than {sources.timeout:g} s", now))
    except DrayageError as error:
        return Found(_unhealthy(asked, "DiscoveryFailed", str(error), now))
    return _assembled(definition, spec, replace(asked, discovered=discovered), now)


async def _discover(spec: WarehouseSpec, sources: Sources, now: datetime) -> Json:
    results = await asyncio.gather(
        *(_subscription(each, sources) for each in spec.subscriptions), return_exceptions=True
    )
    failures = [each for each in results if isinstance(each, BaseException)]
    if unexpected := [each for each in failures if not isinstance(each, DrayageError)]:
        raise unexpected[0]
    if failures:
        raise DrayageError("; ".join(dict.fromkeys(str(each) for each in failures)))
    discovered: Json = {"discoveredAt": now.isoformat(), "git": [], "images": [], "charts": []}
    for kind, entry in (each for each in results if isinstance(each, tuple)):
        discovered[kind].append(entry)
    return {key: value for key, value in discovered.items() if value}


async def _subscription(subscription: Subscription, sources: Sources) -> tuple[str, Json]:
    if subscription.image:
        credentials = await sources.credentials("image", subscription.image.repo_url)
        return "images", await discover_image(
            subscription.image, subscription.name, sources.registry, sources.cache, credentials
        )
    if subscription.git:
        credentials = await sources.credentials("git", subscription.git.repo_url)
        return "git", await discover_git(subscription.git, subscription.name, sources.git, credentials)
    raise DrayageError("chart subscriptions are not available yet")


def _assembled(definition: Definition, spec: WarehouseSpec, status: WarehouseStatus, now: datetime) -> Found:
    content = assemble(spec, status.discovered)
    if isinstance(content, Incomplete):
        return Found(_unhealthy(status, "NothingDiscovered", content.sentence, now))
    if spec.freight_creation_policy == "Manual":
        return Found(_ready(status, "Freight is made by hand (freightCreationPolicy Manual)", now))
    if spec.freight_creation_criteria:
        verdict = criteria_satisfied(spec.freight_creation_criteria.expression, status.discovered)
        if verdict.error:
            return Found(_unhealthy(status, "CriteriaFailed", verdict.sentence, now))
        if not verdict.satisfied:
            return Found(_ready(status, verdict.sentence, now))
    name = freight_name(definition.name, content)
    freight = FreightRecord(
        project=definition.project,
        name=name,
        alias="",
        origin=definition.name,
        content=content,
        discovered_at=now,
        created_at=now,
    )
    return Found(_ready(replace(status, last_freight=name), "", now), freight)


def _ready(status: WarehouseStatus, message: str, now: datetime) -> WarehouseStatus:
    return replace(status, conditions=list(_conditions(status, True, "Discovered", message, now)))


def _unhealthy(status: WarehouseStatus, reason: str, message: str, now: datetime) -> WarehouseStatus:
    return replace(status, conditions=list(_conditions(status, False, reason, message, now)))


def _conditions(status: WarehouseStatus, good: bool, reason: str, message: str, now: datetime) -> Iterator[Json]:
    """Kubernetes conditions; the time of transition stays while nothing changes."""
    before = {each["type"]: each for each in status.conditions}
    for kind in ("Ready", "Healthy"):
        word = str(good)
        same = before.get(kind, {}).get("status") == word
        yield {
            "type": kind,
            "status": word,
            "reason": reason,
            "message": message,
            "lastTransitionTime": before[kind]["lastTransitionTime"] if same else now.isoformat(),
            "observedGeneration": status.observed_generation,
        }


async def record_found(ledger: Ledger, found: Found, aliases: Iterator[str], now: datetime) -> FreightRecord | None:
    """Write down what a discovery brought. Returns the Freight when it is new."""
    fresh = None
    if found.freight:
        recorded, created = await ledger.freight.record(found.freight, aliases, now)
        fresh = recorded if created else None
    await ledger.warehouses.record(found.status, now)
    return fresh
