"""Refreshes: a look at Warehouses now instead of when they are due, at all of them or only at what has changed."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prefect.client.orchestration import get_client
from pydantic import ValidationError

from blocks.errors import NotFound, Refused, Unreachable
from blocks.ledger.records import Definition, WarehouseStatus
from flows.discover import no_warehouse
from flows.start import start_refresh
from flows.warehouse.asking import Hint
from flows.warehouse.hints import concerns, to_json, watches, whole
from flows.warehouse.model import Subscription, WarehouseSpec
from flows.world import World

POLL = 0.25

ALL = Hint()


@dataclass(frozen=True)
class Asked:
    """A Warehouse that was asked for, and the token under which that will be handled."""

    project: str
    warehouse: str
    token: str


async def ask_refresh(here: World, project: str, warehouse: str, hint: Hint = ALL) -> str:
    """Ask for a look at a Warehouse now; with a hint only at what that says has changed.

    Returns the token under which it will be handled. Raises NotFound without such a Warehouse, and Refused when
    the hint is about nothing that it watches.
    """
    definition = await here.ledger.definitions.get("Warehouse", project, warehouse)
    if definition is None:
        raise await no_warehouse(here.ledger, project, warehouse)
    _check(definition, hint)
    token = await here.ledger.warehouses.request_refresh([(project, warehouse)], to_json(hint), datetime.now(UTC))
    async with get_client() as client:
        await start_refresh(client, token, project, warehouse)
    return token


async def ask_refresh_of(here: World, repo_url: str, hint: Hint = ALL) -> list[Asked]:
    """Ask for a look at every Warehouse, of any project, that watches a repository which has changed as the hint says.

    The URL may be spelled in any way. Returns whom that concerns; for all of them one run is started.
    """
    hint = replace(hint, repo_url=repo_url)
    definitions = await here.ledger.definitions.list("Warehouse")
    keys = [(each.project, each.name) for each in definitions if _concerned(each, hint)]
    if not keys:
        return []
    token = await here.ledger.warehouses.request_refresh(keys, to_json(hint), datetime.now(UTC))
    async with get_client() as client:
        await start_refresh(client, token)
    return [Asked(project, name, token) for project, name in keys]


async def wait_for_refresh(
    here: World, project: str, warehouse: str, token: str, seconds: float = 300.0
) -> WarehouseStatus:
    """Wait until a refresh was handled. Raises Unreachable when nobody does within `seconds`, NotFound when it goes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = await here.ledger.warehouses.status(project, warehouse)
        if status.refresh_handled >= token:
            return status
        await asyncio.sleep(POLL)
    raise await _missed(here, project, warehouse, seconds)


async def _missed(here: World, project: str, warehouse: str, seconds: float) -> Exception:
    if await here.ledger.definitions.get("Warehouse", project, warehouse) is None:
        return NotFound(f"Warehouse {warehouse!r} of project {project!r} was deleted before anybody looked at it")
    looked_at = await here.ledger.warehouses.looked_at([(project, warehouse)], datetime.now(UTC))
    if (project, warehouse) not in looked_at:
        return Unreachable(
            f"nobody looked at Warehouse {warehouse!r} within {seconds:g} s: check that a worker runs and that the "
            "deployment 'discover' is not paused; the refresh stays asked for"
        )
    since = looked_at[(project, warehouse)]
    began = f" since {since:%H:%M:%S} UTC" if since else ""
    return Unreachable(
        f"Warehouse {warehouse!r} has been looked at{began} without an end after {seconds:g} s: a repository that it "
        "watches is slow or does not answer; the refresh is handled when that look ends"
    )


def _concerned(definition: Definition, hint: Hint) -> bool:
    return any(concerns(hint, each) for each in _subscriptions(definition))


def _subscriptions(definition: Definition) -> list[Subscription]:
    """A manifest that cannot be read watches nothing; its own look says so."""
    try:
        return WarehouseSpec.model_validate(definition.spec).subscriptions
    except ValidationError:
        return []


def _check(definition: Definition, hint: Hint) -> None:
    subscriptions = _subscriptions(definition)
    if hint == ALL or not subscriptions or _concerned(definition, hint):
        return
    named = hint.repo_url
    if named and not any(watches(named, each) for each in subscriptions):
        places = ", ".join(each.place for each in subscriptions)
        raise Refused(f"Warehouse {definition.name!r} does not watch {named!r}; it watches {places}")
    where = f"to {named} " if named and not whole(hint) else ""
    raise Refused(
        f"no subscription {where}of Warehouse {definition.name!r} can find anything new by that: a tag concerns "
        "images, charts and Git tags, a branch, a commit or paths concern Git branches that pass the path filters; "
        "leave the options out to look at everything"
    )
