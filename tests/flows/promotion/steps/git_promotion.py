"""One promotion's Git steps over a real server, as the engine would run, lose and resume them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.git.mirror import Mirrors
from flows.promotion.result import StepContext
from flows.promotion.steps import git_clear, git_clone, git_commit, git_push, git_tag
from tests.servers.git_http import GitServer, git_server

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
STEPS = {
    "git-clear": git_clear,
    "git-clone": git_clone,
    "git-commit": git_commit,
    "git-push": git_push,
    "git-tag": git_tag,
}


async def anonymous(cred_type: str, repo_url: str) -> None:
    """Find no credentials."""
    assert cred_type == "git"


@dataclass
class Promotion:
    """A promotion's working directory on one worker."""

    server: GitServer
    work_dir: Path
    mirrors: Mirrors
    name: str = "test.01abc.f00"
    starts: dict[str, datetime] = field(default_factory=dict)

    def context(self, alias: str) -> StepContext:
        """Return what a step is given; a step that runs again under the same alias started when it first did."""
        started = self.starts.setdefault(alias, NOON + timedelta(minutes=len(self.starts)))
        return StepContext(
            work_dir=self.work_dir,
            project="demo",
            stage="test",
            promotion=self.name,
            alias=alias,
            actor="ana",
            started_at=started,
            credentials=anonymous,
            git=self.mirrors,
            trailers={"Drayage-Project": "demo", "Drayage-Stage": "test", "Drayage-Promotion": self.name},
        )

    def config(self, kind: str, config: dict[str, Any]) -> Any:
        """Parse a step's config; the repository is the server's when a git-clone names none."""
        if kind == "git-clone" and "repoURL" not in config:
            config = {"repoURL": self.server.url("config.git")} | config
        return STEPS[kind].Config.model_validate(config)

    async def run(self, kind: str, alias: str = "", **config: Any) -> Any:
        """Run one attempt of a step."""
        return await STEPS[kind].run(self.config(kind, config), self.context(alias or kind))

    async def restore(self, kind: str, outputs: dict[str, Any], alias: str = "", **config: Any) -> None:
        """Rebuild a finished step's share of a lost working directory, as the table of steps describes."""
        step, context = STEPS[kind], self.context(alias or kind)
        if hasattr(step, "restore"):
            await step.restore(self.config(kind, config), context, outputs)
        elif not step.OUTWARD:
            await step.run(self.config(kind, config), context)

    async def clone(self, branch: str = "main") -> Any:
        """Clone one branch to `src`."""
        return await self.run("git-clone", checkout=[{"branch": branch, "path": "src"}])

    def write(self, text: str, file: str = "values.yaml") -> None:
        """Write a file of the checkout, as an update step would."""
        (self.work_dir / "src" / file).write_text(text)

    def lose(self) -> None:
        """Lose the working directory, as with a worker that died."""
        shutil.rmtree(self.work_dir)
        self.work_dir.mkdir()

    def elsewhere(self, work_dir: Path) -> "Promotion":
        """Return the same promotion on another worker, with other mirrors."""
        work_dir.mkdir()
        mirrors = Mirrors(work_dir.with_suffix(".mirrors"))
        return Promotion(self.server, work_dir, mirrors, self.name, self.starts)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A Git server with one repository of one commit."""
    with git_server(tmp_path / "server") as running:
        running.create()
        running.commit({"values.yaml": "tag: v1\nother: 1\n\n\n\n\nlast: 1", "docs/a.md": "a"}, "first")
        yield running


@pytest.fixture
def promotion(server: GitServer, tmp_path: Path) -> Promotion:
    """A promotion that has not run any step."""
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    return Promotion(server, work_dir, Mirrors(tmp_path / "mirrors", timeout=20))
