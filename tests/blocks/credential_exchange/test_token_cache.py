"""Tokens are few, fresh, and asked for once."""

import asyncio
from datetime import timedelta

import pytest

from blocks.credential_exchange.token_cache import TokenCache
from blocks.credential_exchange.wanted import Token
from blocks.errors import Unauthorized, Unavailable
from tests.blocks.credential_exchange.clock import Clock

EARLY = timedelta(minutes=10)


class Issuer:
    """Issues tokens that live for some minutes, or fails."""

    def __init__(self, clock, minutes=60):
        self.clock, self.minutes, self.count, self.error = clock, minutes, 0, None

    async def __call__(self):
        """The next token."""
        self.count += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return Token("u", f"t{self.count}", self.clock.now + timedelta(minutes=self.minutes))


@pytest.fixture
def clock():
    """The time."""
    return Clock()


async def test_the_longest_unused_is_dropped(clock):
    """However many repositories there are, memory has a bound."""
    cache, issuer = TokenCache(clock, most=2), Issuer(clock)
    for key in ("a", "b", "a", "c"):
        await cache.get(key, EARLY, issuer)
    assert (await cache.get("a", EARLY, issuer)).password == "t1"
    assert (await cache.get("b", EARLY, issuer)).password == "t4"


async def test_a_short_life_is_used_to_its_half(clock):
    """A token that lives shorter than the time by which it is renewed early is still kept for a while."""
    cache, issuer = TokenCache(clock), Issuer(clock, minutes=8)
    await cache.get("a", EARLY, issuer)
    clock.forward(minutes=3, seconds=59)
    assert (await cache.get("a", EARLY, issuer)).password == "t1"
    clock.forward(seconds=2)
    assert (await cache.get("a", EARLY, issuer)).password == "t2"


async def test_a_refusal_ends_the_old_token_too(clock):
    """Who was told no is told so at once, though the old token might still work."""
    cache, issuer = TokenCache(clock), Issuer(clock)
    await cache.get("a", EARLY, issuer)
    clock.forward(minutes=51)
    issuer.error = Unavailable("down")
    assert (await cache.get("a", EARLY, issuer)).password == "t1"
    issuer.error = Unauthorized("revoked")
    with pytest.raises(Unauthorized):
        await cache.get("a", EARLY, issuer)


async def test_a_failure_is_not_kept(clock):
    """All who wait hear of it, and the next asks again."""
    cache, issuer = TokenCache(clock), Issuer(clock)
    issuer.error = Unauthorized("no")
    results = await asyncio.gather(*(cache.get("a", EARLY, issuer) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in results] == ["no"] * 5
    assert issuer.count == 1
    issuer.error = None
    assert (await cache.get("a", EARLY, issuer)).password == "t2"


async def test_forgotten_tokens_are_asked_for_again(clock):
    """Clearing leaves nothing."""
    cache, issuer = TokenCache(clock), Issuer(clock)
    await cache.get("a", EARLY, issuer)
    cache.clear()
    assert (await cache.get("a", EARLY, issuer)).password == "t2"


def test_no_token_shows_itself(clock):
    """A repr holds the user name and the end alone."""
    assert "hunter2" not in repr(Token("u", "hunter2", clock.now))
