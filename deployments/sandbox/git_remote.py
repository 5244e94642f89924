"""A Git remote over HTTP: clone, fetch and push with the real protocol.

Repositories are at `/git/<name>.git`, and where code hosts have them: `/<name>.git`, `/scm/<name>.git`, and for Azure
`/<organisation>/<project>/_git/<repository>`.
"""

import re

from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from blocks.errors import NotFound
from deployments.sandbox.basic_auth import CHALLENGE, Users, admits, user_of
from deployments.sandbox.bell import Bell
from deployments.sandbox.git_backend import serve, variables
from deployments.sandbox.git_repositories import NAME, GitRepositories

MARKS = re.compile(r"^/scm(?=/)|/_git(?=/)")
"""What Bitbucket Data Center and Azure DevOps put into the addresses of their repositories."""

REQUEST = re.compile(rf"/(?P<name>{NAME}?)(?:\.git)?/(?P<service>info/refs|git-upload-pack|git-receive-pack)")


class GitRemote:
    """An ASGI application; a push rings the bell, so that who follows Git looks at once."""

    def __init__(self, repositories: GitRepositories, users: Users, bell: Bell) -> None:
        """Serve these repositories, to these users only when there are any."""
        self.repositories = repositories
        self.users = users
        self.bell = bell

    def routes(self) -> list[Route]:
        """List the routes that look like those of code hosts."""
        services = ("info/refs", "git-upload-pack", "git-receive-pack")
        return [Route(f"/{{name:path}}/{service}", self) for service in services]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 401 without proof where users are configured, 404 for what is not here."""
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if not admits(authorization, self.users):
            refusal = PlainTextResponse("user name and password, please", 401, CHALLENGE)
            return await refusal(scope, receive, send)
        try:
            path = self._backend_path(scope["path"].removeprefix(scope.get("root_path", "")))
        except NotFound as error:
            return await PlainTextResponse(str(error), 404)(scope, receive, send)
        root = self.repositories.root
        user = user_of(authorization, self.users)
        await serve(scope, receive, send, variables(scope, path, root, user), root)
        if path.endswith("git-receive-pack"):
            self.bell.ring()
        return None

    def _backend_path(self, path: str) -> str:
        match = REQUEST.fullmatch(MARKS.sub("", path))
        if match is None:
            raise NotFound(f"{path} is no request of Git's smart HTTP protocol")
        folder = self.repositories.path(match["name"])
        return f"/{folder.relative_to(self.repositories.root).as_posix()}/{match['service']}"
