"""What a look at a repository of 10,000 tags costs: NewestBuild, 20 ms more for each round trip.

    python -m benchmarks.discovery_images [--tags 10000]

Each look runs in a process of its own, against a registry in another. The floor are the same calls made by bare httpx
at the same concurrency, once before and once after the cold look.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.slow_registry import PAGE, REPOSITORY, SlowRegistry
from blocks.budget import Budgets, Pace
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from blocks.records import Credentials
from blocks.registry.session import CONCURRENT
from flows.warehouse.asking import Asking, Sources
from flows.warehouse.discover_image import discover_image
from flows.warehouse.model import ImageSubscription

TAGS = 10_000
ROUND_TRIP = 0.02
"""Seconds the registry takes for each answer."""
UNPACED = Pace(per_second=1_000_000, concurrent=1_000, share=1_000)
LONGEST = 1_800.0

Json = dict[str, Any]


async def nobody(cred_type: str, repo_url: str) -> Credentials | None:
    """Know no credentials."""
    return None


async def look(host: str, ledger_url: str) -> Json:
    """Look once, as a Warehouse does, and tell how long it took and how much memory the process needed in all."""
    ledger, registry = await Ledger.open(ledger_url), ImageRegistry(budgets=Budgets(UNPACED))
    subscription = ImageSubscription.model_validate(
        {"repoURL": f"{host}/acme/app", "imageSelectionStrategy": "NewestBuild"}
    )
    sources = Sources(registry, None, ledger.cache, nobody, index=ledger.index, timeout=LONGEST)
    began = time.perf_counter()
    entry = await discover_image(subscription, Asking(sources, datetime.now(UTC)))
    seconds = time.perf_counter() - began
    await registry.aclose()
    await ledger.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return {"seconds": seconds, "memory_mib": peak, "best": entry["references"][0]["tag"]}


async def floor(host: str, tags: int) -> Json:
    """Make the calls of a cold look with httpx alone."""
    paths = [*SlowRegistry(tags, 0).content, *(f"{REPOSITORY}/tags/list?last={at}" for at in range(0, tags, PAGE))]
    left = iter(paths)

    async def work(http: httpx.AsyncClient) -> None:
        for path in left:
            (await http.get(f"http://{host}{path}")).raise_for_status()

    began = time.perf_counter()
    async with httpx.AsyncClient(timeout=60) as http:
        await asyncio.gather(*(work(http) for _ in range(CONCURRENT)))
    return {"seconds": time.perf_counter() - began}


@asynccontextmanager
async def served(tags: int) -> AsyncIterator[str]:
    """Run the registry in a process of its own and yield its host and port."""
    arguments = ("-m", "benchmarks.slow_registry", str(tags), str(ROUND_TRIP))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


async def in_a_process(*arguments: str) -> Json:
    """Run one part of this benchmark in a fresh process and return what it says."""
    command = (sys.executable, "-m", "benchmarks.discovery_images", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == 0, f"{arguments[0]} ended with {process.returncode}"
    answer: Json = json.loads(said)
    return answer


async def measure(tags: int = TAGS) -> Json:
    """Look cold, unchanged and with one new tag. Times in seconds, memory in MiB, calls as the registry counts them."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = f"sqlite:///{Path(folder) / 'ledger.db'}"
        async with served(tags) as host, httpx.AsyncClient(base_url=f"http://{host}") as http:

            async def calls() -> int:
                return int((await http.get("/calls")).text)

            floors = [await in_a_process("floor", host, str(tags))]
            floor_calls = await calls()
            cold = await in_a_process("look", host, ledger)
            cold_calls = await calls()
            floors.append(await in_a_process("floor", host, str(tags)))
            await calls()
            unchanged = await in_a_process("look", host, ledger)
            unchanged_calls = await calls()
            await http.get("/push")
            one_new = await in_a_process("look", host, ledger)
            one_new_calls = await calls()
    assert one_new["best"] == f"build-{tags:06}"
    floor_seconds = sum(each["seconds"] for each in floors) / len(floors)
    return {
        "cold_ratio": round(cold["seconds"] / floor_seconds, 3),
        "cold_s": round(cold["seconds"], 2),
        "floor_s": round(floor_seconds, 2),
        "cold_calls": cold_calls,
        "floor_calls": floor_calls,
        "pages": -(-tags // PAGE),
        "unchanged_calls": unchanged_calls,
        "unchanged_s": round(unchanged["seconds"], 3),
        "one_new_calls": one_new_calls,
        "one_new_s": round(one_new["seconds"], 3),
        "memory_mib": round(max(each["memory_mib"] for each in (cold, unchanged, one_new)), 1),
        "concurrent": CONCURRENT,
    }


def main() -> None:
    """Run the benchmark, or the part of it that the arguments name."""
    if sys.argv[1:2] == ["look"]:
        return print(json.dumps(asyncio.run(look(*sys.argv[2:]))))
    if sys.argv[1:2] == ["floor"]:
        return print(json.dumps(asyncio.run(floor(sys.argv[2], int(sys.argv[3])))))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tags", type=int, default=TAGS)
    return print(json.dumps(asyncio.run(measure(parser.parse_args().tags))))


if __name__ == "__main__":
    main()
