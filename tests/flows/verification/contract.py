"""What every metric provider that asks over HTTP keeps to, whatever its protocol.

A provider's test module has one class:

    class TestGraphite(ProviderContract):
        provider = "graphite"

        def settings(self, url: str) -> dict[str, Any]:          # a manifest's settings that ask this server
            return {"address": url, "query": "target=x"}

        def answer(self, asked: Asked) -> Answer:                # the server's good answer to that
            return 200, {}, [{"datapoints": [[1.0, 1]]}]

        value = 1.0                                              # what it is worth
        SECRETS = {"graphite": {"token": "hush-hush"}}           # Secrets it reads, by name (optional)

and tests of its own for what is special. `measured(provider, settings, ...)` takes one measurement.
"""

import asyncio
import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from blocks.budget import Budgets, Pace
from blocks.errors import BadAnswer, Invalid, NotFound, RateLimited, Retryable, Terminal, Unauthorized, Unavailable
from blocks.web import Web
from flows.verification.measuring import Context, Measured, Underway
from flows.verification.providers import PROVIDERS
from tests.servers.recording import Answer, Asked, recording

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Secrets = Mapping[str, Mapping[str, str]]


async def no_jobs() -> Any:
    """No cluster is configured."""
    raise NotFound("no cluster for Jobs is known")


def context(web: Web, budgets: Budgets, secrets: Secrets | None = None, **fields: Any) -> Context:
    """Everything a measurement may use, with these Secrets of the project."""
    known = secrets or {}

    async def secret(name: str, shared: bool = False) -> Mapping[str, str]:
        if name not in known:
            raise Invalid(f"there is no Secret {name!r}")
        return known[name]

    owners = {value: name for name, data in known.items() for value in data.values()}
    given = {"now": NOON, "project": "shop", "stage": "test", "key": "v.m.1", "owners": owners, "jobs": no_jobs}
    return Context(**given | fields, web=web, budgets=budgets, secret=secret)


async def measured(
    provider: str, settings: Mapping[str, Any], secrets: Secrets | None = None, **fields: Any
) -> Measured | Underway:
    """Take one measurement as a manifest with these settings would."""
    budgets = Budgets(Pace())
    web = Web(allow_plain_http_credentials=True, budgets=budgets)
    kind = PROVIDERS[provider]
    try:
        async with asyncio.timeout(30):
            config = kind.settings.model_validate(dict(settings))
            return await kind.measure(config, context(web, budgets, secrets, **fields))
    finally:
        await web.aclose()


def failing(status: int, body: Any = b"no", headers: Mapping[str, str] | None = None) -> Any:
    """An answer that is the same whatever is asked."""
    return lambda _asked: (status, dict(headers or {}), body)


class ProviderContract:
    """Inherit, say the settings and the good answer."""

    provider: ClassVar[str]
    value: ClassVar[Any]
    SECRETS: ClassVar[Secrets] = {}
    JUNK: ClassVar[bytes] = b"<html>Bad Gateway</html>"

    def secrets(self, url: str) -> Secrets:
        """The Secrets of the project; some also say where the server is."""
        return self.SECRETS

    def settings(self, url: str) -> dict[str, Any]:
        """Settings that ask the server at `url`."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Answer:
        """A good answer."""
        raise NotImplementedError

    async def _measured(self, answer: Any) -> Any:
        with recording(answer) as server:
            return await measured(self.provider, self.settings(server.url), self.secrets(server.url))

    async def test_value(self):
        """A good answer is worth its value, and takes as few requests as it may."""
        outcome = await self._measured(self.answer)
        assert isinstance(outcome, Measured)
        assert outcome.value == self.value

    def test_settings_are_described(self):
        """Every field says what it is for, and an unknown one is refused."""
        kind = PROVIDERS[self.provider]
        assert kind.description.endswith(".")
        assert [name for name, each in kind.settings.model_fields.items() if not each.description] == []
        with pytest.raises(ValueError, match="Extra inputs are not permitted"):
            kind.settings.model_validate(self.settings("http://p") | {"nonsense": 1})
        assert inspect.iscoroutinefunction(kind.measure)

    def test_secrets_stay_out_of_settings_shown(self):
        """Nothing that is secret shows in the repr of settings."""
        shown = repr(PROVIDERS[self.provider].settings.model_validate(self.settings("http://p")))
        assert not [text for data in self.SECRETS.values() for text in data.values() if len(text) > 3 and text in shown]

    async def test_too_many_requests(self):
        """Too many requests are no verdict, and the time the server names is kept."""
        with pytest.raises(RateLimited) as raised:
            await self._measured(failing(429, headers={"retry-after": "77"}))
        assert raised.value.retry_after == pytest.approx(77, abs=2)

    async def test_outage(self):
        """A server that cannot serve now may be asked again later."""
        with pytest.raises(Unavailable):
            await self._measured(failing(503, headers={"retry-after": "60"}))

    @pytest.mark.parametrize("status", [401, 403])
    async def test_login_refused(self, status):
        """A refused login is told as one, without repeating it."""
        with pytest.raises(Unauthorized) as raised:
            await self._measured(failing(status, body={"errors": ["Forbidden"]}))
        for data in self.SECRETS.values():
            assert not [text for text in data.values() if len(text) > 3 and text in str(raised.value)]

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"{}", b"[[[", b"\xff\xfe"], ids=repr)
    async def test_odd_answers(self, body):
        """Whatever a server answers becomes no data, or an error with a sentence; never another exception."""
        try:
            outcome = await self._measured(failing(200, body=body))
        except (Retryable, Terminal) as error:
            assert len(str(error)) > 20
        else:
            assert isinstance(outcome, Measured | Underway)

    async def test_junk(self):
        """An answer in another format is a bad answer, which may be a proxy's."""
        with pytest.raises(BadAnswer):
            await self._measured(failing(200, body=self.JUNK))
