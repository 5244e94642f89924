"""What the demo shows, step by step, as a user of Drayage would do it: apply, push, watch, approve."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from pydantic import SecretStr
from ruamel.yaml import YAML

from blocks.argocd_block import ArgoCDConnection
from blocks.errors import DrayageError, Refused
from blocks.ledger.records import FreightRecord
from deployments.answers import decide
from deployments.apply import apply
from deployments.demo_table import print_links, stage_table
from deployments.fail import fail
from deployments.refreshes import ask_refresh, wait_for_refresh
from deployments.sandbox.images import push_image
from flows.freight.describe import versions
from flows.warehouse.conditions import condition, healthy
from flows.world import World, opened_world

PROJECT = "guestbook"
IMAGE = "guestbook"
PATIENCE = 180.0
"""Seconds any one thing may take before the demo fails."""


@dataclass(frozen=True)
class Facts:
    """Where the sandbox is and how it is opened."""

    address: str
    user: str
    password: str
    token: str
    example: str

    @classmethod
    def read(cls, file: str) -> "Facts":
        """Read what the demo wrote down."""
        return cls(**json.loads(Path(file).read_text()))


async def tell(facts: Facts) -> None:
    """Walk one image to prod, then show that a second moves and a third does not. Raises DrayageError otherwise."""
    async with opened_world() as here:
        await prepare(here, facts)
        first = await push(here, facts, "1.0.0")
        await walk(here, first, ["test", "uat"])
        await approve(here, first)
        await walk(here, first, ["prod"])
        second = await push(here, facts, "1.1.0")
        await walk(here, second, ["test", "uat"])
        await _push_outside(here, facts, "2.0.0")
        await stage_table(here, PROJECT)
        await print_links(here, PROJECT)


async def prepare(here: World, facts: Facts) -> None:
    """Fill the world, connect Argo CD, apply the example."""
    async with httpx.AsyncClient(base_url=f"http://{facts.address}", timeout=10, trust_env=False) as http:
        files = {
            str(path.relative_to(Path(facts.example) / "repository")): path.read_text()
            for path in (Path(facts.example) / "repository").rglob("*.yaml")
        }
        (await http.post("/sandbox/git/guestbook", json={"files": files})).raise_for_status()
        for application in YAML(typ="safe").load_all((Path(facts.example) / "applications.yaml").read_text()):
            answer = await http.post(
                "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications",
                json=application,
                headers={"authorization": f"Bearer {facts.token}"},
            )
            answer.raise_for_status()
    block = ArgoCDConnection(server=f"http://{facts.address}", token=SecretStr(facts.token))
    await block.asave("default", overwrite=True)
    lines = await apply(here, [f"{facts.example}/pipeline", str(_secrets(facts))], actor="user:demo")
    say(f"applied the example pipeline: {len(lines)} objects")


def _secrets(facts: Facts) -> Path:
    """Write the Secrets that open the sandbox's repositories."""
    urls = {"git": f"http://{facts.address}/git/guestbook.git", "image": f"{facts.address}/{IMAGE}"}
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"{kind}-credentials",
                "namespace": PROJECT,
                "labels": {"kargo.akuity.io/cred-type": kind},
            },
            "stringData": {"repoURL": url, "username": facts.user, "password": facts.password},
        }
        for kind, url in urls.items()
    ]
    return keep_secrets(Path(facts.example).parent / "secrets.yaml", documents)


def keep_secrets(path: Path, documents: list[dict[str, Any]]) -> Path:
    """Write Secrets into a file that this user alone may read."""
    path.touch(mode=0o600)
    with path.open("w") as file:
        YAML(typ="safe").dump_all(documents, file)
    return path


async def push(here: World, facts: Facts, tag: str) -> FreightRecord:
    """Push an image and have the Warehouse look."""
    await _push_image(facts, tag)
    await _refresh(here)
    freight = next(
        (each for each in await here.ledger.freight.list(PROJECT) if tag in versions(each.content).values()), None
    )
    if freight is None:
        raise Refused(f"image {tag} was pushed but became no Freight")
    say(f"pushed {IMAGE}:{tag}, which became Freight {freight.alias}")
    return freight


