"""What the demo shows in its full form: prod is verified against three services, and goes back from a bad release."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from blocks.errors import DrayageError, Refused
from blocks.ledger.records import FreightRecord, Phase, VerificationPhase, VerificationRecord
from deployments.apply import apply
from deployments.demo_story import PROJECT, Facts, approve, keep_secrets, prepare, push, say, until, walk
from deployments.demo_table import print_links, stage_table
from deployments.fail import fail
from flows.world import World, opened_world

GOOD, BAD = "1.0.0", "1.1.0"
TOO_HIGH = 0.4
"""Errors among all requests of the bad release in prod. In test and uat it is as good as any."""


async def tell(facts: Facts) -> None:
    """Walk a good image to prod, then a bad one, which is caught there and rolled back. Raises DrayageError."""
    async with opened_world() as here:
        await prepare(here, facts)
        lines = await apply(here, [f"{facts.example}/full", str(_secrets(facts))], actor="user:demo")
        say(f"prod is to be verified against Prometheus, Datadog and CloudWatch: {len(lines)} objects")
        good = await push(here, facts, GOOD)
        await walk(here, good, ["test", "uat"])
        await approve(here, good)
        await walk(here, good, ["prod"])
        _tell_measurements(await _latest(here))
        await _spoil(facts)
        bad = await push(here, facts, BAD)
        await walk(here, bad, ["test", "uat"])
        await approve(here, bad)
        await _caught(here, bad)
        await approve(here, good)  # of the rollback: whoever guards prod is asked for this, too
        await _back(here, good)
        await stage_table(here, PROJECT)
        await print_links(here, PROJECT)


def _secrets(facts: Facts) -> Path:
    """Write the keys of the sandbox's Datadog and CloudWatch."""
    place = f"http://{facts.address}"
    keys = {
        "datadog": {"address": f"{place}/datadog", "api-key": facts.password, "app-key": "demo"},
        "cloudwatch": {
            "accessKeyID": facts.user,
            "secretAccessKey": facts.password,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": f"{place}/cloudwatch",
        },
    }
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": PROJECT, "labels": {"kargo.akuity.io/cred-type": "generic"}},
            "stringData": data,
        }
        for name, data in keys.items()
    ]
    return keep_secrets(Path(facts.example).parent / "metric-secrets.yaml", documents)


async def _spoil(facts: Facts) -> None:
    """Turn the error rate up that the bad release will have in prod."""
    labels = {"app": f"{PROJECT}-prod", "image_tag": BAD}
    async with httpx.AsyncClient(base_url=f"http://{facts.address}", timeout=10, trust_env=False) as http:
        metric = {"name": "http_error_rate", "labels": labels, "value": TOO_HIGH}
        (await http.post("/sandbox/metrics", json=metric)).raise_for_status()
    say(f"release {BAD} will fail for {TOO_HIGH:.0%} of all requests, in prod alone")


async def _caught(here: World, bad: FreightRecord) -> None:
    """Wait until prod's verification of the bad release failed."""
    began = time.monotonic()

    async def failed() -> bool:
        promotion = await here.ledger.promotions.latest_for(PROJECT, "prod", bad.name)
        verification = await here.ledger.verifications.latest(PROJECT, "prod")
        if verification is None or promotion is None or verification.promotion != promotion.name:
            return False
        if verification.phase.terminal and verification.phase != VerificationPhase.FAILED:
            raise Refused(f"the verification of the bad release ended {verification.phase}: {verification.message}")
        return bool(verification.phase.terminal)

    await until(failed, f"the verification of {bad.alias} in prod failed")
    verification = await _latest(here)
    say(f"{bad.alias} is caught in prod ({time.monotonic() - began:.1f} s): {verification.message}")
    _tell_measurements(verification)


async def _back(here: World, good: FreightRecord) -> None:
    """Wait until prod went back by itself, and is verified again."""
    began = time.monotonic()

    async def back() -> bool:
        promotion = await here.ledger.promotions.latest_for(PROJECT, "prod", good.name)
        if promotion is None or not promotion.rollback:
            return False
        if promotion.phase.terminal and promotion.phase is not Phase.SUCCEEDED:
            raise Refused(f"the rollback ended {promotion.phase}: {promotion.message}")
        verification = await here.ledger.verifications.latest(PROJECT, "prod")
        ours = verification is not None and verification.promotion == promotion.name
        return ours and verification is not None and verification.phase == VerificationPhase.SUCCESSFUL

    await until(back, f"prod went back to {good.alias}")
    say(f"prod went back to {good.alias}, as its policy wants, and is verified ({time.monotonic() - began:.1f} s)")


async def _latest(here: World) -> VerificationRecord:
    verification = await here.ledger.verifications.latest(PROJECT, "prod")
    if verification is None:
        raise Refused("prod was never verified")
    return verification


def _tell_measurements(verification: VerificationRecord) -> None:
    for metric in verification.metrics:
        values = ", ".join(each.get("value", "") for each in metric.get("measurements") or [])
        say(f"  {metric['name']}: {metric['phase']} ({values[:120]})")


if __name__ == "__main__":
    try:
        asyncio.run(tell(Facts.read(sys.argv[1])))
    except (DrayageError, httpx.HTTPError) as problem:
        fail(str(problem))
