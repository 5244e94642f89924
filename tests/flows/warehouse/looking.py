"""Looking at a Warehouse as `discover` does, with a real ledger, at a time the test chooses."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.ledger.records import Definition
from blocks.records import Credentials
from flows.freight.alias import suggest
from flows.warehouse.asking import Sources
from flows.warehouse.conditions import condition
from flows.warehouse.discovery import discover_warehouse, record_found
from flows.warehouse.model import WarehouseSpec
from flows.warehouse.occasion import WHOLE

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AUTH = ("ana", "pa55word")
QUICK = Limits(timeout=1.0, attempts=1)
ANA = Credentials("ana-secret", *AUTH)


def warehouse(*subscriptions, generation=1, **spec):
    """A Warehouse of project `acme`; each subscription is what its `git` or `image` says."""
    spec = {"interval": "5m0s", "subscriptions": list(subscriptions), **spec}
    WarehouseSpec.model_validate(spec)
    return Definition("Warehouse", "acme", "main", {"spec": spec}, generation)


def image(repo, **more):
    """A subscription to images, of versions from 1.0.0 below 2 unless said otherwise."""
    return {"image": {"repoURL": repo, "constraint": "^1.0.0", **more}}


def git(repo, **more):
    """A subscription to the newest commit of a branch."""
    return {"git": {"repoURL": repo, **more}}


def chart(repo, name="", **more):
    """A subscription to a chart, of versions from 1.0.0 below 2 unless said otherwise."""
    named = {"name": name} if name else {}
    return {"chart": {"repoURL": repo, **named, "semverConstraint": "^1.0.0", **more}}


def tags(freight):
    """The tags of a Freight's images."""
    return [each["tag"] for each in freight.content["images"]]


def quick_registry():
    """A registry client that gives up soon and sends passwords to this machine."""
    return ImageRegistry(allow_plain_http_credentials=True, limits=QUICK)


@dataclass
class Looker:
    """Looks again and again, remembering in the ledger what it saw."""

    ledger: object
    registry: object
    mirrors: object
    charts: object = None
    web: object = None
    credentials: dict = field(default_factory=dict)
    timeout: float = 30.0

    async def look(self, definition, seconds=0.0, why=WHOLE):
        """Look at a Warehouse `seconds` after the start, for a reason. Returns the fresh Freight, if any."""
        now = START + timedelta(seconds=seconds)
        status = await self.status(definition)
        cache, seconds = self.ledger.cache, self.timeout
        sources = Sources(
            self.registry,
            self.mirrors,
            cache,
            self._find,
            self.charts,
            self.web,
            index=self.ledger.index,
            timeout=seconds,
        )
        found = await discover_warehouse(definition, status, sources, now, why)
        return await record_found(self.ledger, found, suggest(random.Random(1)), now)

    async def status(self, definition):
        """What was last seen of the Warehouse."""
        return await self.ledger.warehouses.status(definition.project, definition.name)

    async def condition(self, definition, kind="Healthy"):
        """Status, reason and message of a condition; nothing when there is none."""
        found = condition(await self.status(definition), kind)
        if not found:
            return None
        return found["status"], found["reason"], found["message"]

    async def freight(self):
        """Names of all Freight there is."""
        return sorted(each.name for each in await self.ledger.freight.list("acme"))

    async def _find(self, cred_type, repo_url):
        return self.credentials.get(cred_type)
