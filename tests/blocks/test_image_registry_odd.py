"""The registry client against servers that page, challenge, stall, lie and break, as a real one does on a bad day."""

import asyncio
from base64 import b64decode
from urllib.parse import urlsplit

import pytest

from blocks.errors import BadAnswer, Invalid, RateLimited, Unauthorized, Unavailable, Unreachable
from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.records import Credentials
from blocks.registry import tag_list
from tests.servers.odd import INDEX, MANIFEST, Odd, digest_of, listening

ANA = Credentials("ana-secret", "ana", "pa55word")


@pytest.fixture
async def odd():
    """A server on a free loopback port."""
    async with listening(Odd()) as server:
        yield server


@pytest.fixture
async def registry():
    """A client that gives up at once."""
    client = ImageRegistry(allow_plain_http_credentials=True, limits=Limits(timeout=3, attempts=1, max_bytes=100_000))
    yield client
    await client.aclose()


def always(status, headers, body):
    """Answer every request the same."""

    async def answer(request):
        return status, headers, body

    return answer


async def test_follows_pages(odd, registry):
    """The list goes on where the Link header says, until there is none."""

    async def answer(request):
        page = int(request.query.get("last", 0))
        link = {"link": f'</v2/acme/app/tags/list?n=1&last={page + 1}>; rel="next"'} if page < 3 else {}
        return 200, link, {"name": "acme/app", "tags": [f"1.{page}"]}

    odd.answer = answer
    assert await registry.tags(f"{odd.address}/acme/app") == ["1.0", "1.1", "1.2", "1.3"]


async def test_pages_end_somewhere(odd, registry, monkeypatch):
    """A list without end is refused, with the limit."""
    monkeypatch.setattr(tag_list, "MAX_PAGES", 5)

    async def answer(request):
        page = int(request.query.get("last", 0))
        return 200, {"link": f'</v2/acme/app/tags/list?last={page + 1}>; rel="next"'}, {"tags": ["a"]}

    odd.answer = answer
    with pytest.raises(Invalid, match="5 pages"):
        await registry.tags(f"{odd.address}/acme/app")
    assert len(odd.asked) == 5


async def test_too_many_tags(odd, registry, monkeypatch):
    """More tags than the limit are refused before all of them are read."""
    monkeypatch.setattr(tag_list, "MAX_TAGS", 10)
    link = {"link": '</v2/acme/app/tags/list?last=x>; rel="next"'}
    odd.answer = always(200, link, {"tags": [str(n) for n in range(20)]})
    with pytest.raises(Invalid, match="more than 10 tags"):
        await registry.tags(f"{odd.address}/acme/app")
    assert len(odd.asked) == 1


async def test_pages_stay_on_their_server(odd, registry):
    """A Link to another host is not followed, for credentials would go there."""
    odd.answer = always(200, {"link": '<http://127.0.0.1:1/v2/acme/app/tags/list?last=x>; rel="next"'}, {"tags": []})
    with pytest.raises(BadAnswer, match="goes on at"):
        await registry.tags(f"{odd.address}/acme/app")


async def test_no_tags_at_all(odd, registry):
    """Some registries say null for an empty list."""
    odd.answer = always(200, {}, {"tags": None})
    assert await registry.tags(f"{odd.address}/acme/app") == []


def token_server(odd, token="t0ken", key="token"):
    """Answer with a bearer challenge, issue tokens at /token, and serve whoever brings one."""

    async def answer(request):
        if request.target.startswith("/token"):
            return 200, {}, {key: token}
        if request.headers.get("authorization") == "Bearer t0ken":
            return 200, {}, {"tags": ["1.0.0"]}
        realm = f'Bearer realm="http://{odd.address}/token",service="reg",scope="repository:acme/app:pull"'
        return 401, {"www-authenticate": realm}, {}

    return answer


@pytest.mark.parametrize("key", ["token", "access_token"])
async def test_bearer_token_for_anonymous(odd, registry, key):
    """Public registries hand out tokens without credentials, and one token serves all further requests."""
    odd.answer = token_server(odd, key=key)
    assert await registry.tags(f"{odd.address}/acme/app") == ["1.0.0"]
    await registry.tags(f"{odd.address}/acme/app")
    tokens = [request for request in odd.asked if request.target.startswith("/token")]
    assert [(each.query, "authorization" in each.headers) for each in tokens] == [
        ({"service": "reg", "scope": "repository:acme/app:pull"}, False)
    ]