async def _push_outside(here: World, facts: Facts, tag: str) -> None:
    """Push an image that the constraint keeps out."""
    before = {each.name for each in await here.ledger.freight.list(PROJECT)}
    await _push_image(facts, tag)
    await _refresh(here)
    if fresh := {each.name for each in await here.ledger.freight.list(PROJECT)} - before:
        raise Refused(f"image {tag} is outside the constraint ^1.0.0, yet became Freight {fresh}")
    say(f"pushed {IMAGE}:{tag}: outside the constraint ^1.0.0, so nothing moves")


async def _push_image(facts: Facts, tag: str) -> None:
    await push_image(
        f"http://{facts.address}", IMAGE, tag, created=datetime.now(UTC), auth=(facts.user, facts.password)
    )


async def _refresh(here: World) -> None:
    token = await ask_refresh(here, PROJECT, IMAGE)
    status = await wait_for_refresh(here, PROJECT, IMAGE, token, PATIENCE)
    if not healthy(status):
        raise Refused(f"the Warehouse is not healthy: {condition(status, 'Healthy').get('message', '')}")


async def walk(here: World, freight: FreightRecord, stages: list[str]) -> None:
    """Watch Freight arrive and be verified in one Stage after the other."""
    for stage in stages:
        began = time.monotonic()

        async def verified(stage: str = stage) -> bool:
            await _fail_early(here, freight, stage)
            standing = (await here.ledger.stages.standings(PROJECT, [freight.name])).get(freight.name)
            return standing is not None and stage in standing.verified_in

        await until(verified, f"{freight.alias} verified in {stage}")
        say(f"{freight.alias} runs in {stage} and is verified ({time.monotonic() - began:.1f} s)")


async def _fail_early(here: World, freight: FreightRecord, stage: str) -> None:
    promotion = await here.ledger.promotions.latest_for(PROJECT, stage, freight.name)
    if promotion and promotion.phase.terminal and promotion.phase != "Succeeded":
        raise Refused(f"the promotion of {freight.alias} to {stage} ended {promotion.phase}: {promotion.message}")
    verification = await here.ledger.verifications.latest(PROJECT, stage)
    ours = verification and promotion and verification.promotion == promotion.name and verification.phase.terminal
    if verification and ours and verification.phase != "Successful":
        raise Refused(f"the verification of {stage} ended {verification.phase}: {verification.message}")


async def approve(here: World, freight: FreightRecord) -> None:
    """Wait for prod's run to suspend and fill in its form, through the API that the UI's form uses."""
    waiting: list[str] = []

    async def suspended() -> bool:
        promotion = await here.ledger.promotions.latest_for(PROJECT, "prod", freight.name)
        if promotion is None or promotion.flow_run_id is None:
            return False
        async with get_client() as client:
            run: Any = await client.read_flow_run(promotion.flow_run_id)  # type: ignore[arg-type]
        waiting[:] = [promotion.name]
        return bool(run.state and run.state.name == "Suspended")

    await until(suspended, f"the promotion of {freight.alias} to prod suspended for approval")
    say(f"the promotion of {freight.alias} to prod is suspended: it waits for a person")
    await asyncio.sleep(0.5)  # the form is saved just after the state
    await decide(here, PROJECT, waiting[0], "approve", "demo", "looks good")
    say("approved it as the form in the Prefect UI does")


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something is so. Raises Refused with `what` when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if await true():
            return
        await asyncio.sleep(0.25)
    raise Refused(f"waited {PATIENCE:g} s in vain for: {what}")


def say(text: str) -> None:
    """Show progress."""
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(tell(Facts.read(sys.argv[1])))
    except (DrayageError, httpx.HTTPError) as problem:
        fail(str(problem))
