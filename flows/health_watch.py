"""Watching how Stages are for as long as they hold something: in the ledger, told on change, one watch for all."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from blocks.applications.feed import Feed, Wants
from blocks.applications.slim import key
from blocks.errors import DrayageError
from blocks.ledger.healths import StageHealth, Watched
from blocks.records import Application
from flows.announce import event, stage_resource
from flows.health_places import Place, Where, fill, judged, refresh
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
MOST_REFRESHED = 50
"""Applications that are refreshed after one pass, at once."""
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
        stale: list[tuple[Place, Application]] = []
        healths = [judged(each, places, now, stale) for each in watched]
        changed = await self._here.ledger.healths.record(healths)
        promoting = {(each.project, each.stage) for each in watched if each.promoting}
        await self._tell([pair for pair in changed if (pair[1].project, pair[1].stage) not in promoting])
        await self._refresh(stale)
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

    async def _places(self, watched: Sequence[Watched]) -> dict[Where, Place]:
        """Find all Applications that Stages registered, by project, connection and namespace."""
        wanted: defaultdict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for each in watched:
            for check in each.checks:
                namespaces = wanted[each.project, str(check.get("argocd") or "")]
                namespaces[str(check.get("namespace") or "")].add(str(check["name"]))
        places: dict[Where, Place] = {}
        for (project, name), namespaces in wanted.items():
            places |= await self._connected(project, name, namespaces)
        by_feed: defaultdict[Feed, set[str]] = defaultdict(set)
        for place in places.values():
            if place.feed:
                by_feed[place.feed] |= {f"{place.namespace}/{name}" for name in place.names}
        self._marks = [(feed, feed.mark(), frozenset(names)) for feed, names in by_feed.items()]
        await asyncio.gather(*(feed.listed(LISTED) for feed in by_feed))
        await asyncio.gather(*(fill(place) for place in places.values()))
        return places

    async def _connected(self, project: str, name: str, namespaces: dict[str, set[str]]) -> dict[Where, Place]:
        try:
            connection = await self._here.argocd(project, name)
        except DrayageError as error:
            return {(project, name, namespace): Place(problem=str(error)) for namespace in namespaces}
        return {
            (project, name, namespace): Place(
                connection,
                connection.feed(namespace or connection.namespace),
                namespace or connection.namespace,
                names,
            )
            for namespace, names in namespaces.items()
        }

    async def _refresh(self, stale: Sequence[tuple[Place, Application]]) -> None:
        """Ask Argo CD to look again, once in a while: what it thinks is older than an Application's last operation."""
        now = monotonic()
        self._refreshed = {name: at for name, at in self._refreshed.items() if now - at < REFRESH_AGAIN}
        named = {f"{id(place.feed)}/{key(application)}": (place, application) for place, application in stale}
        due = [name for name in named if name not in self._refreshed][:MOST_REFRESHED]
        self._refreshed |= dict.fromkeys(due, now)
        await asyncio.gather(*(refresh(*named[name]) for name in due))

    async def _tell(self, changed: Sequence[tuple[str, StageHealth]]) -> None:
        if not self._here.tells or not changed:
            return
        await try_post([_event(before, each) for before, each in changed if before != each.status])
        for _, each in changed[:MOST_SHOWN]:
            await publish_stage(self._here, each.project, each.stage)


def _among(names: frozenset[str]) -> Wants:
    return lambda name, _labels: name in names


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
