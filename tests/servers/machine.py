"""One real Prefect server on PostgreSQL, with a worker, for all tests of flows and of the command line.

Each test has a project and a sandbox of its own, so tests do not meet.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

from deployments.machine import Machine
from tests.servers.gateway import SECRET
from tests.servers.guestbook import Guestbook, opened_guestbook
from tests.servers.prefect_server import tell_all

LEASE = "4"
"""Seconds after which a killed worker's promotions are taken over, short so that tests need not wait."""

in_use = ExitStack()
"""What has begun for the machine; closing it ends the machine before the session ends."""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with everything running; this process is set up as another terminal on it would be."""
    home = tmp_path_factory.mktemp("machine")
    (key := home / "identity.key").write_bytes(SECRET)
    extra = {
        "DRAYAGE_LEASE_SECONDS": LEASE,
        "DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP": "true",
        "DRAYAGE_IDENTITY_KEY_FILE": str(key),
    }
    machine = Machine(home, extra=extra)
    with in_use:
        in_use.callback(machine.stop)
        asyncio.run(machine.start())
        in_use.enter_context(_as_terminal(machine))
        in_use.callback(tell_all)
        yield machine


@pytest.fixture
async def guestbook(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example pipeline, applied under a project name of its own, over a sandbox of its own."""
    async with opened_guestbook(tmp_path, f"guestbook-{uuid4().hex[:8]}") as opened:
        yield opened


@contextmanager
def _as_terminal(machine: Machine) -> Iterator[None]:
    settings = {PREFECT_API_URL: f"{machine.url}/api", PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
    with pytest.MonkeyPatch.context() as patch, temporary_settings(settings):
        for name, value in machine.env.items():
            patch.setenv(name, value)
        yield


def terminal_environment(machine: Machine) -> dict[str, str]:
    """What a program started in a terminal of this machine sees."""
    return os.environ | machine.env
