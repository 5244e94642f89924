"""Sixty Warehouses with path filters of their own on one repository of 15,000 commits, after one push.

The floor is what a person's shell would do: one bare `git fetch` of the push and one `git log` with changed paths.
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blocks.git.mirror import Mirrors
from flows.warehouse.asking import Asking, Sources
from flows.warehouse.discover_git import discover_git
from flows.warehouse.model import GitSubscription
from tests.servers.git_http import GitServer, git_server, run

COMMITS = 15_000
WAREHOUSES = 60
ROUNDS = 5
LOG = ("log", "-z", "--name-only", "--no-renames", "--diff-merges=first-parent", "--format=%x00%H%x00%ct%x00%an%x00%s")


async def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return `fetches` after a push, `ratio` of our time to the floor's, and the same for a process that just began.

    Times are medians, in seconds. `cold_ratio` is for a worker that knows nothing from before and reads history anew.
    """
    with tempfile.TemporaryDirectory() as folder, git_server(Path(folder) / "server") as server:
        await asyncio.to_thread(_fill, server)
        found = [await _round(server, Path(folder), number) for number in range(rounds)]
    middle = {name: statistics.median(each[name] for each in found) for name in found[0]}
    return {
        "fetches": max(each["fetches"] for each in found),
        "server_calls": max(each["server_calls"] for each in found),
        "ratio": round(statistics.median(each["ours"] / each["floor"] for each in found), 3),
        "cold_ratio": round(statistics.median(each["cold"] / each["floor"] for each in found), 3),
        **{f"{name}_seconds": round(middle[name], 4) for name in ("ours", "cold", "fetch", "log")},
    }


async def _round(server: GitServer, folder: Path, number: int) -> dict[str, float]:
    """Know everything, push once, look again; then the floor for the same push."""
    url, mirrors = server.url("config.git"), Mirrors(folder / "mirrors")
    floor = folder / f"floor-{number}.git"
    await asyncio.to_thread(run, "clone", "--quiet", "--mirror", url, str(floor))
    before = await _all(mirrors, url, None)
    await asyncio.to_thread(_push, server, number)
    downloads, looks = server.downloads(), _looks(server)
    mirrors = Mirrors(folder / "mirrors")  # a worker that was started anew: what it knows is in the ledger
    began = time.perf_counter()
    entries = await _all(mirrors, url, before)
    ours = time.perf_counter() - began
    fetches, looks = server.downloads() - downloads, _looks(server) - looks
    began = time.perf_counter()
    assert entries == await _all(Mirrors(folder / "mirrors"), url, None)
    cold = time.perf_counter() - began
    fetch, log = await asyncio.to_thread(_floor, floor)
    return {
        "ours": ours,
        "cold": cold,
        "fetches": fetches,
        "server_calls": looks,
        "fetch": fetch,
        "log": log,
        "floor": fetch + log,
    }


async def _all(mirrors: Mirrors, url: str, before: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Ask all subscriptions at once, as one run of discovery does."""
    sources = Sources(None, mirrors, None, _nobody)
    now = datetime.now(UTC)
    known: list[dict[str, Any] | None] = [*before] if before else [None] * WAREHOUSES
    return await asyncio.gather(
        *(
            discover_git(
                GitSubscription.model_validate({"repoURL": url, "branch": "main", "includePaths": [f"apps/app{each}"]}),
                Asking(sources, now, before=known[each]),
            )
            for each in range(WAREHOUSES)
        )
    )


async def _nobody(cred_type: str, repo_url: str) -> None:
    """The repository is open to all."""


def _floor(mirror: Path) -> tuple[float, float]:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    took = []
    for command in (("fetch", "--quiet", "--prune", "origin"), (*LOG, "main")):
        began = time.perf_counter()
        subprocess.run(["git", *command], cwd=mirror, env=environment, check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return took[0], took[1]


def _looks(server: GitServer) -> int:
    """How often anybody asked for branches and tags or more: each starts Git's backend once."""
    trace = server.folder / "trace"
    return sum(" start " in line and "upload-pack --stateless-rpc" in line for line in trace.read_text().splitlines())


def _fill(server: GitServer) -> None:
    server.create()
    lines: list[str] = []
    for number in range(COMMITS):
        lines += [
            "commit refs/heads/main",
            f"committer Ana Silva <ana@example.com> {1_600_000_000 + number * 60} +0000",
        ]
        lines += ["data <<M", f"change {number} of app{number % WAREHOUSES}", "M"]
        lines += [
            f"M 100644 inline apps/app{number % WAREHOUSES}/values-{number % 7}.yaml",
            "data <<X",
            str(number),
            "X",
        ]
    run("fast-import", "--quiet", cwd=server.root / "config.git", given="\n".join([*lines, ""]))
    run("repack", "-adq", cwd=server.root / "config.git")


def _push(server: GitServer, number: int) -> None:
    server.commit({f"apps/app{number}/values-0.yaml": f"pushed {number}"}, f"push {number}")


if __name__ == "__main__":
    print(asyncio.run(measure()))
