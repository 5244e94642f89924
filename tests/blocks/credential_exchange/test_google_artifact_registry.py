"""Google's registries, against a server that looks at the signed assertion, and one that lets us be somebody else."""

import base64
import json
import time
from dataclasses import dataclass, field

import jwt
import pytest

from blocks.credential_exchange.ambient import clouds
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.google_artifact_registry import key_info, opens
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import BadAnswer, Invalid, Refused, Unauthorized, Unreachable
from tests.blocks.credential_exchange.clock import Clock
from tests.servers.keys import google_key, rsa, rsa_pem
from tests.servers.recording import recording

IMAGE = Wanted("shop", "image", "europe-docker.pkg.dev/acme-1/apps/web", "acme-google")
READ = "https://www.googleapis.com/auth/devstorage.read_only"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"


def encoded(text):
    """Base64, as Kargo wants the key."""
    return base64.b64encode(text.encode()).decode()


@dataclass
class Google:
    """What Google knows: the key of the service account, and what became of the project's."""

    scope: str = READ
    impersonation: tuple = (404, {})
    broken: tuple | None = None
    issued: list = field(default_factory=list)

    def answer(self, asked):
        """Issue a token for a signed assertion, or for who may be the project's service account."""
        if "/serviceAccounts/" in asked.path:
            assert asked.path == (
                "/v1/projects/-/serviceAccounts/kargo-project-shop@acme-1.iam.gserviceaccount.com:generateAccessToken"
            )
            assert asked.headers["authorization"] == f"Bearer token-{len(self.issued)}"
            assert asked.json == {"scope": [READ]}
            return self.impersonation[0], {}, self.impersonation[1]
        if self.broken:
            return self.broken[0], {}, self.broken[1]
        assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        address = "https://oauth2.googleapis.com/token"  # whoever is asked, it is meant for Google
        try:
            claim = jwt.decode(asked.form["assertion"], rsa(1).public_key(), algorithms=["RS256"], audience=address)
        except jwt.InvalidTokenError:
            return 400, {}, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        assert claim["iss"] == "puller@acme-1.iam.gserviceaccount.com"
        assert claim["scope"] == self.scope
        assert claim["iat"] <= time.time() < claim["exp"] <= claim["iat"] + 3600
        self.issued.append(claim)
        return 200, {}, {"access_token": f"token-{len(self.issued)}", "expires_in": 3599, "token_type": "Bearer"}


@pytest.fixture
def google():
    """What Google knows."""
    return Google()


@pytest.fixture
def server(google):
    """Google on a loopback port."""
    with recording(google.answer) as running:
        yield running


@pytest.fixture
def key(server):
    """A key whose tokens that server issues."""
    return {"gcpServiceAccountKey": encoded(google_key(f"{server.url}/token"))}


async def test_a_key_opens_registries(key, google):
    """The assertion is signed with it; one token is for all, until ten minutes before its end."""
    clock = Clock()
    exchanger = Exchanger(Site(allow_plain_http=True), clock)
    opened = await exchanger.open(IMAGE, key)
    assert (opened.name, opened.username, opened.password) == ("acme-google", "oauth2accesstoken", "token-1")
    clock.forward(minutes=49)
    other = Wanted("desk", "helm", "gcr.io/acme-1/chart", "acme-google")
    assert (await exchanger.open(other, key)).password == "token-1"
    clock.forward(minutes=2)
    assert (await exchanger.open(IMAGE, key)).password == "token-2"
    assert len(google.issued) == 2


async def test_the_json_itself_is_taken(server):
    """As people paste it, without base64."""
    exchanger = Exchanger(Site(allow_plain_http=True))
    key = {"gcpServiceAccountKey": google_key(f"{server.url}/token")}
    assert (await exchanger.open(IMAGE, key)).password == "token-1"


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        pytest.param((400, {"error": "invalid_grant"}), Unauthorized, "key in gcpServiceAccountKey", id="deleted"),
        pytest.param(
            (400, {"error": "invalid_grant", "error_description": "Token must be in a reasonable timeframe."}),
            Unauthorized,
            "clock",
            id="clock",
        ),
        pytest.param((200, {"access_token": "a\nb", "expires_in": 1}), BadAnswer, "without a token", id="lines"),
        pytest.param((200, {"expires_in": 3599}), Unauthorized, "was refused", id="no-token"),
        pytest.param((200, b"<html>"), BadAnswer, "makes no sense", id="page"),
    ],
)
async def test_refusals(key, google, broken, error, said):
    """The sentence names the credentials and what to look at, and holds nothing of the key."""
    google.broken = broken
    with pytest.raises(error, match=said) as refused:
        await Exchanger(Site(allow_plain_http=True)).open(IMAGE, key)
    assert "'acme-google'" in str(refused.value)
    assert "PRIVATE KEY" not in str(refused.value)


