"""What Drayage adds to a promotion: its run time against the same git and file commands in a shell, in turn.

    python -m benchmarks.overhead [--rounds 5]

Starts everything on this machine, as the demo does. The promotion is clone, clear, update, copy, commit, push on a
Stage without Argo CD and verification; its time is that of the Prefect run, from Running to its end. The shell does
the same in another repository with the same content. The last line is one JSON object.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.ledger.records import Phase
from deployments.machine import Machine
from deployments.requests import ask_promotion
from flows.promotion.admission import Wish
from tests.servers.guestbook import PASSWORD, USER, Guestbook, opened_guestbook

OUTWARD = "  - uses: argocd-update"


def without_argocd(text: str) -> str:
    """Cut the steps that wait for Argo CD, and the verification, out of the example."""
    text = text.split(OUTWARD)[0] if OUTWARD in text else text
    lines, keep = [], True
    for line in text.splitlines(keepends=True):
        if line.startswith("  verification:"):
            keep = False
        elif line.startswith("---"):
            keep = True
        if keep:
            lines.append(line)
    return "".join(lines).replace("autoPromotionEnabled: true", "autoPromotionEnabled: false")


SHELL = r"""
set -e
git clone -q "$URL" "$DIR/src" -b main
git -C "$DIR/src" worktree add -q "$DIR/out" origin/"$BRANCH" --detach
cd "$DIR/out"
git rm -qrf . --ignore-unmatch
sed -i "s#image: .*#image: $IMAGE:$TAG#" "$DIR/src/env/test/deployment.yaml"
cp -r "$DIR/src/env/test/." .
git add -A
git -c user.name=shell -c user.email=shell@example.com commit -qm "Update image to $TAG"
git push -q origin HEAD:refs/heads/"$BRANCH"
"""


async def promotion_seconds(guestbook: Guestbook, tag: str) -> float:
    """Promote one tag into test and return how long its run took."""
    freight = await guestbook.push(tag)
    record = await ask_promotion(guestbook.here, Wish(guestbook.project, "test", "user:benchmark", freight.name))
    ended = await guestbook.ended(record)
    assert ended.phase is Phase.SUCCEEDED, ended.message
    async with get_client() as client:
        while not (run := await client.read_flow_run(UUID(record.flow_run_id))).state.is_final():
            await asyncio.sleep(0.1)
    return float(run.total_run_time.total_seconds())


async def shell_seconds(guestbook: Guestbook, tag: str) -> float:
    """Do the same by hand and return how long that took."""
    url = guestbook.sandbox.git_url("shell").replace("://", f"://{USER}:{PASSWORD}@")
    with tempfile.TemporaryDirectory() as folder:
        image = f"{guestbook.sandbox.host}/guestbook"
        env = {"URL": url, "DIR": folder, "BRANCH": "stage/test", "IMAGE": image, "TAG": tag, "PATH": "/usr/bin:/bin"}
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec("bash", "-c", SHELL, env=env, stdout=subprocess.DEVNULL)
        assert await process.wait() == 0
        return time.perf_counter() - began


async def _repository_for_the_shell(guestbook: Guestbook) -> None:
    """Make a second repository with the same content, so that neither side sees the other's commits."""
    repository = guestbook.folder / "example" / "repository"
    files = {str(path.relative_to(repository)): path.read_text() for path in repository.rglob("*.yaml")}
    await guestbook.sandbox.create_repository("shell", files)
    await guestbook.sandbox.commit("shell", {"README": "start\n"}, "start", branch="stage/test")


async def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Take turns and return medians."""
    drayage, shell = [], []
    async with opened_guestbook(folder, "overhead", without_argocd) as guestbook:
        await _repository_for_the_shell(guestbook)
        await promotion_seconds(guestbook, "1.0.0")  # the first run imports what later ones share
        for number in range(1, rounds + 1):
            drayage.append(await promotion_seconds(guestbook, f"1.{number}.0"))
            shell.append(await shell_seconds(guestbook, f"1.{number}.0"))
            print(f"round {number}: drayage {drayage[-1]:.2f} s, shell {shell[-1]:.2f} s", flush=True)
    ours, theirs = statistics.median(drayage), statistics.median(shell)
    return {
        "drayage_s": round(ours, 3),
        "shell_s": round(theirs, 3),
        "difference_s": round(ours - theirs, 3),
        "ratio": round(ours / theirs, 2),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        machine = Machine(Path(folder) / "machine", extra={"DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP": "true"})
        try:
            asyncio.run(machine.start())
            for name, value in machine.env.items():
                patch.setenv(name, value)
            with temporary_settings({PREFECT_API_URL: f"{machine.url}/api"}):
                print(json.dumps(asyncio.run(measure(Path(folder), rounds))))
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
