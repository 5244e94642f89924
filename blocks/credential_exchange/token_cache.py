"""Tokens in memory only: asked for once however many wait, renewed before they end, the longest unused dropped."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blocks.credential_exchange.wanted import Token
from blocks.errors import Retryable
from blocks.single_flight import SingleFlight

MOST = 2_000
"""Tokens that are kept."""

LAST_USE = timedelta(seconds=60)
"""A token that cannot be renewed is used until so long before its end."""

Ask = Callable[[], Awaitable[Token]]


@dataclass(frozen=True)
class _Kept:
    token: Token
    renew_at: datetime


class TokenCache:
    """Keeps tokens by key. Belongs to one event loop; keys hold no secret, and nothing of it is written anywhere."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), most: int = MOST) -> None:
        """Start empty."""
        self._clock, self._most = clock, most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: SingleFlight[Token] = SingleFlight()

    async def get(self, key: str, early: timedelta, ask: Ask) -> Token:
        """Return the token of a key, a new one from `early` before the old one ends.

        A failure that may pass is raised only when the old token is no longer good.
        """
        kept = self._kept.get(key)
        if kept and self._clock() < kept.renew_at:
            self._kept.move_to_end(key)
            return kept.token
        try:
            return await self._asking.do(key, lambda: self._renewed(key, early, ask))
        except Retryable:
            if kept and self._clock() < kept.token.expires_at - LAST_USE:
                return kept.token
            raise

    def clear(self) -> None:
        """Forget all tokens."""
        self._kept.clear()

    async def _renewed(self, key: str, early: timedelta, ask: Ask) -> Token:
        token, now = await ask(), self._clock()
        # Of a token that lives no longer than `early`, half its life is used.
        self._kept[key] = _Kept(token, max(token.expires_at - early, now + (token.expires_at - now) / 2))
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return token
