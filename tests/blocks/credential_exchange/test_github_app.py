"""GitHub Apps, against a server that looks at the signature, the claim and what is asked for as GitHub does."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.github_app import api, may_open, repository
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import BadAnswer, DrayageError, Invalid, NotFound, RateLimited, Refused, Unauthorized, Unavailable
from tests.blocks.credential_exchange.clock import Clock
from tests.servers.github_app import GitHub
from tests.servers.keys import rsa, rsa_pem
from tests.servers.recording import recording

APP = {"githubAppClientID": "Iv1.app", "githubAppInstallationID": "42", "githubAppPrivateKey": rsa_pem()}


@pytest.fixture
def clock():
    """The time at GitHub."""
    return Clock()


@pytest.fixture
def github(clock):
    """What GitHub knows."""
    return GitHub(clock, {"Iv1.app": rsa(0), "7": rsa(0)})


@pytest.fixture
def server(github):
    """GitHub Enterprise on a loopback port."""
    with recording(github.answer) as running:
        yield running


@pytest.fixture
def opened(server, clock):
    """Open a repository of the server with an App."""
    exchanger = Exchanger(Site(allow_plain_http=True), clock)

    async def open_repository(name="web", values=APP):
        return await exchanger.open(Wanted("shop", "git", f"{server.url}/acme/{name}", "acme-app"), values)

    return open_repository


async def test_a_token_opens_one_repository(opened, github, server):
    """It is asked for with a signed claim and the repository's name, and kept for the next call."""
    first = await opened()
    assert (first.name, first.username, first.password) == ("acme-app", "x-access-token", "ghs-token-1")
    assert await opened() == first
    assert (await opened("config")).password == "ghs-token-2"
    assert github.issued == ["web", "config"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(APP | {"githubAppID": "no such App"}, id="client-id-first"),
        pytest.param(
            {key: text for key, text in APP.items() if key != "githubAppClientID"} | {"githubAppID": "7"}, id="id"
        ),
        pytest.param(APP | {"githubAppPrivateKey": base64.b64encode(rsa_pem().encode()).decode()}, id="base64"),
        pytest.param(APP | {"githubAppPrivateKey": rsa_pem().replace("\n", "")}, id="pasted-into-one-line"),
        pytest.param(APP | {"githubAppPrivateKey": rsa_pem().replace("\n", "\\n")}, id="escaped"),
        pytest.param({key: f" {text}\n" for key, text in APP.items()}, id="spaces-around"),
    ],
)
async def test_forms_of_a_key(opened, values):
    """The newer name of an App counts, and a key may have any form that people paste."""
    assert (await opened(values=values)).password == "ghs-token-1"


async def test_many_ask_once(opened, github):
    """However many Warehouses look at once, there is one request; who is cancelled takes nobody else along."""
    cancelled = asyncio.create_task(opened())
    waiting = [asyncio.create_task(opened()) for _ in range(20)]
    await asyncio.sleep(0)
    cancelled.cancel()
    assert {each.password for each in await asyncio.gather(*waiting)} == {"ghs-token-1"}
    assert github.issued == ["web"]


async def test_a_token_is_renewed_five_minutes_before_its_end(opened, clock):
    """Not earlier, and not later."""
    await opened()
    clock.forward(minutes=54, seconds=59)
    assert (await opened()).password == "ghs-token-1"
    clock.forward(seconds=2)
    assert (await opened()).password == "ghs-token-2"
    assert (await opened()).password == "ghs-token-2"


async def test_a_changed_key_is_used_at_once(opened, github):
    """Tokens of the old key are not used any more, also when the new one is refused."""
    await opened()
    github.keys["Iv1.app"] = rsa(2)
    changed = APP | {"githubAppPrivateKey": rsa_pem(2)}
    assert (await opened(values=changed)).password == "ghs-token-2"
    with pytest.raises(Unauthorized):
        await opened(values=APP | {"githubAppPrivateKey": rsa_pem(3)})


async def test_an_outage_is_survived_as_long_as_the_old_token_lives(opened, github, clock):
    """GitHub out of order for minutes stops nobody; when the token ends, the outage is told, and then is over."""
    await opened()
    clock.forward(minutes=56)
    github.broken = (502, {}, b"bad gateway")
    assert (await opened()).password == "ghs-token-1"
    clock.forward(minutes=3, seconds=1)
    with pytest.raises(Unavailable, match="502"):
        await opened()
    github.broken = None
    assert (await opened()).password == "ghs-token-2"


