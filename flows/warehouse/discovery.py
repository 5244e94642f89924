"""Discovering one Warehouse: what its subscriptions find now, and what that means for its status."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from blocks.errors import DrayageError, Unreachable
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.duration import parse_duration
from flows.freight.assemble import Incomplete, assemble
from flows.freight.criteria import criteria_satisfied
from flows.freight.identity import Content, freight_name
from flows.warehouse.asking import Asking, Json, Sources
from flows.warehouse.conditions import healthy, ready, unhealthy
from flows.warehouse.model import Subscription, WarehouseSpec
from flows.warehouse.remedy import internal_error, sentence
from flows.warehouse.subscriptions import kind_of

Seen = tuple[Definition, WarehouseStatus]
"""A Warehouse, and what discovery last saw of it."""

UNHEALTHY_RETRY = timedelta(seconds=30)
"""A Warehouse that failed is tried again after this long, or after its interval when that is shorter."""


@dataclass(frozen=True)
class Found:
    """What one discovery brought: the status, the Freight, if any, and what went wrong in Drayage itself, if so."""

    status: WarehouseStatus
    freight: FreightRecord | None = None
    fault: Exception | None = None


def unseen(definition: Definition) -> WarehouseStatus:
    """Return the status of a Warehouse that was never looked at."""
    return WarehouseStatus(definition.project, definition.name)


def due(definition: Definition, status: WarehouseStatus, now: datetime) -> bool:
    """Whether a Warehouse is to be looked at: never was, was changed or asked for, or its interval has passed."""
    if status.discovered_at is None or status.observed_generation != definition.generation:
        return True
    if status.refresh_requested != status.refresh_handled:
        return True
    interval = _interval(definition)
    wait = interval if healthy(status) else min(interval, UNHEALTHY_RETRY)
    return now - status.discovered_at >= wait


def _interval(definition: Definition) -> timedelta:
    """A manifest that cannot be read must not keep others from being looked at; its own look will say so."""
    try:
        return parse_duration(WarehouseSpec.model_validate(definition.spec).interval)
    except ValidationError:
        return UNHEALTHY_RETRY


async def discover_warehouse(definition: Definition, status: WarehouseStatus, sources: Sources, now: datetime) -> Found:
    """Ask all subscriptions at once and put together the Warehouse's new status, and its Freight.

    An error of one subscription makes the Warehouse unhealthy with that sentence and keeps what was found before.
    Nothing but a cancellation is raised: a fault of our own, too, is this Warehouse's alone.
    """
    asked = replace(
        status,
        observed_generation=definition.generation,
        discovered_at=now,
        refresh_handled=status.refresh_requested,
    )
    try:
        spec = WarehouseSpec.model_validate(definition.spec)
        discovered, failures = await _discover(spec, sources, now)
        if failures:
            said = "; ".join(dict.fromkeys(map(sentence, failures)))
            return Found(unhealthy(asked, "DiscoveryFailed", said, now))
        return _judged(definition, spec, replace(asked, discovered=discovered), now)
    except ValidationError as error:
        return Found(unhealthy(asked, "InvalidManifest", _unreadable(error), now))
    except Exception as error:
        return Found(unhealthy(asked, "InternalError", internal_error(error), now), fault=error)


def _unreadable(error: ValidationError) -> str:
    """Where the first problem is, and what; pydantic's own text would quote what stands there."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"the manifest cannot be read at spec.{place}: {first['msg']}; correct it and apply it again"


async def _discover(spec: WarehouseSpec, sources: Sources, now: datetime) -> tuple[Json, Sequence[DrayageError]]:
    """Ask all subscriptions. Returns what they found in Kargo's shape, and what failed."""
    results = await asyncio.gather(
        *(_in_time(each, sources, now) for each in spec.subscriptions), return_exceptions=True
    )
    discovered: Json = {"discoveredAt": now.isoformat()}
    failures: list[DrayageError] = []
    for result in results:
        if isinstance(result, DrayageError):
            failures.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            kind, entry = result
            discovered.setdefault(kind, []).append(entry)
    return discovered, failures


async def _in_time(subscription: Subscription, sources: Sources, now: datetime) -> tuple[str, Json]:
    seconds = sources.git_timeout if subscription.git else sources.timeout
    try:
        async with asyncio.timeout(seconds) as limit:
            return await _subscription(subscription, sources, now)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Unreachable(f"{subscription.place} was not read within {seconds:g} s") from None


async def _subscription(subscription: Subscription, sources: Sources, now: datetime) -> tuple[str, Json]:
    kind = kind_of(subscription)
    credentials = await sources.credentials(kind.cred_type, subscription.wanted.repo_url) if kind.cred_type else None
    asking = Asking(sources, now, subscription.name, credentials)
    return kind.field, await kind.discover(subscription.wanted, asking)


def _judged(definition: Definition, spec: WarehouseSpec, status: WarehouseStatus, now: datetime) -> Found:
    """Decide what discovered artifacts mean: Freight, or why there is none."""
    content = assemble(spec, status.discovered)
    if isinstance(content, Incomplete):
        return Found(unhealthy(status, "NothingDiscovered", f"{content.sentence}; check its filters", now))
    if spec.freight_creation_policy == "Manual":
        return Found(ready(status, "Freight is made by hand (freightCreationPolicy Manual)", now))
    if spec.freight_creation_criteria:
        verdict = criteria_satisfied(spec.freight_creation_criteria.expression, status.discovered)
        if verdict.error:
            return Found(unhealthy(status, "CriteriaFailed", verdict.sentence, now))
        if not verdict.satisfied:
            return Found(ready(status, verdict.sentence, now))
    freight = _freight(definition, content, now)
    return Found(ready(replace(status, last_freight=freight.name), "", now), freight)


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
    fresh = None
    if found.freight:
        recorded, created = await ledger.freight.record(found.freight, aliases, now)
        fresh = recorded if created else None
    await ledger.warehouses.record(found.status, now)
    return fresh
