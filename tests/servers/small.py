"""A small project without a world around it: what tests of applying and registering change and look at."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound

from blocks.errors import DrayageError
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord
from deployments.apply import Applied, apply, delete
from deployments.requests import ask_promotion
from flows.promotion.admission import Wish
from flows.start import automation_name, stage_deployment
from flows.world import World, opened_world

MANIFESTS = """\
apiVersion: kargo.akuity.io/v1alpha1
kind: Project
metadata:
  name: PROJECT
---
apiVersion: kargo.akuity.io/v1alpha1
kind: ProjectConfig
metadata:
  name: PROJECT
  namespace: PROJECT
spec:
  promotionPolicies:
  - stageSelector:
      name: regex:^(test|prod)$
    autoPromotionEnabled: true
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata:
  name: images
  namespace: PROJECT
spec:
  interval: 24h
  subscriptions:
  - image:
      repoURL: 127.0.0.1:1/nowhere
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Warehouse
metadata:
  name: configs
  namespace: PROJECT
spec:
  interval: 24h
  subscriptions:
  - image:
      repoURL: 127.0.0.1:1/elsewhere
---
apiVersion: kargo.akuity.io/v1alpha1
kind: PromotionTask
metadata:
  name: note
  namespace: PROJECT
spec:
  steps:
  - uses: compose-output
    as: note
    config:
      said: ${{ ctx.stage }}
"""

MANUAL = MANIFESTS.replace("autoPromotionEnabled: true", "autoPromotionEnabled: false")
"""The same where nothing is promoted by itself."""

STAGE = """\
---
apiVersion: kargo.akuity.io/v1alpha1
kind: Stage
metadata:
  name: NAME
  namespace: PROJECT
spec:
  requestedFreight:
  - origin:
      kind: Warehouse
      name: images
    sources: SOURCES
"""

STEPS = """\
  promotionTemplate:
    spec:
      steps:
      - task:
          name: note
"""

SECOND_ORIGIN = """\
  - origin:
      kind: Warehouse
      name: configs
    sources:
      direct: true
"""


def stage(name: str, *, upstream: str = "", steps: str = STEPS, origins: str = "") -> str:
    """One Stage's manifest, straight from the Warehouse or below another Stage."""
    sources = f"{{stages: [{upstream}]}}" if upstream else "{direct: true}"
    return STAGE.replace("NAME", name).replace("SOURCES", sources) + origins + steps


@dataclass
class Small:
    """A project of a test's own, as files and in the ledger, and what Prefect has of its Stages."""

    here: World
    client: PrefectClient
    project: str
    file: Path

    def write(self, *stages: str, base: str = MANIFESTS) -> None:
        """Write the project's file anew with these Stages."""
        self.file.write_text((base + "".join(stages)).replace("PROJECT", self.project))

    async def apply(self, **options: Any) -> dict[str, str]:
        """Apply the file; what became of each object, by `Kind/name`."""
        return await self.apply_files(str(self.file), **options)

    async def apply_files(self, *files: str, **options: Any) -> dict[str, str]:
        """Apply some files; what became of each object, by `Kind/name`."""
        lines: list[Applied] = await apply(self.here, files, actor="user:test", **options)
        return {f"{line.kind}/{line.name}": line.action for line in lines}

    async def names(self, kind: str) -> list[str]:
        """The names of what the ledger has of a kind."""
        scope = None if kind == "Project" else self.project
        return [each.name for each in await self.here.ledger.definitions.list(kind, scope)]

    async def deployment(self, name: str) -> DeploymentResponse | None:
        """A Stage's deployment."""
        try:
            return await self.client.read_deployment_by_name(f"promote/{stage_deployment(self.project, name)}")
        except ObjectNotFound:
            return None

    async def queue(self, name: str) -> WorkQueue | None:
        """A Stage's work queue."""
        pool = self.here.settings.work_pool
        try:
            return await self.client.read_work_queue_by_name(stage_deployment(self.project, name), work_pool_name=pool)
        except ObjectNotFound:
            return None

    async def automations(self, name: str) -> list[Automation]:
        """A Stage's automations, of which there is one or none."""
        return await self.client.read_automations_by_name(automation_name(self.project, name))

    async def freight(self, tag: str, origin: str = "images") -> FreightRecord:
        """Put a Freight on the shelf."""
        now = datetime.now(UTC)
        name = hashlib.sha1(f"{self.project}/{tag}/{origin}".encode()).hexdigest()
        content = {"images": [{"repoURL": "127.0.0.1:1/nowhere", "tag": tag, "digest": f"sha256:{name}"}]}
        wanted = FreightRecord(self.project, name, f"{origin}-{tag.replace('.', '-')}", origin, content, now, now)
        return (await self.here.ledger.freight.record(wanted, [], now))[0]

    async def promote(self, name: str, freight: FreightRecord) -> PromotionRecord:
        """Ask for a promotion as a person."""
        return await ask_promotion(self.here, Wish(self.project, name, "user:test", freight.name))

    async def pause(self, name: str) -> None:
        """Pause a Stage's work queue, as a person does in the Prefect UI."""
        queue = await self.queue(name)
        assert queue is not None
        await self.client.update_work_queue(queue.id, is_paused=True)

    async def enter(self, name: str, freight: FreightRecord) -> None:
        """Let a Freight have been promoted into a Stage."""
        promotions, now = self.here.ledger.promotions, datetime.now(UTC)
        record = PromotionRecord(
            self.project, f"{name}.{freight.name}", name, freight.name, freight.origin, "user:test", now
        )
        await promotions.create(record)
        until = now + timedelta(minutes=1)
        await promotions.start(self.project, record.name, "test", until, {freight.origin: freight.name}, now)
        await promotions.finish(self.project, record.name, "test", Phase.SUCCEEDED, "", now)

    async def run_state(self, record: PromotionRecord) -> str:
        """The name of the state of a Promotion's run."""
        try:
            return (await self.client.read_flow_run(UUID(record.flow_run_id))).state_name or ""
        except ObjectNotFound:
            return "gone"


@asynccontextmanager
async def opened_small(folder: Path) -> AsyncIterator[Small]:
    """A project with the Stages test and prod, applied."""
    async with opened_world() as here, get_client() as client:
        small = Small(here, client, f"small-{uuid4().hex[:8]}", folder / "small.yaml")
        small.write(stage("test"), stage("prod", upstream="test"))
        try:
            yield small
        finally:
            with suppress(DrayageError):
                await delete(here, "Project", "", small.project, "user:test")
