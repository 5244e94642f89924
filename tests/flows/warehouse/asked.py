"""How tests ask one subscription: through what they hold, at a fixed time."""

from datetime import UTC, datetime, timedelta

from flows.warehouse.asking import Asking, Sources

NOW = datetime(2025, 6, 1, tzinfo=UTC)


async def nobody(cred_type, repo_url):
    """No credentials for anything."""


def asking(
    registry=None, git=None, cache=None, now=NOW, charts=None, index=None, confirm_after=timedelta(hours=1), **known
):
    """An Asking for one subscription."""
    sources = Sources(registry, git, cache, nobody, charts, index=index, confirm_after=confirm_after)
    return Asking(sources, now, **known)
