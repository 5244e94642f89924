"""The example pipeline over a sandbox of its own: what tests of flows push through and look at."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from pydantic import SecretStr
from ruamel.yaml import YAML

from blocks.argocd_block import ArgoCDConnection
from blocks.credentials import block_name
from blocks.errors import DrayageError
from blocks.ledger.records import FreightRecord, PromotionRecord, Standing
from deployments.apply import Applied, apply, delete
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.freight.describe import versions
from flows.world import World, opened_world

EXAMPLE = Path(__file__).parents[2] / "deployments" / "examples" / "guestbook"
PATIENCE = 5
"""How much slower than an idle machine a test waits before it gives up."""

USER, PASSWORD, TOKEN = "drayage", "planted-password-7f3a", "planted-token-91bc"


@dataclass
class Guestbook:
    """The example under a project name of its own."""

    here: World
    sandbox: Sandbox
    project: str
    folder: Path

    async def push(self, tag: str) -> FreightRecord:
        """Push an image and have it discovered in this process. Raises AssertionError when no Freight comes of it."""
        from flows.discover import discover

        await self.push_image(tag)
        await discover(self.project, "guestbook")
        freight = await self.freight(tag)
        assert freight is not None, (await self.here.ledger.warehouses.status(self.project, "guestbook")).conditions
        return freight

    async def push_image(self, tag: str) -> str:
        """Push an image and nothing more."""
        return await push_image(self.sandbox.url, "guestbook", tag, created=datetime.now(UTC), auth=(USER, PASSWORD))

    async def freight(self, tag: str) -> FreightRecord | None:
        """The Freight that holds a tag."""
        known = await self.here.ledger.freight.list(self.project)
        return next((each for each in known if tag in versions(each.content).values()), None)

    async def standing(self, freight: FreightRecord) -> Standing:
        """Where a Freight stands."""
        standings = await self.here.ledger.stages.standings(self.project, [freight.name])
        return standings.get(freight.name, Standing())

    async def verified(self, freight: FreightRecord, stage: str, seconds: float = 45) -> datetime:
        """Wait until a Freight is verified in a Stage."""

        async def there() -> bool:
            return stage in (await self.standing(freight)).verified_in

        await until(there, f"{freight.alias} verified in {stage}", seconds)
        return (await self.standing(freight)).verified_in[stage].verified_at

    async def promotion(self, freight: FreightRecord, stage: str, seconds: float = 30) -> PromotionRecord:
        """Wait for the Promotion of a Freight to a Stage."""
        found: list[PromotionRecord] = []

        async def there() -> bool:
            record = await self.here.ledger.promotions.latest_for(self.project, stage, freight.name)
            found[:] = [record] if record and record.flow_run_id else []
            return bool(found)

        await until(there, f"a promotion of {freight.alias} to {stage}", seconds)
        return found[0]

    async def ended(self, record: PromotionRecord, seconds: float = 45) -> PromotionRecord:
        """Wait until a Promotion has ended."""

        async def over() -> bool:
            now = await self.here.ledger.promotions.get(self.project, record.name)
            return now is not None and now.phase.terminal

        await until(over, f"the end of {record.name}", seconds)
        ended = await self.here.ledger.promotions.get(self.project, record.name)
        assert ended is not None
        return ended

    async def run_state(self, record: PromotionRecord) -> str:
        """The name of the state of a Promotion's flow run."""
        async with get_client() as client:
            run = await client.read_flow_run(UUID(record.flow_run_id))
        return run.state_name or ""

    async def commits(self, branch: str) -> list[str]:
        """The messages of a branch of the GitOps repository, newest first."""
        path = self.folder / "sandbox" / "git" / "guestbook.git"
        arguments = ["git", "-C", str(path), "log", "--format=%B%x00", branch]
        process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return [message.strip() for message in output.decode().split("\0") if message.strip()]

    async def apply(self, *paths: str, **options: Any) -> list[Applied]:
        """Apply the example, or other files, as a user would."""
        files = list(paths) or [str(self.folder / "example" / "pipeline"), str(self.folder / "secrets.yaml")]
        return await apply(self.here, files, actor="user:test", **options)


@asynccontextmanager
async def opened_guestbook(
    folder: Path, project: str, edit: Callable[[str], str] = lambda text: text
) -> AsyncIterator[Guestbook]:
    """Start a sandbox, fill it, connect Argo CD and apply the example. `edit` may change the manifests' text."""
    users = {USER: PASSWORD}
    async with opened_world() as here, Sandbox(folder / "sandbox", users=users, token=TOKEN) as sandbox:
        opened = Guestbook(here, sandbox, project, folder)
        _write_example(opened, edit)
        await _fill(opened)
        block = ArgoCDConnection(server=sandbox.url, token=SecretStr(TOKEN))
        await block.asave(block_name(project, "argocd"), overwrite=True)
        await opened.apply()
        try:
            yield opened
        finally:  # what nobody needs any more would keep the machine busy for the tests to come
            with suppress(DrayageError):
                await delete(here, "Project", "", project, "user:test")


def only_test(text: str, approval: bool = False) -> str:
    """Edit the example so that of its Stages `test` alone is left; with `approval` people decide about it."""
    documents = [each for each in text.split("\n---\n") if "kind: Stage\n" not in each or "name: test\n" in each]
    text = "\n---\n".join(documents)
    return text.replace("    name: prod\n  approval:", "    name: test\n  approval:") if approval else text


async def until(true: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
    """Wait until something is so that comes within `seconds` on an idle machine.

    Raises AssertionError with `what` when it does not come in many times that long.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        if await true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"waited {seconds * PATIENCE} s in vain for: {what}")


def _write_example(guestbook: Guestbook, edit: Callable[[str], str]) -> None:
    """Copy the example, with this sandbox's address and this test's project in the place of the written ones."""
    for file in EXAMPLE.rglob("*.yaml"):
        text = file.read_text().replace("127.0.0.1:8099", guestbook.sandbox.host)
        if "repository" not in file.parts:
            text = edit(_renamed(text, guestbook.project))
        target = guestbook.folder / "example" / file.relative_to(EXAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"{kind}-credentials",
                "namespace": guestbook.project,
                "labels": {"kargo.akuity.io/cred-type": kind},
            },
            "stringData": {"repoURL": url, "username": USER, "password": PASSWORD},
        }
        for kind, url in (
            ("git", guestbook.sandbox.git_url("guestbook")),
            ("image", f"{guestbook.sandbox.host}/guestbook"),
        )
    ]
    with (guestbook.folder / "secrets.yaml").open("w") as file:
        YAML(typ="safe").dump_all(secrets, file)


def _renamed(text: str, project: str) -> str:
    text = text.replace("namespace: guestbook\n", f"namespace: {project}\n")
    text = text.replace("authorized-stage: guestbook:", f"authorized-stage: {project}:")
    for kind in ("Project", "ProjectConfig"):
        text = text.replace(
            f"kind: {kind}\nmetadata:\n  name: guestbook\n", f"kind: {kind}\nmetadata:\n  name: {project}\n"
        )
    return text


async def _fill(guestbook: Guestbook) -> None:
    repository = guestbook.folder / "example" / "repository"
    files = {str(path.relative_to(repository)): path.read_text() for path in repository.rglob("*.yaml")}
    await guestbook.sandbox.create_repository("guestbook", files)
    applications = YAML(typ="safe").load_all((guestbook.folder / "example" / "applications.yaml").read_text())
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=guestbook.sandbox.url, headers=headers, timeout=10) as http:
        for application in applications:
            url = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
            (await http.post(url, json=application)).raise_for_status()
