"""A Prefect server of a test module's own, on SQLite."""

import asyncio
from collections.abc import Iterator

import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.machine import SERVER, wait_for_server
from deployments.processes import Process, free_port


def tell_all() -> None:
    """Let Prefect's threads send what they have while a server is there; later they would try for a minute."""
    for each in (APILogWorker, EventsWorker):
        each.drain_all(timeout=10)


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of its API, which is also what this process asks meanwhile."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    env = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_UI_ENABLED": "0"}
    server = Process("prefect", [*SERVER, "--port", str(port)], home / "log", env)
    url = f"http://127.0.0.1:{port}"
    server.start()
    try:
        asyncio.run(wait_for_server(url, server))
        with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
            yield f"{url}/api"
            tell_all()
    finally:
        server.stop()
