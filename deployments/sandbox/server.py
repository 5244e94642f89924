"""The sandbox itself: one world, one loopback port."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from deployments.sandbox import argocd_api, kubernetes_errors, registry_errors
from deployments.sandbox.argocd_api import ArgoCDServer
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.chart_repositories import ChartServer
from deployments.sandbox.cloud_watch_api import CloudWatchApi
from deployments.sandbox.control import Control
from deployments.sandbox.datadog_api import DatadogApi
from deployments.sandbox.faults import FaultMiddleware, Faults
from deployments.sandbox.git_remote import GitRemote
from deployments.sandbox.http_protocol import Protocol
from deployments.sandbox.json_file import keep_saved, save_all
from deployments.sandbox.kubernetes_api import KubernetesApi
from deployments.sandbox.metrics import PrometheusApi
from deployments.sandbox.pull_request_control import PullRequestControl
from deployments.sandbox.releases import Release
from deployments.sandbox.world import World

HOST = "127.0.0.1"
TIMING = Timing()
STARTING = 10.0
"""Seconds the server may take to come up."""


class Sandbox:
    """A world under `root`, served on a loopback port while the context is open.

    `port` 0 means one chosen free. With `users`, Git, registry and charts ask for Basic authentication, the
    code host for a password as token; with `token`, the Kubernetes API asks for that bearer token.
    """

    def __init__(
        self,
        root: Path,
        port: int = 0,
        users: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        timing: Timing = TIMING,
    ) -> None:
        """Keep the settings; nothing is opened yet."""
        self.root = root
        self.port = port
        self.users = dict(users or {})
        self.token = token
        self.timing = timing
        self.faults = Faults()

    @property
    def url(self) -> str:
        """The address to reach it at, without a final slash."""
        return f"http://{HOST}:{self.port}"

    @property
    def host(self) -> str:
        """The host and port that image references begin with."""
        return f"{HOST}:{self.port}"

    def git_url(self, name: str) -> str:
        """The address to clone a repository from."""
        return f"{self.url}/git/{name}.git"

    def chart_url(self, repository: str = "stable") -> str:
        """The address of a chart repository."""
        return f"{self.url}/charts/{repository}"

    async def create_chart(self, name: str, version: str, repository: str = "stable") -> str:
        """Pack a chart, list it in a chart repository, and return that repository's address."""
        await asyncio.to_thread(self.world.charts.add, repository, name, version, datetime.now(UTC))
        return self.chart_url(repository)

    async def create_repository(self, name: str, files: Mapping[str, str] | None = None, branch: str = "main") -> str:
        """Make a Git repository with a first commit of `files`, when it is not there yet, and return its address."""
        await self.world.create_repository(name, files or {}, branch)
        return self.git_url(name)

    async def commit(self, name: str, files: Mapping[str, str | None], message: str, branch: str = "main") -> str:
        """Commit as if somebody had pushed, None deleting a file, and return the commit's id."""
        commit = await self.world.git.commit(name, files, message, datetime.now(UTC), branch)
        self.world.bell.ring()
        return commit

    def release(self, repository: str, tag: str, **more: Any) -> None:
        """Publish a release on the code host, or change it; `more` are fields of `Release`."""
        made = Release.model_validate({"repository": repository, "tag": tag, **more})
        self.world.code_host.releases.put(made, datetime.now(UTC))
        self.world.bell.ring()

    async def __aenter__(self) -> Self:
        """Open the port and return once it answers."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.world = World(self.root.resolve(), self.users, self.timing)
        listening = _listen(self.port)
        self.port = listening.getsockname()[1]
        self._server = _Server(_config(self._app()))
        self._serving = asyncio.create_task(self._server.serve([listening]))
        self._work = [
            asyncio.create_task(self.world.controller.run()),
            asyncio.create_task(keep_saved(self.world.files, self.world.bell)),
        ]
        async with asyncio.timeout(STARTING):
            await self._server.up.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port, end what runs, save."""
        self.world.bell.close()
        self._server.should_exit = True
        await self._serving
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await save_all(self.world.files)

    def _app(self) -> Starlette:
        world = self.world
        remote = GitRemote(world.git, self.users, world.bell)
        routes = [
            *Control(world).routes(),
            *PullRequestControl(world.pulls).routes(),
            *self.faults.routes(),
            *world.registry.routes(),
            *(route for dialect in world.dialects.values() for route in dialect.routes()),
            *world.github.routes(),
            *world.code_host.routes(),
            *ArgoCDServer(world.applications, world.cluster, self.token).routes(),
            *KubernetesApi(world.applications, self.token).routes(),
            *PrometheusApi(world.metrics).routes(),
            *DatadogApi(world.metrics, self.users).routes(),
            *CloudWatchApi(world.metrics, self.users).routes(),
            Mount("/charts", ChartServer(world.charts, self.users)),
            Mount("/git", remote),
            *remote.routes(),
        ]
        handlers = {
            registry_errors.RegistryError: registry_errors.answer,
            kubernetes_errors.StatusError: kubernetes_errors.answer,
            argocd_api.ApiError: argocd_api.answer,
            HTTPException: _answer,
        }
        guard = [Middleware(FaultMiddleware, faults=self.faults)]
        return Starlette(routes=routes, exception_handlers=handlers, middleware=guard)


class _Server(uvicorn.Server):
    """Leaves the process's signals to whoever runs the loop, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
