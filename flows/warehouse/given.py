"""What a further kind of subscription is given to discover with: only what the parameters of its `discover` name.

| parameter | what it is |
| --- | --- |
| `http` | `await http.get(url, …)`: guarded and bounded, see `Http` |
| `credentials` | `await credentials(cred_type, repo_url)`: what the project knows for a repository, or None |
| `cache` | `await cache.get(keys)` and `await cache.put(values)`: JSON by key, shared by all of the kind |
| `previous` | the artifacts found before, empty when the Warehouse was changed since |
| `hint` | what somebody said has changed, or None |
| `limit` | how many artifacts are kept, `discoveryLimit` |
| `name` | the name of the subscription |
| `now` | the time, aware, in UTC |
| `thorough` | whether a person asked, so that what is thought to be known is looked at again |
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flows.plugin.http import Ask, Http
from flows.warehouse.asking import Asking, Json
from flows.warehouse.further import Artifact, FurtherKind
from flows.warehouse.model import FurtherSubscription

Wrap = Callable[[Ask], Ask]
"""Makes a call to our own loop one that another loop may await."""


class Cache:
    """Remembers JSON between discoveries; what is there may be gone at any time."""

    def __init__(self, get: Ask, put: Ask, scope: str) -> None:
        """Keep the ledger's cache and the part of it that belongs to the kind."""
        self._get, self._put, self._scope = get, put, scope

    async def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values known of these keys."""
        found: dict[str, Any] = await self._get(self._scope, list(keys))
        return found

    async def put(self, values: Mapping[str, Any]) -> None:
        """Keep values by key."""
        await self._put(self._scope, dict(values))


def given(
    kind: FurtherKind, subscription: FurtherSubscription, asking: Asking, wrap: Wrap = lambda ask: ask
) -> dict[str, Any]:
    """Make what the kind's `discover` is called with, beside the config."""
    sources, scope = asking.sources, f"subscription:{kind.name}"
    makers: dict[str, Callable[[], Any]] = {
        "http": lambda: Http(wrap(sources.web.request), "one discovery"),
        "credentials": lambda: wrap(sources.credentials),
        "cache": lambda: Cache(wrap(sources.cache.get), wrap(sources.cache.put), scope),
        "previous": lambda: _previous(asking.before),
        "hint": lambda: asking.hint,
        "limit": lambda: subscription.discovery_limit,
        "name": lambda: asking.name,
        "now": lambda: asking.now,
        "thorough": lambda: asking.thorough,
    }
    return {name: makers[name]() for name in kind.needs}


def _previous(before: Json | None) -> list[Artifact]:
    return [
        Artifact(each["version"], each.get("metadata") or {}, each["artifactType"])
        for each in (before or {}).get("artifactReferences") or []
    ]
