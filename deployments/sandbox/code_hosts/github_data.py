"""GitHub's commits and refs by REST, over the sandbox's real repositories: what github-push needs."""

from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Invalid
from deployments.sandbox.code_hosts.dialect import Json, Refusal, content_of, wanted
from deployments.sandbox.code_hosts.github import GitHub
from deployments.sandbox.git_command import run

BOT = {"name": "sandbox-bot", "email": "bot@users.noreply.github.com"}
WEB = {"name": "GitHub", "email": "noreply@github.com"}
"""Who makes commits that name nobody: the account of the token, and GitHub for it."""


class GitHubData(GitHub):
    """`/repos/<owner>/<name>/git` and what belongs to it. Commits that name nobody are verified, as on GitHub."""

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/api/v3/repos/{owner}/{name}/git"
        return [
            self.route(f"{repository}/commits", POST=self.create_commit),
            self.route(f"{repository}/commits/{{sha}}", GET=self.show_commit),
            self.route(f"{repository}/refs", POST=self.create_ref),
            self.route(f"{repository}/refs/{{ref:path}}", PATCH=self.move_ref, DELETE=self.delete_ref),
        ]

    async def create_commit(self, request: Request) -> Response:
        """Make a commit of a tree and parents that are there."""
        body = await content_of(request)
        message, tree = wanted(body, "message", "tree")
        parents = [str(parent) for parent in body.get("parents") or []]
        for thing, kind in [(tree, "tree"), *((parent, "commit") for parent in parents)]:
            if await self._print(request, "cat-file", "-t", thing) != kind:
                raise Refusal(422, f"{kind} {thing} does not exist")
        author = body.get("author") or BOT
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {_line(author)}", f"committer {_line(body.get('committer') or body.get('author') or WEB)}"]
        lines += [] if body.get("author") else ["gpgsig -----BEGIN PGP SIGNATURE-----", " -----END PGP SIGNATURE-----"]
        content = "\n".join([*lines, "", message]).encode()
        sha = await self._print(request, "hash-object", "-t", "commit", "-w", "--stdin", given=content)
        return JSONResponse(await self._shown(request, sha), 201)

    async def show_commit(self, request: Request) -> Response:
        """Show one, and whether it is verified."""
        return JSONResponse(await self._shown(request, request.path_params["sha"]))

    async def create_ref(self, request: Request) -> Response:
        """Make a ref."""
        ref, sha = wanted(await content_of(request), "ref", "sha")
        if await self._print(request, "for-each-ref", ref):
            raise Refusal(422, "Reference already exists")
        await self._change(request, "update-ref", ref, sha)
        return JSONResponse({"ref": ref, "object": {"sha": sha, "type": "commit"}}, 201)

    async def move_ref(self, request: Request) -> Response:
        """Move a ref, forwards only unless it is forced."""
        body, ref = await content_of(request), f"refs/{request.path_params['ref']}"
        (sha,) = wanted(body, "sha")
        before = await self._print(request, "for-each-ref", "--format=%(objectname)", ref)
        if not before:
            raise Refusal(422, "Reference does not exist")
        if body.get("force") is not True and await self._print(request, "merge-base", before, sha) != before:
            raise Refusal(422, "Update is not a fast forward")
        await self._change(request, "update-ref", ref, sha, before)
        return JSONResponse({"ref": ref, "object": {"sha": sha, "type": "commit"}})

    async def delete_ref(self, request: Request) -> Response:
        """Delete a ref."""
        ref = f"refs/{request.path_params['ref']}"
        if not await self._print(request, "for-each-ref", ref):
            raise Refusal(422, "Reference does not exist")
        await self._change(request, "update-ref", "-d", ref)
        return Response(status_code=204)

    async def _shown(self, request: Request, sha: str) -> Json:
        text = await self._print(request, "cat-file", "commit", sha)
        if not text:
            raise Refusal(404, "Not Found")
        return {"sha": sha, "verification": {"verified": "\ngpgsig " in text.partition("\n\n")[0]}}

    async def _change(self, request: Request, *arguments: str) -> None:
        """Run Git where its refusal is the answer."""
        try:
            await run(self._path(request), *arguments)
        except Invalid:
            raise Refusal(422, "Reference update failed") from None

    async def _print(self, request: Request, *arguments: str, given: bytes = b"") -> str:
        """Run Git in the repository that is meant; nothing is printed where Git fails."""
        try:
            return (await run(self._path(request), *arguments, stdin=given)).decode().strip()
        except Invalid:
            return ""

    def _path(self, request: Request) -> Path:
        return self.pulls.merges.git.path(f"{request.path_params['owner']}/{request.path_params['name']}")


def _line(person: Json) -> str:
    """Write a person into a commit."""
    at = datetime.fromisoformat(person["date"]) if person.get("date") else datetime.now(UTC)
    return f"{person['name']} <{person['email']}> {int(at.timestamp())} {at:%z}"
