"""A hundred promotions of a hundred Stages into one branch of one repository, against a hundred runs in a shell.

Ours run at the same time in one process, as in one worker: git-clone, file-write, git-commit, git-push, through the
promotion engine, every step saved to a ledger (SQLite). Prefect is left out: it would add its own cost per run to the
one side only (see overhead.py). The shell clones, edits, commits and pushes one after the other, as a person's script
does. Both speak HTTP to a real Git server, which counts the pushes.

The last line is one JSON object. `ratio` is our time divided by the shell's: below 1 we are faster. `lost` counts
promotions whose commit is not on the branch as their step reported it, with its file, author and trailers.
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from blocks.git.mirror import Mirrors
from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord, StepRun
from flows.promotion.attempt import attempt
from flows.promotion.engine import Outcome, run_steps
from flows.promotion.environment import Scope
from flows.promotion.workplace import Surroundings, Workplace, trailers
from tests.servers.git_http import GitServer, git_server, run

PROMOTIONS = 100
PROJECT, ORIGIN, FREIGHT, ACTOR = "demo", "Warehouse/guestbook", "f1", "email:ana@example.com"
LEASE = timedelta(minutes=30)
NOBODY = Scope({})


@dataclass(frozen=True)
class Worker:
    """What the promotions of one worker share."""

    server: GitServer
    ledger: Ledger
    mirrors: Mirrors
    root: Path

    async def promote(self, number: int) -> tuple[PromotionRecord, Outcome]:
        """Carry one Stage's promotion through: asked for, started, run, finished."""
        asked = _asked(number, self.server.url("config.git"))
        await self.ledger.promotions.create(asked)
        started = await self.ledger.promotions.start(
            PROJECT, asked.name, asked.name, _now() + LEASE, {ORIGIN: FREIGHT}, _now()
        )
        assert isinstance(started, Started), started
        place = Workplace(self.root, asked.name)
        await place.clear()
        around = Surroundings(
            record=started.record,
            freight={},
            requested=[],
            directory=place.directory,
            credentials=_nobody,
            git=self.mirrors,
            argocd=_no_cluster,
            trailers=trailers(asked, "calm-crow"),
        )

        async def once(step: dict[str, Any], run: StepRun, config: dict[str, Any]) -> Any:
            return await attempt(step, config, around.context(run, _now()))

        async def save(run: StepRun) -> None:
            await self.ledger.promotions.save_step(PROJECT, asked.name, asked.name, run)

        outcome = await run_steps(asked.steps, [], scope=NOBODY, attempt=once, save=save, now=_now)
        await place.remove()
        await self.ledger.promotions.finish(PROJECT, asked.name, asked.name, outcome.phase, outcome.message, _now())
        return asked, outcome


def _asked(number: int, url: str) -> PromotionRecord:
    """A promotion whose commit puts one Stage's file into the repository."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("git-clone", {"repoURL": url, "checkout": [{"branch": "main", "path": "src"}]}),
        ("file-write", {"path": f"src/stages/stage-{number}.yaml", "contents": _content(number), "overwrite": True}),
        ("git-commit", {"path": "src", "message": f"Promote stage-{number}"}),
        ("git-push", {"path": "src", "provider": "gitea"}),
    ]
    frozen = [{"uses": kind, "as": kind, "config": config} for kind, config in steps]
    name, stage = f"stage-{number}.one-branch", f"stage-{number}"
    return PromotionRecord(PROJECT, name, stage, FREIGHT, ORIGIN, ACTOR, _now(), steps=frozen)


def _content(number: int) -> str:
    return f"image: example/guestbook:v{number}\nreplicas: {number}\n"


async def measure(promotions: int = PROMOTIONS) -> dict[str, Any]:
    """Return `commits`, `pushes` and `lost` of ours, and `ratio` with both times in seconds."""
    with tempfile.TemporaryDirectory() as folder, git_server(Path(folder) / "server") as server:
        for name in ("config.git", "shell.git"):
            server.create(name)
            server.commit({f"stages/stage-{n}.yaml": "image: none\n" for n in range(promotions)}, "first", name=name)
        ledger = await Ledger.open(f"sqlite:///{folder}/ledger.db")
        try:
            await ledger.freight.record(
                FreightRecord(PROJECT, FREIGHT, "calm-crow", ORIGIN, {}, _now(), _now()), ["calm-crow"], _now()
            )
            worker = Worker(server, ledger, Mirrors(Path(folder) / "mirrors"), Path(folder) / "work")
            began = time.perf_counter()
            done = await asyncio.gather(*(worker.promote(number) for number in range(promotions)))
            ours = time.perf_counter() - began
        finally:
            await ledger.close()
        pushes, commits = server.pushes(), server.count() - 1
        lost = sum(not _is_there(server, record, outcome) for record, outcome in done)
        shell = await asyncio.to_thread(_shell, server, Path(folder), promotions)
        assert server.count(name="shell.git") == promotions + 1
    times = {"seconds": round(ours, 2), "shell_seconds": round(shell, 2)}
    return {"commits": commits, "pushes": pushes, "lost": lost, "ratio": round(ours / shell, 3), **times}


def _is_there(server: GitServer, record: PromotionRecord, outcome: Outcome) -> bool:
    """Whether the commit that the step reports is on the branch, this promotion's own, with what it should hold."""
    bare, number = server.root / "config.git", record.stage.removeprefix("stage-")
    output = outcome.runs[-1].output
    commit = output.get("commit", "")
    if outcome.phase is not Phase.SUCCEEDED or not output.get("commitURL", "").endswith(f"/config/commit/{commit}"):
        return False
    on_branch = run("rev-list", "main", cwd=bare).split()
    told = run("log", "-1", "--format=%an <%ae>%n%s%n%(trailers:key=Drayage-Promotion,valueonly)", commit, cwd=bare)
    changed = run("show", "--format=", "--name-only", commit, cwd=bare)
    file = f"stages/{record.stage}.yaml"
    return (
        commit in on_branch
        and told.split("\n") == ["Drayage <no-reply@drayage.dev>", f"Promote {record.stage}", record.name]
        and changed == file
        and run("show", f"main:{file}", cwd=bare) == _content(int(number)).strip()
    )


def _shell(server: GitServer, folder: Path, promotions: int) -> float:
    """Clone, edit, commit and push, one after the other, as a script would. Returns the seconds."""
    script = 'git clone -q "$1" "$2" && cd "$2" && printf "$4" > "stages/stage-$3.yaml"'
    script += ' && git commit -q -a -m "Promote stage-$3" && git push -q origin main'
    identity = {
        f"GIT_{role}_{what}": "ana@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    began = time.perf_counter()
    for number in range(promotions):
        given = [server.url("shell.git"), str(folder / f"shell-{number}"), str(number), _content(number)]
        subprocess.run(["sh", "-c", script, "sh", *given], env=environment, check=True, timeout=120)
    return time.perf_counter() - began


async def _nobody(cred_type: str, repo_url: str) -> None:
    """The repository is open to all."""


def _no_cluster() -> None:
    raise AssertionError("no step here asks a cluster")


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Run the benchmark."""
    print(json.dumps(asyncio.run(measure())))


if __name__ == "__main__":
    main()
