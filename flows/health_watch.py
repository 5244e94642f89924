"""Watching how Stages are for as long as they hold something: in the ledger, told on change, one watch for all."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from blocks.applications.feed import Feed, Wants
from blocks.applications.slim import slim
from blocks.argocd_block import Connection
from blocks.errors import DrayageError
from blocks.ledger.healths import StageHealth, Watched
from blocks.records import Application
from flows.announce import event, stage_resource
from flows.promotion.argocd.drift import drift
from flows.promotion.argocd.health import judge_health
from flows.publish import publish_stage, try_post
from flows.world import World, world

log = logging.getLogger("drayage")

Json = dict[str, Any]

LEASE = "health"
LEASE_SECONDS = 30.0
PAUSE = 1.0
"""Seconds between two passes, at least: many changes that come together are judged together."""
REST = 20.0
"""Seconds until the next pass when nothing happens; promotions that ended are found by it."""
LISTED = 10.0
"""Seconds the first list of Applications may take."""
REFRESH_AGAIN = 60.0
"""Seconds until an Application whose health is too old is refreshed once more."""
MOST_READ = 200
"""Applications that are read one by one where they may not be listed."""
MOST_SHOWN = 20
"""Stages whose artifacts are renewed after one pass."""


async def watch_health(owner: str) -> None:
    """Watch for ever, in turn with other workers of the installation: whoever has the lease does it."""
    watch: HealthWatch | None = None
    while True:
        rest = REST
        try:
            here = await world()
            watch = watch or HealthWatch(here)
            if await _mine(here, owner):
                rest = PAUSE
                await watch.look()
                await watch.changed(REST)
        except Exception as error:
            log.warning("cannot look at the health of Stages: %s: %s", type(error).__name__, error)
            rest = REST
        await asyncio.sleep(rest)


async def sweep_health(here: World, owner: str) -> list[str]:
    """Look once, where no worker watches."""
    if not await _mine(here, owner):
        return []
    changed = await HealthWatch(here).look()
    return [f"{each.project}/{each.stage} is {each.status}" for each in changed]


async def _mine(here: World, owner: str) -> bool:
    now = datetime.now(UTC)
    return await here.ledger.leases.take(LEASE, f"{owner}/health", now + timedelta(seconds=LEASE_SECONDS), now)


@dataclass
class _Place:
    """Applications of one namespace of one Argo CD, or why they cannot be read."""

    connection: Connection | None = None
    feed: Feed | None = None
    namespace: str = ""
    names: set[str] = field(default_factory=set)
    found: dict[str, Application] = field(default_factory=dict)
    problem: str = ""


class HealthWatch:
    """Looks at all Stages at once, as often as something happens to their Applications."""

    def __init__(self, here: World) -> None:
        """Nothing is watched before the first look."""
        self._here = here
        self._refreshed: dict[str, float] = {}
        self._marks: list[tuple[Feed, int, frozenset[str]]] = []

    async def look(self) -> list[StageHealth]:
        """Judge all Stages, keep what changed and tell it. Returns what changed."""
        self._here.stirred.clear()
        watched = await self._here.ledger.healths.watched()
        places = await self._places(watched)
        now = self._here.clock.now()
        healths = [await self._judged(each, places, now) for each in watched]
        changed = await self._here.ledger.healths.record(healths)
        promoting = {(each.project, each.stage) for each in watched if each.promoting}
        await self._tell([pair for pair in changed if (pair[1].project, pair[1].stage) not in promoting])
        return [each for _, each in changed]

    async def changed(self, seconds: float) -> None:
        """Return when something has happened to an Application or a Stage since the last look, or after a while."""
        waits = [asyncio.ensure_future(feed.changed(mark, _among(names))) for feed, mark, names in self._marks]
        waits.append(asyncio.ensure_future(self._stirred()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _stirred(self) -> None:
        await self._here.stirred.wait()

    async def _places(self, watched: Sequence[Watched]) -> dict[tuple[str, str, str], _Place]:
        """Find all Applications that Stages registered, by project, connection and namespace."""
        wanted: defaultdict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for each in watched:
            for check in each.checks:
                namespaces = wanted[each.project, str(check.get("argocd") or "")]
                namespaces[str(check.get("namespace") or "")].add(str(check["name"]))
        places: dict[tuple[str, str, str], _Place] = {}
        for (project, name), namespaces in wanted.items():
            places |= await self._connected(project, name, namespaces)
        by_feed: defaultdict[Feed, set[str]] = defaultdict(set)
        for place in places.values():
            if place.feed:
                by_feed[place.feed] |= {f"{place.namespace}/{name}" for name in place.names}
        self._marks = [(feed, feed.mark(), frozenset(names)) for feed, names in by_feed.items()]
        await asyncio.gather(*(feed.listed(LISTED) for feed in by_feed))
        await asyncio.gather(*(_fill(place) for place in places.values()))
        return places

    async def _connected(
        self, project: str, name: str, namespaces: dict[str, set[str]]
    ) -> dict[tuple[str, str, str], _Place]:
        try:
            connection = await self._here.argocd(project, name)
        except DrayageError as error:
            return {(project, name, namespace): _Place(problem=str(error)) for namespace in namespaces}
        return {
            (project, name, namespace): _Place(
                connection,
                connection.feed(namespace or connection.namespace),
                namespace or connection.namespace,
                names,
            )
            for namespace, names in namespaces.items()
        }

    async def _judged(self, each: Watched, places: dict[tuple[str, str, str], _Place], now: datetime) -> StageHealth:
        mine = [
            (check, places[each.project, str(check.get("argocd") or ""), str(check.get("namespace") or "")])
            for check in each.checks
        ]
        if each.promoting:
            return _health(each, now, "Unknown", [f"Promotion {each.promoting!r} is under way"])
        if problems := list(dict.fromkeys(place.problem for _, place in mine if place.problem)):
            return _health(each, now, "Unknown", problems)
        # Applications of different Argo CDs may have the same name: each check is judged among its own.
        verdicts = [
            (judge_health([check], list(_named(place, check)), place.namespace), place) for check, place in mine
        ]
        for verdict, place in verdicts:
            for application in verdict.refresh:
                await self._refresh(place, application)
        worst = judge_health([], [])
        for verdict, _ in verdicts:
            worst = worst.worse_of(verdict)
        found = [(check, list(_named(place, check)), place.namespace) for check, place in mine]
        drifted = [sentence for check, apps, where in found for sentence in drift([check], apps, [], where)]
        every = [application for _, apps, _ in found for application in apps]
        return _health(each, now, worst.status, worst.issues, drifted + drift([], every, each.images))

    async def _refresh(self, place: _Place, application: Application) -> None:
        """Ask Argo CD to look again, once in a while: what it thinks is older than its last operation."""
        where = (application["metadata"]["namespace"], application["metadata"]["name"])
        key, now = "/".join((str(id(place.feed)), *where)), monotonic()
        if place.connection is None or now - self._refreshed.get(key, float("-inf")) < REFRESH_AGAIN:
            return
        self._refreshed = {name: at for name, at in self._refreshed.items() if now - at < REFRESH_AGAIN} | {key: now}
        try:
            await place.connection.refresh(*where)
        except DrayageError as error:
            log.info("cannot have Application %s looked at again: %s", "/".join(where), error)

    async def _tell(self, changed: Sequence[tuple[str, StageHealth]]) -> None:
        if not self._here.tells or not changed:
            return
        await try_post([_event(before, each) for before, each in changed if before != each.status])
        for _, each in changed[:MOST_SHOWN]:
            await publish_stage(self._here, each.project, each.stage)


def _among(names: frozenset[str]) -> Wants:
    return lambda name, _labels: name in names


async def _fill(place: _Place) -> None:
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


def _named(place: _Place, check: Json) -> Sequence[Application]:
    application = place.found.get(str(check["name"]))
    return [application] if application else []


def _health(each: Watched, now: datetime, status: str, issues: list[str], drifted: Sequence[str] = ()) -> StageHealth:
    said = list(dict.fromkeys(drifted))
    return StageHealth(each.project, each.stage, status, issues[:50], said[:50], each.promotion, now)


def _event(before: str, health: StageHealth) -> Json:
    payload = {
        "status": health.status,
        "before": before,
        "issues": health.issues,
        "drift": health.drift,
        "promotion": health.promotion,
    }
    return event(
        f"stage.{health.status.lower()}",
        stage_resource(health.project, health.stage),
        payload,
        key=f"{health.project}/{health.stage}/{health.since.isoformat()}",
        project=health.project,
    )