async def test_bearer_token_with_credentials(odd, registry):
    """The password goes to who issues tokens, never to the registry itself."""
    odd.answer = token_server(odd)
    assert await registry.tags(f"{odd.address}/acme/app", ANA) == ["1.0.0"]
    sent = {urlsplit(each.target).path: each.headers.get("authorization", "") for each in odd.asked}
    assert b64decode(sent["/token"].removeprefix("Basic ")) == b"ana:pa55word"
    assert sent["/v2/acme/app/tags/list"] == "Bearer t0ken"


async def test_an_expired_token_is_renewed(odd, registry):
    """When the registry stops taking a token, a new one is asked for."""
    odd.answer = token_server(odd)
    await registry.tags(f"{odd.address}/acme/app")
    seen = []

    async def expired(request):
        if request.target.startswith("/token"):
            return 200, {}, {"token": "fresh"}
        seen.append(request.headers.get("authorization"))
        if seen[-1] == "Bearer fresh":
            return 200, {}, {"tags": ["2.0.0"]}
        return 401, {"www-authenticate": f'Bearer realm="http://{odd.address}/token"'}, {}

    odd.answer = expired
    assert await registry.tags(f"{odd.address}/acme/app") == ["2.0.0"]
    assert seen == ["Bearer t0ken", "Bearer fresh"]


async def test_a_token_that_opens_nothing(odd, registry):
    """Refused twice is refused, with no third try."""
    odd.answer = token_server(odd, token="wrong")
    with pytest.raises(Unauthorized):
        await registry.tags(f"{odd.address}/acme/app")
    assert len(odd.asked) == 3


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("Negotiate", "without saying how", id="unknown-scheme"),
        pytest.param('Bearer realm="http://192.0.2.1/token"', "no https URL", id="plain-http-elsewhere"),
        pytest.param('Bearer realm="file:///etc/passwd"', "no https URL", id="no-http-at-all"),
        pytest.param("Bearer service=x", "no https URL", id="no-realm"),
    ],
)
async def test_challenges_we_do_not_answer(odd, registry, header, said):
    """A challenge that leads nowhere good is an error, and nobody else is asked."""
    odd.answer = always(401, {"www-authenticate": header}, {})
    with pytest.raises(BadAnswer, match=said):
        await registry.tags(f"{odd.address}/acme/app", ANA)
    assert len(odd.asked) == 1


@pytest.mark.parametrize(
    "token", [{}, {"token": 5}, ["x"], {"token": "a\r\nb"}], ids=["none", "number", "list", "lines"]
)
async def test_a_token_that_is_none(odd, registry, token):
    """What is no token is not sent on."""

    async def answer(request):
        if request.target.startswith("/token"):
            return 200, {}, token
        return 401, {"www-authenticate": f'Bearer realm="http://{odd.address}/token"'}, {}

    odd.answer = answer
    with pytest.raises(BadAnswer, match="answered without a token"):
        await registry.tags(f"{odd.address}/acme/app")


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        pytest.param(429, {"retry-after": "3600"}, RateLimited, id="too-many-requests"),
        pytest.param(500, {}, Unavailable, id="broken"),
        pytest.param(503, {"retry-after": "60"}, Unavailable, id="down"),
        pytest.param(403, {}, Unauthorized, id="forbidden"),
    ],
)
async def test_errors_by_status(odd, registry, status, headers, error):
    """Every status is the error that says whether trying again helps, and how long to wait."""
    odd.answer = always(status, headers, {})
    with pytest.raises(error) as raised:
        await registry.tags(f"{odd.address}/acme/app")
    if "retry-after" in headers:
        assert raised.value.retry_after == float(headers["retry-after"])


