"""Azure's registries, against servers that look at the pod's assertion and at the token it is exchanged for."""

from dataclasses import dataclass, field
from datetime import timedelta

import jwt
import pytest

from blocks.credential_exchange.ambient import clouds
from blocks.credential_exchange.azure_container_registry import opens
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import BadAnswer, Invalid, Refused, Unauthorized, Unavailable
from tests.blocks.credential_exchange.clock import Clock
from tests.servers.recording import recording

IMAGE = Wanted("shop", "image", "acme.azurecr.io/web", "")
SECRET = "a-secret-of-the-registry-that-is-long-enough"


@dataclass
class Azure:
    """What Entra ID and the registry know."""

    clock: Clock
    assertion: str = "pod-assertion"
    login: tuple | None = None
    exchange: tuple | None = None
    paths: list = field(default_factory=list)

    def answer(self, asked):
        """Let the pod in, and then into the registry."""
        self.paths.append(asked.path)
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        return self._login(asked.form) if asked.path == "/tenant-1/oauth2/v2.0/token" else self._exchange(asked)

    def _login(self, form):
        if self.login:
            return self.login[0], {}, self.login[1]
        proof = form.pop("client_assertion")
        assert form == {
            "grant_type": "client_credentials",
            "client_id": "client-1",
            "scope": "https://containerregistry.azure.net/.default",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        if proof != self.assertion:
            return 401, {}, {"error": "invalid_client", "error_description": f"{proof} is wrong"}
        return 200, {}, {"access_token": "entra-token", "expires_in": 3599, "token_type": "Bearer"}

    def _exchange(self, asked):
        if self.exchange:
            return self.exchange[0], {}, self.exchange[1]
        assert asked.path == "/oauth2/exchange"
        assert asked.form == {
            "grant_type": "access_token",
            "service": "acme.azurecr.io",
            "tenant": "tenant-1",
            "access_token": "entra-token",
        }
        ends = {"exp": int((self.clock.now + timedelta(hours=3)).timestamp()), "n": len(self.paths)}
        return 200, {}, {"refresh_token": jwt.encode(ends, SECRET, algorithm="HS256")}


@pytest.fixture
def clock():
    """The time at Azure."""
    return Clock()


@pytest.fixture
def azure(clock):
    """What Azure knows."""
    return Azure(clock)


@pytest.fixture
def environment(azure, tmp_path):
    """What workload identity puts into a pod, at an Azure on a loopback port."""
    (tmp_path / "token").write_text("pod-assertion\n")
    with recording(azure.answer) as server:
        yield {
            "AZURE_CLIENT_ID": "client-1",
            "AZURE_TENANT_ID": "tenant-1",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
            "AZURE_AUTHORITY_HOST": f"{server.url}/",
        }


def exchanger(environment, clock, allow_plain_http=True):
    """An exchanger in that pod."""
    registry = environment["AZURE_AUTHORITY_HOST"].rstrip("/")
    return Exchanger(Site(environment, clouds("detect", environment), allow_plain_http, azure_registry=registry), clock)


async def test_the_pods_identity_opens_the_registry(azure, environment, clock):
    """In two requests, and then for three hours less ten minutes."""
    here = exchanger(environment, clock)
    opened = await here.ambient(IMAGE)
    assert (opened.name, opened.username) == ("ambient Azure identity", "00000000-0000-0000-0000-000000000000")
    assert jwt.decode(opened.password, SECRET, algorithms=["HS256"], options={"verify_exp": False})["n"] == 2
    clock.forward(hours=2, minutes=49)
    assert await here.ambient(Wanted("desk", "helm", "acme.azurecr.io/chart", "")) == opened
    clock.forward(minutes=2)
    assert await here.ambient(IMAGE) != opened
    assert azure.paths == ["/tenant-1/oauth2/v2.0/token", "/oauth2/exchange"] * 2


async def test_a_renewed_assertion_is_read_anew(azure, environment, clock, tmp_path):
    """Kubernetes replaces the file every hour."""
    here = exchanger(environment, clock)
    await here.ambient(IMAGE)
    clock.forward(hours=4)
    azure.assertion = "next-assertion"
    (tmp_path / "token").write_text("next-assertion")
    assert await here.ambient(IMAGE)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        pytest.param({"assertion": "other"}, Unauthorized, "check AZURE_CLIENT_ID, AZURE_TENANT_ID", id="assertion"),
        pytest.param(
            {"login": (400, {"error": "unauthorized_client"})}, Unauthorized, "federated credential", id="client"
        ),
        pytest.param({"login": (503, b"")}, Unavailable, "503", id="login-down"),
        pytest.param({"login": (200, {})}, BadAnswer, "without a token", id="no-token"),
        pytest.param({"login": (200, b"<html>")}, BadAnswer, "without a token", id="page"),
        pytest.param({"exchange": (401, {})}, Unauthorized, "role AcrPull on acme.azurecr.io", id="no-role"),
        pytest.param({"exchange": (200, {"refresh_token": "a\nb"})}, BadAnswer, "without a token", id="lines"),
    ],
)
async def test_refusals(azure, environment, clock, changed, error, said):
    """Each says where and what to do, and holds neither assertion nor token."""
    vars(azure).update(changed)
    with pytest.raises(error, match=said) as refused:
        await exchanger(environment, clock).ambient(IMAGE)
    assert "pod-assertion" not in str(refused.value)
    assert "entra-token" not in str(refused.value)


async def test_a_token_that_does_not_tell_its_end(azure, environment, clock):
    """It is taken to live two and a half hours."""
    azure.exchange = (200, {"refresh_token": "opaque"})
    here = exchanger(environment, clock)
    await here.ambient(IMAGE)
    clock.forward(hours=2, minutes=19)
    await here.ambient(IMAGE)
    assert len(azure.paths) == 2
    clock.forward(minutes=2)
    await here.ambient(IMAGE)
    assert len(azure.paths) == 4


async def test_what_the_pod_lacks_is_named(environment, clock):
    """A variable, or the file it names."""
    lacking = {name: value for name, value in environment.items() if name != "AZURE_TENANT_ID"}
    with pytest.raises(Invalid, match="needs AZURE_TENANT_ID"):
        await exchanger(lacking, clock).ambient(IMAGE)
    with pytest.raises(Unauthorized, match="AZURE_FEDERATED_TOKEN_FILE cannot be read"):
        await exchanger(environment | {"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}, clock).ambient(IMAGE)


async def test_an_assertion_is_not_sent_over_plain_http(azure, environment, clock):
    """Unless that is allowed."""
    with pytest.raises(Refused, match="no https URL"):
        await exchanger(environment, clock, allow_plain_http=False).ambient(IMAGE)
    assert azure.paths == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("acme.azurecr.io/web", True, id="azure"),
        pytest.param("acme.azurecr.io.evil.example/web", False, id="suffix"),
        pytest.param("evil.example/acme.azurecr.io/web", False, id="path"),
        pytest.param("a.b.azurecr.io/web", False, id="below"),
    ],
)
def test_which_urls_are_azures(url, expected):
    """By their hosts."""
    assert opens(url) is expected
