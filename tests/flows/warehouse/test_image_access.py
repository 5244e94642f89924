"""Registries behind certificates, passwords and tokens, from the subscription to the Warehouse's condition."""

import asyncio
from base64 import b64decode

import pytest

from blocks.records import Credentials
from tests.flows.warehouse.looking import ANA, image, tags, warehouse
from tests.servers.git_http import self_signed
from tests.servers.odd import Odd, OddRegistry, listening
from tests.servers.registry import docker_registry, push_image


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A real registry with a certificate nobody trusts."""
    folder = tmp_path_factory.mktemp("tls")
    self_signed(folder)
    with docker_registry(folder / "registry", tls=(folder / "tls.pem", folder / "tls.pem")) as address:
        push_image(address, "acme/app", "1.0.0", secure=True)
        yield address


async def test_a_certificate_nobody_trusts(secured, looker):
    """The condition names the certificate and both ways out; skipping the check finds the image."""
    definition = warehouse(image(f"{secured}/acme/app"))
    assert await looker.look(definition) is None
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "DiscoveryFailed")
    assert "certificate of the server is not trusted" in message
    assert "self-signed" in message
    assert "SSL_CERT_FILE" in message
    assert "insecureSkipTLSVerify" in message
    definition = warehouse(image(f"{secured}/acme/app", insecureSkipTLSVerify=True))
    assert tags(await looker.look(definition, 30)) == ["1.0.0"]
    assert (await looker.condition(definition))[0] == "True"


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        pytest.param(None, "needs credentials, and none are known for this repository", id="none"),
        pytest.param(Credentials("old-secret", "ana", "wr0ng"), "'old-secret': check their user name", id="wrong"),
    ],
)
async def test_a_password_that_is_missing_or_wrong(repo, looker, credentials, said):
    """A real registry asks for a password: the condition says which, and ends with the right one."""
    repo("1.0.0")
    definition = warehouse(image(repo.url))
    looker.credentials = {"image": credentials}
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert said in message
    assert "wr0ng" not in message
    looker.credentials = {"image": ANA}
    assert tags(await looker.look(definition, 30)) == ["1.0.0"]


@pytest.fixture
async def issuing():
    """A registry that wants a token from the server beside it, which gives one to Ana."""
    async with listening(OddRegistry()) as server, listening(Odd()) as issuer:
        whole = server.reply

        async def issue(request):
            given = b64decode(request.headers.get("authorization", "").removeprefix("Basic "))
            return (200, {}, {"token": "t0ken"}) if given == b"ana:pa55word" else (401, {}, {})

        async def answer(request):
            if request.headers.get("authorization") == "Bearer t0ken":
                return await whole(request)
            return 401, {"www-authenticate": f'Bearer realm="http://{issuer.address}/token",service="acme"'}, {}

        server.answer, issuer.answer, server.issuer = answer, issue, issuer
        yield server


async def test_one_token_for_a_whole_look(issuing, looker):
    """The token is asked for once, for this repository only, and the password goes to nobody else."""
    looker.credentials = {"image": ANA}
    for number in range(5):
        issuing.push(f"1.{number}.0")
    definition = warehouse(image(issuing.repo))
    assert tags(await looker.look(definition)) == ["1.4.0"]
    assert [each.query for each in issuing.issuer.asked] == [{"service": "acme", "scope": "repository:acme/app:pull"}]
    assert not any(each.headers.get("authorization", "").startswith("Basic") for each in issuing.asked)


async def test_a_token_refused(issuing, looker):
    """A password the issuer does not take is said with the name of the credentials."""
    looker.credentials = {"image": Credentials("old-secret", "ana", "wr0ng")}
    issuing.push("1.0.0")
    definition = warehouse(image(issuing.repo))
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert "401" in message
    assert "check the credentials" in message
    assert "wr0ng" not in message


async def test_a_token_that_expires_in_the_middle(issuing, looker):
    """A new one is fetched once, and the look goes on."""
    looker.credentials = {"image": ANA}
    for number in range(5):
        issuing.push(f"1.{number}.0")
    valid, inner = ["t0ken-0"], issuing.reply

    async def issue(request):
        return 200, {}, {"token": valid[-1]}

    async def answer(request):
        if request.headers.get("authorization") != f"Bearer {valid[-1]}":
            return 401, {"www-authenticate": f'Bearer realm="http://{issuing.issuer.address}/token"'}, {}
        if request.path.endswith("/list"):
            valid.append("t0ken-1")
        return await inner(request)

    issuing.issuer.answer, issuing.answer = issue, answer
    assert tags(await looker.look(warehouse(image(issuing.repo)))) == ["1.4.0"]
    assert len(issuing.issuer.asked) == 2


async def test_asked_to_come_back_later(issuing, looker):
    """After a 429 with Retry-After in the middle of a look the registry is left alone until then."""
    looker.credentials = {"image": ANA}
    issuing.push("1.0.0")
    inner = issuing.answer

    async def answer(request):
        return (429, {"retry-after": "1"}, {}) if "/manifests/" in request.path else await inner(request)

    issuing.answer = answer
    definition = warehouse(image(issuing.repo))
    await looker.look(definition)
    assert "429" in (await looker.condition(definition))[2]
    issuing.answer, before = inner, len(issuing.asked)
    looker.timeout = 30.0
    assert tags(await looker.look(definition, 30)) == ["1.0.0"]
    assert len(issuing.asked) > before
    await asyncio.sleep(0)
