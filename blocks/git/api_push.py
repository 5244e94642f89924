"""Push through GitHub's REST API: commits made there are signed by GitHub and shown as verified."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from blocks.code_hosts.api import Api, Way
from blocks.errors import BadAnswer, Conflict, DrayageError, Refused, Terminal, Unauthorized
from blocks.git.access import Access
from blocks.git.bare import has_commit
from blocks.git.command import git
from blocks.git.commits import Made, is_ancestor, read, read_all
from blocks.git.group import LONGEST_PAUSE, Pauses, Pushed
from blocks.git.identity import PROMOTION, with_trailers
from blocks.git.mirror import Mirrors
from blocks.git.push import pause
from blocks.git.send import send
from blocks.git.signing import SigningKey, opened
from blocks.git.stack import Stack, Wish
from blocks.git.trust import signers
from blocks.git.work_tree import WorkTree
from blocks.github import JSON, VERSION, repository_place

STAGING = "refs/kargo/staging"
"""Where commits wait to be made again by GitHub; no branch list shows it (source: Kargo's github-push)."""

NOT_NOW = (409, 422)


@dataclass(frozen=True)
class ApiPusher:
    """Pushes from one checkout for one promotion through the API of the repository it was cloned from."""

    tree: WorkTree
    mirrors: Mirrors
    opened: Access
    api: Api
    repository: str
    promotion: str
    attempts: int = 10
    key: SigningKey | None = None
    pauses: Pauses = pause

    @classmethod
    def make(
        cls, tree: WorkTree, mirrors: Mirrors, opened: Access, way: Way, promotion: str, *, attempts: int, **more: Any
    ) -> "ApiPusher":
        """Find the API. Raises Invalid when the repository cannot be one of GitHub's, Unauthorized without a token."""
        if not way.token:
            raise Unauthorized(
                f"github-push asks GitHub's REST API, and no credentials with a token are known for {opened.url}: "
                "give a token or a GitHub App; an ssh key opens Git only"
            )
        place = repository_place(opened.url)
        api = Api(way, place.api, {"Accept": JSON, "X-GitHub-Api-Version": VERSION, **way.bearer()})
        repository = f"/repos/{place.owner}/{place.name}"
        return cls(tree, mirrors, opened, api, repository, promotion, attempts, **more)

    async def branch(self, name: str, *, force: bool = False) -> Pushed:
        """Make the branch hold our commits, made again by GitHub; the checkout then stands on those.

        Raises Conflicting or Refused when a person must decide, and what stopped the last of `attempts` tries.
        """
        async with self.mirrors.pushing(self.opened.url, name) as lock:
            for attempt in range(1, self.attempts + 1):
                try:
                    pushed = await self._once(name, force, lock)
                    break
                except Conflict as error:
                    if attempt == self.attempts:
                        raise
                    await asyncio.sleep(max(self.pauses(attempt), min(error.retry_after or 0.0, LONGEST_PAUSE)))
        await self._bring(pushed.commit)
        await self.tree.move_to(pushed.commit)
        return pushed

    async def _once(self, name: str, force: bool, lock: int) -> Pushed:
        ref, head = f"refs/heads/{name}", await self.tree.head()
        known = await self.mirrors.refs(self.opened)
        there = known.ids.get(ref)
        if there:
            await self._bring(there)
            if found := await self._arrived(there, head, force):
                return Pushed(ref, found, arrived=True)
            if not force:
                head = await self._integrated(name, there, head)
        base = [there] if there else [value for at, value in known.ids.items() if at.startswith("refs/heads/")]
        commits = await self._to_make(base, head)
        if commits:
            await self._stage(head, lock)
        try:
            new = await self._made_there(commits, head)
            await self._point(name, new, there, force)
        finally:
            if commits:
                await self._unstage()
        return Pushed(ref, new)

    async def _integrated(self, name: str, there: str, head: str) -> str:
        wish = Wish(self.tree.repository, head, self.promotion, self.key)
        stack = Stack(self.tree.repository, name, there, self.mirrors.committing.policy)
        tip, (end,) = await stack.put([wish])
        if isinstance(end, DrayageError):
            raise end
        return tip

    async def _arrived(self, there: str, head: str, force: bool) -> str | None:
        """Find what an earlier try made of our last commit on the branch: GitHub's own has our message."""
        ours = not force or await self.tree.belongs_to(self.promotion, head)
        if there == head or (ours and await self.tree.contains(there, head)):
            return head
        return await self._made_before(there, head) if ours else None

    async def _made_before(self, there: str, head: str) -> str | None:
        said = (await read(self.tree.repository, head)).message.strip()
        options = ("--format=%H", "--fixed-strings", f"--grep={PROMOTION}: {self.promotion}", "--max-count=100")
        ids = (await git("log", *options, there, f"^{head}", "--", cwd=self.tree.repository)).split()
        found = await read_all(self.tree.repository, ids)
        return next((each for each, made in found.items() if made.message.strip().startswith(said)), None)

    async def _to_make(self, base: Sequence[str], head: str) -> list[Made]:
        """List what the branch lacks, parents first. Raises Refused over the limit."""
        limit = self.mirrors.committing.api_commits
        there = [commit for commit in base if await has_commit(self.tree.repository, commit)]
        options = ("--topo-order", "--reverse", f"--max-count={limit + 1}")
        ids = (
            await git("rev-list", *options, head, *(f"^{commit}" for commit in there), "--", cwd=self.tree.repository)
        ).split()
        while ids and await self._in_any(ids[0], there):  # `rev-list` goes by dates, and clocks can be wrong
            del ids[0]
        if len(ids) > limit:
            raise Refused(
                f"more than {limit} commits would have to be made through GitHub's API: promote with fewer, use "
                "git-push, or raise DRAYAGE_GITHUB_PUSH_MAX_REVISIONS"
            )
        return list((await read_all(self.tree.repository, ids)).values())

    async def _in_any(self, commit: str, tips: Sequence[str]) -> bool:
        """Whether a commit leads to one of `tips`."""
        return any([await is_ancestor(self.tree.repository, commit, tip) for tip in tips])

    async def _stage(self, head: str, lock: int) -> None:
        """Bring all objects to GitHub without a branch that people see."""
        await send(self.tree.repository, self.opened, head, f"{STAGING}/{self.promotion}", force=True, holding=lock)

    async def _unstage(self) -> None:
        """Remove the staging ref; one that stays is overwritten by the next try and hurts nobody."""
        try:
            path = f"{self.repository}/git/{STAGING}/{self.promotion}"
            await self.api.ask("DELETE", path, known=(404, *NOT_NOW))
        except DrayageError:
            return

    async def _made_there(self, commits: Sequence[Made], head: str) -> str:
        """Have GitHub make the commits again and return the last one's id."""
        made: dict[str, str] = {}
        async with opened(self.key) as signer:
            good = await signers(self.tree.repository, commits, signer)
        for commit in commits:
            content = await self._replacement(commit, good.get(commit.id), [made.get(p, p) for p in commit.parents])
            answer = await self.api.ask("POST", f"{self.repository}/git/commits", content=content)
            made[commit.id] = _sha(answer.body)
        return made.get(head, head)

    async def _replacement(self, commit: Made, signer: str | None, parents: list[str]) -> dict[str, Any]:
        """Say how a commit is made again. Without a name in it GitHub signs it, for whoever the token belongs to."""
        content: dict[str, Any] = {"tree": commit.tree, "parents": parents, "message": commit.message}
        author = commit.author.rpartition(" ")[0].rpartition(" ")[0]
        if signer is None and not self.mirrors.committing.verify_untrusted:
            return content | {"author": _person(commit.author), "committer": _person(commit.committer)}
        if author != signer:
            content["message"] = await with_trailers(commit.message, {"Co-authored-by": author}, self.tree.path)
        return content

    async def _point(self, name: str, new: str, there: str | None, force: bool) -> None:
        """Let the branch point at the new commit. Raises Conflict when it moved meanwhile."""
        path, content = f"{self.repository}/git/refs/heads/{name}", {"sha": new, "force": force}
        if there is None:
            path, content = f"{self.repository}/git/refs", {"ref": f"refs/heads/{name}", "sha": new}
        answer = await self.api.ask("POST" if there is None else "PATCH", path, content=content, known=NOT_NOW)
        if not answer.refused:
            return
        moved = (await self.mirrors.refs(self.opened)).ids.get(f"refs/heads/{name}") != there
        if moved:
            raise Conflict(f"branch {name!r} of {self.opened.url} moved meanwhile: {answer.words}")
        raise Terminal(f"GitHub refused to move branch {name!r} of {self.opened.url}: {answer.words}")

    async def _bring(self, commit: str) -> None:
        if not await has_commit(self.tree.repository, commit):
            await self.mirrors.fetch(
                self.opened.url, credentials=self.opened.credentials, insecure=self.opened.insecure, commit=commit
            )


def _sha(body: Any) -> str:
    sha = body.get("sha") if isinstance(body, dict) else None
    if not isinstance(sha, str) or len(sha) not in (40, 64):
        raise BadAnswer("GitHub made a commit and did not say which")
    return sha


def _person(line: str) -> dict[str, str]:
    """Read a line of a commit, `Name <e-mail> seconds zone`, as the API wants it."""
    who, seconds, zone = line.rsplit(" ", 2)
    name, _, email = who.partition(" <")
    minutes = int(f"{zone[0]}1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
    at = datetime.fromtimestamp(int(seconds), UTC).astimezone(timezone(timedelta(minutes=minutes)))
    return {"name": name or "unknown", "email": email.removesuffix(">") or "unknown", "date": at.isoformat()}
