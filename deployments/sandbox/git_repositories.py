"""The sandbox's bare Git repositories on disk: made, committed to and read with git itself."""

import asyncio
import io
import re
import tarfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from blocks.errors import Invalid, NotFound
from deployments.sandbox.git_command import run

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*"
"""Names of repositories; owners before a slash, and no way out of the folder."""

SETTINGS = """
[http]
    # without users, pushes are anonymous
    receivepack = true
[receive]
    # no child outlives its request
    autogc = false
[gc]
    auto = 0
[maintenance]
    auto = false
[uploadpack]
    allowFilter = true
    allowAnySHA1InWant = true
"""
TREE_LIMIT = 64 * 1024 * 1024
"""Bytes of one commit's files."""


class GitRepositories:
    """All repositories under one folder, `<name>.git` each."""

    def __init__(self, root: Path) -> None:
        """Keep the folder, made when missing."""
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Find a repository's folder; `NotFound` when there is none, or the name could leave the root."""
        path = self._path(name)
        if not (path / "HEAD").is_file():
            raise NotFound(f"the sandbox has no Git repository {name!r}; it has: {', '.join(self.names()) or 'none'}")
        return path

    def names(self) -> list[str]:
        """List all repositories by name."""
        found = (path.parent.relative_to(self.root).as_posix() for path in self.root.rglob("*.git/HEAD"))
        return sorted(name.removesuffix(".git") for name in found)

    async def create(self, name: str, branch: str = "main") -> bool:
        """Make an empty bare repository; False when it exists already, which is left as it is."""
        path = self._path(name)
        if (path / "HEAD").is_file():
            return False
        path.mkdir(parents=True, exist_ok=True)
        await run(path, "init", "--quiet", "--bare", f"--initial-branch={branch}")
        with (path / "config").open("a") as config:
            config.write(SETTINGS)
        return True

    async def commit(
        self, name: str, files: Mapping[str, str | None], message: str, when: datetime, branch: str = "main"
    ) -> str:
        """Add one commit that writes `files` (None deletes) on top of a branch, and return its id.

        As if somebody else had pushed it. `Invalid` when git refuses a path or the branch's name.
        """
        path = self.path(name)
        reference = f"refs/heads/{branch}"
        parent = (await self.refs(name)).get(reference, "")
        await run(path, "fast-import", "--quiet", stdin=_stream(reference, parent, files, message, when))
        return (await self.refs(name))[reference]

    async def refs(self, name: str) -> dict[str, str]:
        """Map every branch and tag, by full name, to its commit; annotated tags are followed."""
        wanted = ("--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags")
        text = await run(self.path(name), "for-each-ref", *wanted)
        rows = [line.split() for line in text.decode().splitlines()]
        return {row[0]: row[-1] for row in rows}

    async def head(self, name: str) -> str:
        """Name the default branch as a full reference."""
        return (await run(self.path(name), "symbolic-ref", "HEAD")).decode().strip()

    async def commit_named(self, name: str, revision: str) -> str:
        """Find the full id of a commit by its hexadecimal id or the start of it; empty when there is none."""
        try:
            found = await run(self.path(name), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except Invalid:
            return ""
        return found.decode().strip()

    async def tree(self, name: str, commit: str) -> dict[str, bytes]:
        """Read all files of a commit by path; `Invalid` past `TREE_LIMIT` bytes."""
        # Of the tree: the archive of a commit begins with a header of its own, and Python reads none without files.
        archive = await run(self.path(name), "archive", "--format=tar", f"{commit}^{{tree}}")
        if len(archive) > TREE_LIMIT:
            raise Invalid(f"commit {commit} of {name} holds more than {TREE_LIMIT} bytes, the sandbox's limit")
        return await asyncio.to_thread(_unpacked, archive)

    def _path(self, name: str) -> Path:
        if not re.fullmatch(NAME, name) or name.endswith(".git"):
            raise NotFound(f"{name!r} cannot be a Git repository's name here: use letters, digits and - _ . /")
        return self.root / f"{name}.git"


def _stream(reference: str, parent: str, files: Mapping[str, str | None], message: str, when: datetime) -> bytes:
    """Say one commit in the language of `git fast-import`."""
    lines = [f"commit {reference}", f"committer Sandbox <sandbox@localhost> {int(when.timestamp())} +0000"]
    lines += [f"data {len(message.encode())}", message]
    lines += [f"from {parent}"] if parent else []
    for path, content in files.items():
        if "\n" in path or path.startswith('"'):
            raise Invalid(f"{path!r} cannot be a file's name in a commit of the sandbox")
        if content is None:
            lines += [f"D {path}"]
        else:
            lines += [f"M 100644 inline {path}", f"data {len(content.encode())}", content]
    return ("\n".join(lines) + "\n").encode()


def _unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [(member, tar.extractfile(member)) for member in tar if member.isfile()]
        return {member.name: file.read() for member, file in members if file is not None}