@pytest.mark.parametrize(
    ("name", "values", "error", "said"),
    [
        pytest.param(
            "web", {"githubAppPrivateKey": rsa_pem(9)}, Unauthorized, "githubAppPrivateKey is a key of", id="key"
        ),
        pytest.param(
            "web", {"githubAppInstallationID": "43"}, NotFound, "check githubAppInstallationID", id="installation"
        ),
        pytest.param("other", {}, Unauthorized, "does not hold acme/other; add the repository", id="repository"),
        pytest.param(
            "web", {"githubAppPrivateKey": "rubbish"}, Invalid, "githubAppPrivateKey is no RSA key", id="rubbish"
        ),
        pytest.param(
            "web",
            {"githubAppPrivateKey": rsa_pem(0, "secret")},
            Invalid,
            "githubAppPrivateKey is no RSA key",
            id="locked",
        ),
        pytest.param("web", {"githubAppInstallationID": "1/../2"}, Invalid, "InstallationID is no number", id="path"),
        pytest.param(
            "web", {"githubAppInstallationID": ""}, Invalid, "githubAppInstallationID is missing", id="missing"
        ),
        pytest.param(
            "web", {"password": "a"}, Invalid, "makes this a user name and password and a GitHub App", id="two"
        ),
    ],
)
async def test_what_is_wrong_is_said(opened, name, values, error, said):
    """Each refusal names the credentials, the field to look at and what to do, and no value."""
    with pytest.raises(error) as refused:
        await opened(name, APP | values)
    assert said in str(refused.value)
    assert "acme-app" in str(refused.value)
    assert "eyJ" not in str(refused.value)
    assert values.get("githubAppPrivateKey", "\0") not in str(refused.value)


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        pytest.param((403, {}, {"message": "suspended"}), Unauthorized, "installation is suspended", id="suspended"),
        pytest.param((403, {"retry-after": "90"}, {}), RateLimited, "too many requests", id="secondary-limit"),
        pytest.param((201, {}, b"<html>"), BadAnswer, "without a token", id="page"),
        pytest.param(
            (201, {}, {"token": "a\nb", "expires_at": "2026-01-01T13:00:00Z"}), BadAnswer, "token", id="lines"
        ),
        pytest.param((201, {}, {"token": "ab", "expires_at": "2026-01-01T13:00:00"}), BadAnswer, "token", id="no-zone"),
        pytest.param((201, {}, {"token": "ab"}), BadAnswer, "token", id="no-end"),
        pytest.param((201, {}, [1]), BadAnswer, "token", id="list"),
        pytest.param((302, {"location": "http://127.0.0.1:1/"}, {}), DrayageError, "POST", id="redirected-to-nowhere"),
    ],
)
async def test_odd_answers_are_errors_of_ours(opened, github, broken, error, said):
    """Whatever comes back, it is one sentence and no token."""
    github.broken = broken
    with pytest.raises(error, match=said):
        await opened()


async def test_a_wrong_clock_is_named(opened, github, clock, server):
    """When GitHub refuses the claim and its time is not ours, that is why."""
    wrong = Clock(clock.now + timedelta(minutes=20))
    exchanger = Exchanger(Site(allow_plain_http=True), wrong)
    with pytest.raises(Unauthorized, match="this machine's clock is 1200 s ahead of GitHub's; set it"):
        await exchanger.open(Wanted("shop", "git", f"{server.url}/acme/web", "acme-app"), APP)


async def test_nothing_is_sent_over_plain_http(server, clock):
    """Unless that is allowed, as for passwords."""
    with pytest.raises(Refused, match="plain http"):
        await Exchanger(Site(), clock).open(Wanted("shop", "git", f"{server.url}/acme/web", "acme-app"), APP)
    assert server.asked == []


async def test_other_urls_are_not_for_an_app(clock):
    """Reached by ssh, a repository is not opened by it; there are no credentials then, as in Kargo."""
    assert (
        await Exchanger(Site(), clock).open(Wanted("shop", "git", "ssh://git@github.com/a/b", "acme-app"), APP) is None
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://github.com/acme/web", "https://api.github.com", id="github.com"),
        pytest.param("https://acme.ghe.com/acme/web", "https://api.acme.ghe.com", id="data-residency"),
        pytest.param("https://git.acme.example:8443/acme/web", "https://git.acme.example:8443/api/v3", id="enterprise"),
        pytest.param(
            "https://github.com.evil.example/acme/web", "https://github.com.evil.example/api/v3", id="lookalike"
        ),
        pytest.param("https://github.com@evil.example/acme/web", "https://evil.example/api/v3", id="user-info"),
    ],
)
def test_where_the_api_is(url, expected):
    """It is where the repository is."""
    assert api(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://github.com/acme/web", ("acme", "web"), id="plain"),
        pytest.param("https://github.com/acme/web.git", ("acme", "web"), id="git"),
        pytest.param("https://git.example/scm/acme/web", ("acme", "web"), id="below-a-path"),
        pytest.param("https://github.com/acme", None, id="owner-only"),
        pytest.param("ssh://git@github.com/acme/web", None, id="ssh"),
    ],
)
def test_owner_and_name(url, expected):
    """The last two parts of the path."""
    assert repository(url) == expected


@pytest.mark.parametrize(
    ("scopes", "project", "url", "expected"),
    [
        pytest.param("", "shop", "https://github.com/acme/web", True, id="none"),
        pytest.param('{"shop": ["web"]}', "shop", "https://github.com/acme/web", True, id="named"),
        pytest.param('{"shop": ["Web"]}', "shop", "https://github.com/acme/web", True, id="case"),
        pytest.param('{"shop": ["web"]}', "shop", "https://github.com/acme/config", False, id="other-repository"),
        pytest.param('{"shop": ["web"]}', "desk", "https://github.com/acme/web", False, id="other-project"),
        pytest.param('{"shop": null}', "shop", "https://github.com/acme/web", False, id="null"),
        pytest.param("{}", "shop", "https://github.com/acme/web", False, id="empty"),
    ],
)
def test_projects_open_only_what_they_are_given(scopes, project, url, expected):
    """The annotation lists it; without one everything may be opened."""
    assert may_open(scopes, project, url) is expected


@given(st.one_of(st.text(), st.recursive(st.integers(), st.lists, max_leaves=5).map(str)))
def test_an_annotation_that_cannot_be_read_opens_nothing(scopes):
    """Any text is either refused, or opens nothing by chance, or is blank."""
    try:
        assert may_open(scopes, "shop", "https://github.com/acme/web") is (not scopes.strip())
    except Invalid as error:
        assert "is no JSON of projects" in str(error)


def test_times_of_the_claim():
    """It begins a minute ago, for clocks that are behind, and lives less than ten minutes."""
    from blocks.credential_exchange.github_app import claim

    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = claim("Iv1", now)
    assert made == {"iss": "Iv1", "iat": int(now.timestamp()) - 60, "exp": int(now.timestamp()) + 480}
