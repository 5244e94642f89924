"""Hosts by the names people call them."""

from datetime import datetime, timedelta

NAMES = {
    "GitHub": ("github.com", "api.github.com", "uploads.github.com", "ssh.github.com"),
    "Docker Hub": ("docker.io", "index.docker.io", "registry-1.docker.io", "auth.docker.io", "hub.docker.com"),
    "GitLab": ("gitlab.com", "registry.gitlab.com"),
}

_NAME = {host: name for name, hosts in NAMES.items() for host in hosts}


def called(host: str) -> str:
    """What people call a host; the host itself when it has no better-known name."""
    return _NAME.get(host, host)


def minute(time: datetime) -> str:
    """A time of day for people, never earlier than it is: `14:05 UTC`."""
    return f"{time + timedelta(seconds=59, microseconds=999_999):%H:%M} UTC"
