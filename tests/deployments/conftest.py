"""What tests of the wiring share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deployments.machine import Machine
from tests.servers.small import Small, opened_small


@pytest.fixture
async def small(machine: Machine, tmp_path: Path) -> AsyncIterator[Small]:
    """A project of this test's own with the Stages test and prod, written to a file and not applied yet."""
    async with opened_small(tmp_path) as opened:
        yield opened