async def test_a_wrong_key_is_refused(server):
    """Google knows another public key for that service account."""
    key = google_key(f"{server.url}/token", private_key=rsa_pem(5))
    with pytest.raises(Unauthorized, match="check that the key in gcpServiceAccountKey was not deleted"):
        await Exchanger(Site(allow_plain_http=True)).open(IMAGE, {"gcpServiceAccountKey": encoded(key)})


async def test_google_out_of_reach():
    """No answer is something that may pass."""
    key = google_key("http://127.0.0.1:1/token")
    with pytest.raises(Unreachable, match="check the way there"):
        await Exchanger(Site(allow_plain_http=True)).open(IMAGE, {"gcpServiceAccountKey": encoded(key)})


async def test_an_assertion_is_not_sent_over_plain_http(server, key):
    """A key that names such an address is refused before anything is asked."""
    with pytest.raises(Refused, match="token_uri that is no https URL"):
        await Exchanger(Site()).open(IMAGE, key)
    assert server.asked == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rubbish!", id="no-base64"),
        pytest.param(encoded("rubbish"), id="no-json"),
        pytest.param(encoded("[]"), id="list"),
        pytest.param(encoded("[" * 100_000), id="deep"),
        pytest.param(encoded(google_key(type="external_account")), id="reads-files"),
        pytest.param(encoded(google_key(private_key="rubbish")), id="private-key"),
        pytest.param(encoded(google_key(token_uri=None)), id="no-address"),
    ],
)
async def test_what_is_no_key(text):
    """It is refused when it is applied and when it is used."""
    assert key_info(text) is None
    with pytest.raises(Invalid, match="gcpServiceAccountKey is no key of a service account"):
        await Exchanger(Site()).open(IMAGE, {"gcpServiceAccountKey": text})


@pytest.fixture
def ambient(server, google, tmp_path, monkeypatch):
    """An exchanger on a machine that has an identity at that Google."""
    file = tmp_path / "adc.json"
    file.write_text(google_key(f"{server.url}/token"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    google.scope = CLOUD
    return Exchanger(
        Site(ambient=clouds("detect", {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}), google_iam=server.url)
    )


async def test_the_projects_own_service_account_comes_first(ambient, google):
    """Where it exists and we may be it, its token is used."""
    google.impersonation = (200, {"accessToken": "of-the-project", "expireTime": "2099-01-01T00:00:00Z"})
    opened = await ambient.ambient(IMAGE)
    assert (opened.name, opened.username, opened.password) == (
        "ambient Google identity",
        "oauth2accesstoken",
        "of-the-project",
    )
    assert await ambient.ambient(IMAGE) == opened
    assert len(google.issued) == 1


@pytest.mark.parametrize("status", [404, 403], ids=["no-such-account", "not-allowed"])
async def test_else_our_own(ambient, google, status):
    """Where Google knows no such account, or does not let us be it."""
    google.impersonation = (status, {"error": {}})
    assert (await ambient.ambient(IMAGE)).password == "token-1"


@pytest.mark.parametrize(
    "answer",
    [(200, {"accessToken": "a"}), (200, [1]), (200, {"accessToken": "a", "expireTime": "soon"}), (200, b"<")],
    ids=["no-end", "list", "no-time", "page"],
)
async def test_odd_answers_are_no_reason_to_be_somebody_else(ambient, google, answer):
    """Only that there is no such account, or that we may not be it, is one."""
    google.impersonation = answer
    with pytest.raises(BadAnswer, match="without a token"):
        await ambient.ambient(IMAGE)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("europe-west1-docker.pkg.dev/acme/apps/web", True, id="artifact-registry"),
        pytest.param("gcr.io/acme/web", True, id="container-registry"),
        pytest.param("eu.gcr.io/acme/web", True, id="region"),
        pytest.param("evilgcr.io/acme/web", False, id="lookalike"),
        pytest.param("evil.example/gcr.io/web", False, id="path"),
        pytest.param("gcr.io.evil.example/web", False, id="suffix"),
        pytest.param("docker.pkg.dev/acme/web", False, id="no-location"),
    ],
)
def test_which_urls_are_googles(url, expected):
    """By their hosts."""
    assert opens(url) is expected


def test_a_key_is_what_google_gives_out():
    """It is read whole."""
    assert key_info(encoded(google_key())) == json.loads(google_key())
