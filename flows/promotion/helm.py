"""What the Helm steps share: the program, charts and their dependencies, and a home with what opens repositories.

Credentials reach helm by files in that home alone, which nobody else may read and which goes with the step.
"""

import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from blocks.errors import Invalid, NotFound, Refused
from blocks.guarded_client import addresses
from blocks.records import Credentials
from blocks.registry.reference import is_loopback
from flows.promotion.files import check_links, read_text
from flows.promotion.program import Program
from flows.promotion.result import StepContext

SECONDS = 300.0
"""For one run of helm, which may download all dependencies of a chart."""

MOST_DEPENDENCIES = 200
OCI, FILE = "oci://", "file://"


@dataclass(frozen=True)
class Dependency:
    """One dependency of a chart, as Chart.yaml or Chart.lock has it."""

    name: str
    version: str
    repository: str

    @property
    def url(self) -> str:
        """The repository as credentials are kept for it: Helm keeps an OCI chart's name apart from its registry."""
        return f"{self.repository.rstrip('/')}/{self.name}" if self.repository.startswith(OCI) else self.repository


def program() -> str:
    """Find helm. Raises Refused when it is not installed."""
    if found := shutil.which("helm"):
        return found
    raise Refused("helm is not installed where this runs: install it")


def chart_at(ctx: StepContext, relative: str) -> Path:
    """Find a chart that takes nothing from outside the working directory. Raises NotFound or Refused."""
    path = ctx.path(relative)
    if path.is_dir():
        check_links(path, ctx.work_dir.resolve())
    elif not path.is_file():
        raise NotFound(f"there is no chart {relative!r} in the promotion's working directory")
    return path


def dependencies(ctx: StepContext, relative: str) -> list[Dependency]:
    """Read a chart's dependencies and check those in directories. Raises Invalid when it cannot be read, or Refused."""
    found = read_dependencies(read_text(ctx, f"{relative}/Chart.yaml"), f"Chart.yaml of chart {relative!r}")
    for each in found:
        if each.repository.startswith(FILE):
            _check_directory(ctx, relative, each.repository.removeprefix(FILE))
    return found


def read_dependencies(text: str, where: str) -> list[Dependency]:
    """Read the dependencies in a Chart.yaml or Chart.lock. Raises Invalid, naming it as `where`."""
    try:
        entries = (YAML(typ="safe", pure=True).load(text) or {}).get("dependencies") or []
        found = [
            Dependency(*(str(each.get(key) or "") for key in ("name", "version", "repository"))) for each in entries
        ]
    except (YAMLError, AttributeError, TypeError):
        raise Invalid(f"{where} cannot be read") from None
    if len(found) > MOST_DEPENDENCIES:
        raise Invalid(f"{where} has more than {MOST_DEPENDENCIES} dependencies, the limit")
    return found


def _check_directory(ctx: StepContext, relative: str, path: str) -> None:
    if path.startswith("/"):
        raise Refused(f"chart {relative!r} depends on {FILE}{path}: name the directory relative to the chart")
    chart_at(ctx, f"{relative}/{path}")


@asynccontextmanager
async def helm_home(ctx: StepContext, needed: Sequence[Dependency], task: str) -> AsyncIterator[Program]:
    """Make a home for helm in which the repositories of dependencies are known, and what opens them."""
    remote = [each for each in needed if each.repository.startswith((OCI, "http://", "https://"))]
    with tempfile.TemporaryDirectory(prefix="drayage-helm-") as folder:
        home = Path(folder)
        opened = {each.url: await _opened(ctx, each) for each in remote}
        _write(home / "registry.json", {"auths": _registries(opened)})
        _write(home / "repositories.yaml", {"apiVersion": "", "repositories": _repositories(opened)})
        (home / "plugins").mkdir()
        environment = {
            "HELM_CACHE_HOME": f"{home}/cache",
            "HELM_CONFIG_HOME": f"{home}/config",
            "HELM_DATA_HOME": f"{home}/data",
            "HELM_PLUGINS": f"{home}/plugins",
            "HELM_REGISTRY_CONFIG": f"{home}/registry.json",
            "HELM_REPOSITORY_CACHE": f"{home}/cache/repository",
            "HELM_REPOSITORY_CONFIG": f"{home}/repositories.yaml",
        }
        yield Program(home, ctx.work_dir.resolve(), task, environment, SECONDS)


def plain_http(needed: Sequence[Dependency]) -> list[str]:
    """The setting that has helm speak plain http to registries, which only those on this machine may want."""
    hosts = {urlsplit(each.repository).netloc for each in needed if each.repository.startswith(OCI)}
    return ["--plain-http"] if hosts and all(is_loopback(host) for host in hosts) else []


async def _opened(ctx: StepContext, dependency: Dependency) -> Credentials | None:
    """Find what opens a repository. Raises Refused for link-local addresses, and where secrets would be readable."""
    parts = urlsplit(dependency.repository)
    with suppress(OSError):  # helm says that there is no such host, or reaches it by a proxy
        await addresses(parts.hostname or "", parts.port or 443)
    found = await ctx.credentials("helm", dependency.url)
    clear = parts.scheme == "http" or (parts.scheme == "oci" and is_loopback(parts.netloc))
    if found and found.password and clear and not ctx.chart_repositories.allow_plain_http_credentials:
        raise Refused(f"credentials {found.name!r} are not sent to {parts.hostname} over plain http")
    return found


def _registries(opened: dict[str, Credentials | None]) -> dict[str, Any]:
    """By host, as helm looks them up; of several for one host the first counts."""
    found: dict[str, Any] = {}
    for url, credentials in opened.items():
        if url.startswith(OCI) and credentials:
            secret = base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
            found.setdefault(urlsplit(url).netloc, {"auth": secret})
    return found


def _repositories(opened: dict[str, Credentials | None]) -> list[dict[str, Any]]:
    return [
        {"name": f"repository-{number}", "url": url}
        | ({"username": credentials.username, "password": credentials.password} if credentials else {})
        for number, (url, credentials) in enumerate(opened.items())
        if not url.startswith(OCI)
    ]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
