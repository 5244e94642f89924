"""Fixtures that tests of every room share."""

from tests.servers.machine import guestbook, machine

__all__ = ["guestbook", "machine"]
