"""Where Applications of Stages are: read from a watch or one by one, and what they say of a Stage."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from blocks.applications.feed import Feed
from blocks.applications.slim import key, slim
from blocks.argocd_block import Connection
from blocks.errors import DrayageError
from blocks.ledger.healths import StageHealth, Watched
from blocks.records import Application
from flows.promotion.argocd.drift import drift
from flows.promotion.argocd.health import judge_health

log = logging.getLogger("drayage")

Json = dict[str, Any]
Where = tuple[str, str, str]
"""Project, connection and namespace, empty where a Stage names none."""

MOST_READ = 200
"""Applications that are read one by one where they may not be listed."""


@dataclass
class Place:
    """Applications of one namespace of one Argo CD, or why they cannot be read."""

    connection: Connection | None = None
    feed: Feed | None = None
    namespace: str = ""
    names: set[str] = field(default_factory=set)
    found: dict[str, Application] = field(default_factory=dict)
    problem: str = ""


async def fill(place: Place) -> None:
    """Take Applications from the watch; where there is none, read them one by one."""
    if place.connection is None or place.feed is None:
        return
    if place.feed.is_current:
        place.found = {
            name: known for name in place.names if (known := place.feed.known.get(f"{place.namespace}/{name}"))
        }
        return
    if len(place.names) > MOST_READ:
        place.problem = f"{len(place.names)} Applications cannot be watched: {place.feed.problem}"
        return
    try:
        for name in sorted(place.names):
            if application := await place.connection.get(place.namespace, name):
                place.found[name] = slim(application)
    except DrayageError as error:
        place.problem = str(error)


def judged(
    each: Watched, places: Mapping[Where, Place], now: datetime, stale: list[tuple[Place, Application]]
) -> StageHealth:
    """Judge one Stage; Applications whose health is too old to be believed are added to `stale`."""
    mine = [
        (check, places[each.project, str(check.get("argocd") or ""), str(check.get("namespace") or "")])
        for check in each.checks
    ]
    if each.promoting:
        return _health(each, now, "Unknown", [f"Promotion {each.promoting!r} is under way"])
    if problems := list(dict.fromkeys(place.problem for _, place in mine if place.problem)):
        return _health(each, now, "Unknown", problems)
    # Applications of different Argo CDs may have the same name: each check is judged among its own.
    verdicts = [(judge_health([check], list(_named(place, check)), place.namespace), place) for check, place in mine]
    stale += [(place, application) for verdict, place in verdicts for application in verdict.refresh]
    worst = judge_health([], [])
    for verdict, _ in verdicts:
        worst = worst.worse_of(verdict)
    found = [(check, list(_named(place, check)), place.namespace) for check, place in mine]
    drifted = [sentence for check, apps, where in found for sentence in drift([check], apps, [], where)]
    every = [application for _, apps, _ in found for application in apps]
    return _health(each, now, worst.status, worst.issues, drifted + drift([], every, each.images))


async def refresh(place: Place, application: Application) -> None:
    """Ask Argo CD to look at an Application again; that it cannot be asked is only logged."""
    try:
        if place.connection:
            await place.connection.refresh(application["metadata"]["namespace"], application["metadata"]["name"])
    except DrayageError as error:
        log.info("cannot have Application %s looked at again: %s", key(application), error)


def _named(place: Place, check: Json) -> Sequence[Application]:
    application = place.found.get(str(check["name"]))
    return [application] if application else []


def _health(each: Watched, now: datetime, status: str, issues: list[str], drifted: Sequence[str] = ()) -> StageHealth:
    said = list(dict.fromkeys(drifted))
    return StageHealth(each.project, each.stage, status, issues[:50], said[:50], each.promotion, now)
