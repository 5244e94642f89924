"""A promotion beside a code host of a sandbox, for the steps about pull requests."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from blocks.git.mirror import Mirrors
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.server import Sandbox
from tests.flows.promotion.workspace import step_context

USER, TOKEN = "keeper", "planted-token-3c1f"
NAME = "acme/app"
PROMOTION = "test.01jx.abc1234"


@dataclass
class PullRequestPlace:
    """One repository with the branch of a promotion, ahead of main by one commit."""

    sandbox: Sandbox
    web: Web
    folder: Path
    name: str = NAME
    path: str = f"{NAME}.git"
    provider: str = "github"

    @property
    def url(self) -> str:
        """The repository, for Git and for the code host."""
        return f"{self.sandbox.url}/{self.path}"

    @property
    def pulls(self) -> Any:
        """The sandbox's pull requests."""
        return self.sandbox.world.pulls

    async def branch(self, name: str, files: dict[str, str | None], message: str) -> str:
        """Commit to a branch, which begins at main."""
        known = await self.sandbox.world.git.refs(self.name)
        if f"refs/heads/{name}" not in known:
            await self.pulls.merges.move(self.name, name, known["refs/heads/main"], "0" * 40)
        return await self.sandbox.commit(self.name, files, message, name)

    async def run(self, kind: ModuleType, previous: dict[str, Any] | None = None, **config: Any) -> Any:
        """Run one attempt of a step on the sandbox's code host."""
        given = {"repoURL": self.url, "provider": self.provider} | config
        context = step_context(
            self.folder,
            credentials=self._credentials,
            git=Mirrors(self.folder / "mirrors", allow_plain_http_credentials=True),
            ask=self.web.request,
            previous=previous or {},
            trailers={"Drayage-Promotion": PROMOTION},
        )
        return await kind.run(kind.Config.model_validate(given), context)

    async def _credentials(self, cred_type: str, repo_url: str) -> Credentials:
        assert (cred_type, repo_url) == ("git", self.url)
        return Credentials("keeper", USER, TOKEN)
