"""Fixtures that tests of every room share, and which tests are left out unless asked for."""

import os
from pathlib import Path

import pytest

from tests.servers.machine import guestbook, in_use, machine
from tests.servers.prefect_server import prefect_server
from tests.servers.sqlite import empty_ledger, sqlite_ledger_url

__all__ = ["empty_ledger", "guestbook", "machine", "prefect_server", "sqlite_ledger_url"]

LONG = "DRAYAGE_TEST_LONG"

SLOW = {"machine", "guestbook"}
"""Fixtures of tests that start promotions on a machine with all servers."""

WHOLE = {"test_demo", "test_up", "test_kill", "test_kill_pushes", "test_shutdown", "test_notebooks"}
"""Files whose tests start machines of their own."""

SLOW_FILES: set[Path] = set()
"""Files with such tests, and those above."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the machine when the files that use it are through: three of them take a sixth of two cores doing nothing."""
    if item.path not in SLOW_FILES:
        in_use.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes minutes, with the reason, unless it is asked for. Files with slow tests come first.

    Files are handed out to the processes in this order: a slow one at the end would run alone.
    """
    needs = (item.path for item in items if SLOW & set(getattr(item, "fixturenames", ())) or item.path.stem in WHOLE)
    SLOW_FILES.update(needs)
    items.sort(key=lambda item: (item.path.stem not in WHOLE, item.path not in SLOW_FILES))
    if not os.environ.get(LONG):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: run 'make test LONG=1'"))
