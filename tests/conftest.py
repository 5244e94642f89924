"""Fixtures that tests of every room share, and which tests are left out unless asked for."""

import os

import pytest

from tests.servers.machine import guestbook, machine

__all__ = ["guestbook", "machine"]

LONG = "DRAYAGE_TEST_LONG"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes minutes, with the reason, unless it is asked for."""
    if not os.environ.get(LONG):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: run 'make test LONG=1'"))
