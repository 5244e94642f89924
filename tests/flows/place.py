"""A project whose Warehouses nobody but the test looks at."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client

from blocks.ledger.records import Definition
from deployments.sandbox.faults import Fault
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.warehouse.conditions import condition
from flows.world import World

BUILT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Place:
    """A project with a sandbox and a ledger of its own, so that no worker looks at its Warehouses."""

    here: World
    sandbox: Sandbox
    project: str

    async def watch(self, *names, **image):
        """Define Warehouses, each watching the image of its name, and one Stage that takes all of them by itself."""
        wanted = [self._warehouse(name, image) for name in names]
        wanted += [Definition("Project", "", self.project, {"metadata": {"name": self.project}}), self._policy()]
        wanted += [self._stage(f"test-{name}", name) for name in names]
        await self.here.ledger.definitions.apply(wanted, [], "user:test", datetime.now(UTC))

    async def push(self, name, tag="1.0.0"):
        """Push an image."""
        return await push_image(self.sandbox.url, name, tag, created=BUILT)

    def now(self, seconds=0):
        """The time, or so many seconds later."""
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def disturb(self, path, **fault):
        """Disturb requests below a path."""
        self.sandbox.faults.add(Fault(match=path, **fault))

    def asked(self, path):
        """How often paths that begin so were asked for."""
        return sum(count for asked, count in self.sandbox.faults.requests.items() if asked.startswith(path))

    async def condition(self, name):
        """Status, reason and message of a Warehouse's condition Healthy."""
        found = condition(await self.here.ledger.warehouses.status(self.project, name), "Healthy")
        return found["status"], found["reason"], found["message"]

    async def freight(self):
        """Origins of all Freight."""
        return sorted(each.origin for each in await self.here.ledger.freight.list(self.project, limit=1_000))

    async def later(self, name, seconds):
        """Let a Warehouse have been looked at longer ago."""
        status = await self.here.ledger.warehouses.status(self.project, name)
        ago = datetime.now(UTC) - timedelta(seconds=seconds)
        await self.here.ledger.warehouses.record(replace(status, discovered_at=ago), ago)

    async def events(self, name):
        """Payloads of Prefect's events of a name in this project."""
        related = {"id": [f"drayage.project.{self.project}"]}
        asked = {"filter": {"event": {"name": [f"drayage.{name}"]}, "related": related}, "limit": 50}
        async with get_client() as client:
            answer = await client.request("POST", "/events/filter", json=asked)
        return [each["payload"] for each in answer.json()["events"]]

    def _warehouse(self, name, image):
        subscription = {"repoURL": f"{self.sandbox.host}/{name}", "constraint": "^1.0.0", **image}
        spec = {"interval": "5m0s", "subscriptions": [{"image": subscription}]}
        return Definition("Warehouse", self.project, name, {"spec": spec})

    def _policy(self):
        spec = {"promotionPolicies": [{"stageSelector": {"name": "glob:*"}, "autoPromotionEnabled": True}]}
        return Definition("ProjectConfig", self.project, self.project, {"spec": spec})

    def _stage(self, name, warehouse):
        request = {"origin": {"kind": "Warehouse", "name": warehouse}, "sources": {"direct": True}}
        steps = [{"uses": "fail", "config": {"message": "never run"}}]
        spec = {"requestedFreight": [request], "promotionTemplate": {"spec": {"steps": steps}}}
        return Definition("Stage", self.project, name, {"spec": spec})
