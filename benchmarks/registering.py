"""What registering Stages with Prefect costs: all of them, all of them again, and with one changed."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
from prefect.client.orchestration import get_client

from blocks.ledger.records import Definition
from deployments.register_stages import register_stages
from flows.stage.pipeline import Pipeline, build_pipeline

POOL = "drayage"


async def measure(definitions: Sequence[Definition]) -> dict[str, Any]:
    """Return seconds and calls to Prefect's API, and of how many Stages something was written."""
    first, again = await _registered(definitions), await _registered(definitions)
    changed = await _registered(_with_one_changed(definitions))
    return {"first": first, "again": again, "one_changed": changed}


async def _registered(definitions: Sequence[Definition]) -> dict[str, Any]:
    calls: list[str] = []

    async def note(request: httpx.Request) -> None:
        calls.append(request.url.path)

    began = time.perf_counter()
    async with get_client(httpx_settings={"event_hooks": {"request": [note]}}) as client:
        touched = await register_stages(client, POOL, _pipelines(definitions), True, _say)
    return {"seconds": round(time.perf_counter() - began, 2), "calls": len(calls), "touched": touched}


def _pipelines(definitions: Sequence[Definition]) -> list[Pipeline]:
    by_project: defaultdict[str, list[Definition]] = defaultdict(list)
    for each in definitions:
        if each.project:
            by_project[each.project].append(each)
    return [build_pipeline(project, defined) for project, defined in by_project.items()]


def _with_one_changed(definitions: Sequence[Definition]) -> list[Definition]:
    changed = next(each for each in definitions if each.kind == "Stage")
    steps = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}}
    other = replace(changed, manifest=changed.manifest | {"spec": changed.spec | steps})
    return [other if each is changed else each for each in definitions]


def _say(done: int, of: int) -> None:
    if done % max(1, of // 5) == 0:
        print(f"  registered {done} of {of}", flush=True)
