"""One way from what a Secret holds, or what this machine is, to credentials that open a repository now."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from blocks.credential_exchange.ambient import cloud_for
from blocks.credential_exchange.kinds import Kind, kind_of, unusable, wrong
from blocks.credential_exchange.private_key import pem
from blocks.credential_exchange.token_cache import MOST, TokenCache
from blocks.credential_exchange.wanted import Site, Token, Values, Wanted
from blocks.records import Credentials


class Exchanger:
    """Turns every kind of credentials into a user name and password or an SSH key. Belongs to one event loop.

    Tokens are kept in memory, each until a while before its end. Values that have changed are other credentials: a
    token of the old ones is not used again.
    """

    def __init__(self, site: Site, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Begin without tokens."""
        self._site, self._clock, self._cache = site, clock, TokenCache(clock)
        self._judged: set[str] = set()

    async def open(self, wanted: Wanted, values: Values) -> Credentials | None:
        """Return what opens a repository, None when this kind of credentials opens no such repository (as in Kargo).

        Raises Invalid naming the key when something is wrong with the values, and what the exchange raises.
        """
        kind = kind_of(wanted.name, wanted.cred_type, values)
        if not kind.opens(wanted.url):
            return None
        given = {key: values[key] for key in kind.keys if values.get(key)}
        await self._judge(wanted.name, kind, given)
        return await self._exchanged(kind, wanted, given) if kind.exchange else _as_they_are(wanted.name, given)

    async def ambient(self, wanted: Wanted) -> Credentials | None:
        """Return what opens a cloud's registry for what this machine is; None elsewhere, or where not wanted."""
        cloud = cloud_for(wanted.cred_type, wanted.url, self._site)
        if cloud is None:
            return None
        named = replace(wanted, name=cloud.title)
        key = _key(cloud.title, cloud.scope(named))
        token = await self._cache.get(key, cloud.early, lambda: cloud.ask(named, self._site, self._clock()))
        return _with_token(named.name, token)

    def clear(self) -> None:
        """Forget all tokens."""
        self._cache.clear()
        self._judged.clear()

    async def _judge(self, name: str, kind: Kind, values: Values) -> None:
        """Raise Invalid when a value is not what it is to be; what was found right once is not parsed again."""
        key = _key(kind.title, "", values)
        if key in self._judged:
            return
        if found := await asyncio.to_thread(wrong, kind, values):
            raise unusable(name, found)
        if len(self._judged) >= MOST:
            self._judged.clear()
        self._judged.add(key)

    async def _exchanged(self, kind: Kind, wanted: Wanted, values: Values) -> Credentials:
        assert kind.exchange is not None
        key = _key(kind.title, kind.scope(wanted.url), values)
        ask = partial(kind.exchange, wanted, values, self._site)
        token = await self._cache.get(key, kind.early, lambda: ask(self._clock()))
        return _with_token(wanted.name, token)


def _as_they_are(name: str, values: Values) -> Credentials:
    return Credentials(
        name,
        values.get("username", ""),
        values.get("password", ""),
        pem(values.get("sshPrivateKey", "")),
        values.get("knownHosts", ""),
    )


def _with_token(name: str, token: Token) -> Credentials:
    return Credentials(name, token.username, token.password)


def _key(kind: str, scope: str, values: Values | None = None) -> str:
    """Name a token by a hash: what it was exchanged for must not stand in a key."""
    return hashlib.sha256(json.dumps([kind, scope, sorted((values or {}).items())]).encode()).hexdigest()
