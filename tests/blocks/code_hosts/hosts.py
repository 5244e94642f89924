"""The code hosts that the contract is held by: how each is reached in a sandbox, and what is special about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blocks.code_hosts.api import Way
from blocks.code_hosts.azure_devops import AzureDevOps
from blocks.code_hosts.bitbucket_cloud import BitbucketCloud
from blocks.code_hosts.bitbucket_data_center import BitbucketDataCenter
from blocks.code_hosts.gitea import Gitea
from blocks.code_hosts.github import GitHub
from blocks.code_hosts.gitlab import GitLab
from blocks.code_hosts.pull_request import CodeHost, NewPullRequest, PullRequest
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.pull_requests import Pull
from deployments.sandbox.server import Sandbox

TOKEN = "planted-token-5e2d"
USER = "keeper"


@dataclass(frozen=True)
class Kind:
    """One kind of code host. `path` is where its repository is below the host, `name` what the sandbox calls it.

    `methods` maps each way to merge to the shape of what it makes: parents of the commit, and commits on top of base.
    """

    provider: str
    make: Any
    path: str
    name: str
    methods: dict[str, str]
    api: str = ""
    pulls: str = ""
    moved_is_told: bool = True


KINDS = [
    Kind(
        "github",
        GitHub,
        "acme/app.git",
        "acme/app",
        {"": "merge", "merge": "merge", "squash": "squash", "rebase": "rebase"},
        pulls="/api/v3/repos/acme/app/pulls",
    ),
    Kind(
        "gitlab",
        GitLab,
        "acme/team/app.git",
        "acme/team/app",
        {"": "merge", "merge": "merge", "squash": "squash"},
        pulls="/api/v4/projects/acme/team/app/merge_requests",
    ),
    Kind(
        "gitea",
        Gitea,
        "acme/app.git",
        "acme/app",
        {
            "": "merge",
            "merge": "merge",
            "squash": "squash",
            "rebase": "rebase",
            "rebase-merge": "rebase-merge",
            "fast-forward-only": "fast-forward",
        },
        pulls="/api/v1/repos/acme/app/pulls",
    ),
    Kind(
        "bitbucket",
        BitbucketCloud,
        "acme/app.git",
        "acme/app",
        {"": "merge", "merge_commit": "merge", "squash": "squash", "fast_forward": "fast-forward"},
        api="/2.0",
        pulls="/2.0/repositories/acme/app/pullrequests",
        moved_is_told=False,
    ),
    Kind(
        "bitbucket",
        BitbucketDataCenter,
        "scm/ACME/app.git",
        "ACME/app",
        {
            "": "merge",
            "merge_commit": "merge",
            "no-ff": "merge",
            "squash": "squash",
            "fast_forward": "fast-forward",
            "rebase-no-ff": "rebase-merge",
            "rebase-ff-only": "rebase",
        },
        pulls="/rest/api/1.0/projects/ACME/repos/app/pull-requests",
    ),
    Kind(
        "azure",
        AzureDevOps,
        "acme/shop/_git/app",
        "acme/shop/app",
        {
            "": "merge",
            "noFastForward": "merge",
            "squash": "squash",
            "rebase": "rebase",
            "rebaseMerge": "rebase-merge",
        },
        pulls="/acme/shop/_apis/git/repositories/app/pullrequests",
    ),
]


@dataclass
class Place:
    """One kind of code host in a sandbox, with a repository of two branches, seen with its token."""

    kind: Kind
    sandbox: Sandbox
    web: Callable[[], Web]
    host: CodeHost

    def reached(self, token: str | None = TOKEN, request: Any = None) -> CodeHost:
        """The same repository with other credentials, by a process that remembers nothing of the host."""
        credentials = Credentials("keeper", USER, token) if token else None
        api = f"{self.sandbox.url}{self.kind.api}" if self.kind.api else ""
        host: CodeHost = self.kind.make(
            Way(request or self.web().request, credentials),
            f"{self.sandbox.url}/{self.kind.path}",
            *([api] if api else []),
        )
        return host

    async def commit(self, branch: str, files: dict[str, str | None], message: str = "Change") -> str:
        """Commit to a branch, which begins at main."""
        git = self.sandbox.world.git
        known = await git.refs(self.kind.name)
        if f"refs/heads/{branch}" not in known:
            await self.sandbox.world.pulls.merges.move(self.kind.name, branch, known["refs/heads/main"], "0" * 40)
        return await self.sandbox.commit(self.kind.name, files, message, branch)

    async def tip(self, branch: str = "main") -> str:
        """Where a branch stands."""
        return await self.sandbox.world.pulls.merges.tip(self.kind.name, branch)

    async def open(self, head: str = "change", base: str = "main") -> PullRequest:
        """Open the pull request of the tests."""
        return await self.host.open(NewPullRequest(head, base, "Change it", "Because.\n\nIt is time."))

    async def pull(self, number: int) -> Pull:
        """What the sandbox knows of a pull request."""
        return await self.sandbox.world.pulls.get(self.kind.name, number)

    async def change(self, number: int, **fields: Any) -> None:
        """Do with a pull request what a person or a check does."""
        await self.sandbox.world.pulls.change(self.kind.name, number, **fields)