async def test_a_short_wait_is_waited_for(odd):
    """A server that is busy for a moment is asked again."""
    left = [(429, {"retry-after": "0"}, {}), (500, {}, {}), (200, {}, {"tags": ["1"]})]

    async def answer(request):
        return left.pop(0)

    odd.answer = answer
    client = ImageRegistry(limits=Limits(timeout=1, attempts=3))
    assert await client.tags(f"{odd.address}/acme/app") == ["1"]
    await client.aclose()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"\xff\xfe", b"[" * 50_000, {"tags": "1.0.0"}, {"tags": [1]}, ["1.0.0"]],
    ids=["html", "nothing", "binary", "deep", "no-list", "no-texts", "no-object"],
)
async def test_garbage(odd, registry, body):
    """What is no list of tags is said to be none."""
    odd.answer = always(200, {}, body)
    with pytest.raises(BadAnswer, match="GET http"):
        await registry.tags(f"{odd.address}/acme/app")


async def test_too_much(odd, registry):
    """An answer above the size limit is cut off."""
    odd.answer = always(200, {}, b" " * 200_000)
    with pytest.raises(BadAnswer, match="more than 100000 bytes"):
        await registry.tags(f"{odd.address}/acme/app")


async def test_too_slow(odd):
    """A server that does not answer in time is unreachable."""

    async def answer(request):
        await asyncio.sleep(1)
        return 200, {}, {}

    odd.answer = answer
    impatient = ImageRegistry(limits=Limits(timeout=0.2, attempts=1))
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        await impatient.tags(f"{odd.address}/acme/app")
    await impatient.aclose()


async def test_the_header_is_not_believed(odd, registry):
    """The digest is that of the bytes, whatever the header says."""
    manifest = {"mediaType": MANIFEST}
    odd.answer = always(200, {"docker-content-digest": "sha256:" + "0" * 64}, manifest)
    assert (await registry.details(f"{odd.address}/acme/app", "1")).digest == digest_of(manifest)


async def test_other_content_than_asked_for(odd, registry):
    """Asked for a digest, content with another one is not taken."""
    odd.answer = always(200, {}, {"mediaType": MANIFEST})
    with pytest.raises(BadAnswer, match="answered content whose digest is"):
        await registry.details(f"{odd.address}/acme/app", "sha256:" + "1" * 64)


async def test_digest_without_header(odd, registry):
    """A registry that does not name the digest costs one more request."""
    manifest = {"mediaType": MANIFEST}
    odd.answer = always(200, {}, manifest)
    assert await registry.digest(f"{odd.address}/acme/app", "1") == digest_of(manifest)
    assert [each.method for each in odd.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize("kind", ["application/vnd.docker.distribution.manifest.v1+prettyjws", "text/html", ""])
async def test_no_image(odd, registry, kind):
    """A tag that is no image is said to be none."""
    odd.answer = always(200, {"content-type": kind} if kind else {}, {})
    with pytest.raises(Invalid, match="which is no image"):
        await registry.details(f"{odd.address}/acme/app", "old")


async def test_an_index_of_indexes_ends(odd, registry):
    """An index that leads on and on is not followed without end."""
    entry = {"platform": {"os": "linux", "architecture": "amd64"}}
    levels = [{"mediaType": INDEX, "manifests": []}]
    for _ in range(9):
        levels.append({"mediaType": INDEX, "manifests": [entry | {"digest": digest_of(levels[-1])}]})
    served = {digest_of(level): level for level in levels}

    async def answer(request):
        return 200, {}, served.get(request.target.rpartition("/")[2], levels[-1])

    odd.answer = answer
    assert (await registry.details(f"{odd.address}/acme/app", "deep")).created_at is None
    assert len(odd.asked) == 3


@pytest.mark.parametrize(
    "manifest",
    [
        {"mediaType": INDEX, "manifests": [{"platform": {"os": "a", "architecture": "b"}, "digest": "../../x"}]},
        {"mediaType": MANIFEST, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": 1}},
    ],
    ids=["index", "config"],
)
async def test_a_manifest_that_names_no_digest(odd, registry, manifest):
    """What is no digest is not put into a URL."""
    odd.answer = always(200, {}, manifest)
    with pytest.raises(Invalid, match="where a sha256 digest belongs"):
        await registry.details(f"{odd.address}/acme/app", "1")
    assert len(odd.asked) == 1
