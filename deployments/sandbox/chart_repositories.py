"""Helm chart repositories under `/charts/<repository>`: an index.yaml and the packed charts beside it."""

import hashlib
import re
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import yaml
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from blocks.errors import Invalid
from deployments.sandbox.basic_auth import CHALLENGE, Users, admits
from deployments.sandbox.chart_archive import build_chart

NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"


class ChartRepositories:
    """Charts by repository, as files under one folder."""

    def __init__(self, root: Path) -> None:
        """Keep them under `root`."""
        self.root = root
        self._writing = Lock()

    def add(self, repository: str, name: str, version: str, created: datetime) -> str:
        """Pack a chart, list it first in the repository's index, and return its digest. Raises Invalid for a name."""
        folder, file = self.folder(repository), f"{_checked(name)}-{_checked(version)}.tgz"
        packed = build_chart(name, version)
        described = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "created": created.isoformat(),
            "digest": hashlib.sha256(packed).hexdigest(),
            "urls": [file],
        }
        with self._writing:
            (folder / file).write_bytes(packed)
            entries = self._entries(folder)
            others = [each for each in entries.get(name, []) if each["version"] != version]
            entries[name] = [described, *others]
            index = {"apiVersion": "v1", "entries": entries, "generated": created.isoformat()}
            self.write(repository, yaml.safe_dump(index).encode())
        return str(described["digest"])

    def write(self, repository: str, index: bytes) -> None:
        """Put any bytes in the place of the repository's index."""
        folder = self.folder(repository)
        beside = folder / "index.tmp"
        beside.write_bytes(index)
        beside.replace(folder / "index.yaml")

    def folder(self, repository: str) -> Path:
        """Return the repository's folder, made when missing."""
        folder = self.root / _checked(repository)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def names(self) -> dict[str, list[str]]:
        """List the charts of each repository, as `name-version`."""
        found = sorted(self.root.glob("*/*.tgz"))
        return {folder.name: [each.stem for each in found if each.parent == folder] for folder in self._folders()}

    def _folders(self) -> list[Path]:
        return sorted(each for each in self.root.glob("*") if each.is_dir())

    def _entries(self, folder: Path) -> dict[str, list[dict[str, Any]]]:
        index = folder / "index.yaml"
        if not index.exists():
            return {}
        entries: dict[str, list[dict[str, Any]]] = yaml.safe_load(index.read_text())["entries"]
        return entries


class ChartServer:
    """An ASGI application over these repositories, for these users only when there are any.

    Answers carry an `ETag`, and 304 when the asker has what it names.
    """

    def __init__(self, repositories: ChartRepositories, users: Users) -> None:
        """Serve what the repositories hold."""
        self._files = StaticFiles(directory=repositories.root, check_dir=False)
        self._users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 401 without proof where users are configured."""
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not admits(authorization, self._users):
            refusal = PlainTextResponse("user name and password, please", 401, CHALLENGE)
            return await refusal(scope, receive, send)
        return await self._files(scope, receive, send)


def _checked(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise Invalid(f"{name!r} cannot be a name here, expected letters, digits, '.', '_', '+' and '-'")
    return name
