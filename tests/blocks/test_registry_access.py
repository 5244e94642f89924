"""What tokens a copy asks for, and who is told them."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.registry.reference import repository
from tests.servers.odd import Odd, listening


@pytest.fixture
async def registry():
    """A client with the default settings."""
    client = ImageRegistry(limits=Limits(timeout=5, attempts=1))
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("here/from/app", ["repository:to/app:pull,push", "repository:from/app:pull"], id="to mount"),
        pytest.param("other.example.com/from/app", ["repository:to/app:pull,push"], id="of another registry"),
        pytest.param("here/to/app", ["repository:to/app:pull,push"], id="of the same repository"),
    ],
)
async def test_what_a_token_must_allow(registry, source, expected):
    """Pushing, and pulling from where blobs are mounted, whatever the registry's challenge names."""

    async def answer(request):
        if request.target.startswith("/token"):
            return 200, {}, {"token": "t0ken"}
        if request.headers.get("authorization") == "Bearer t0ken":
            return 200, {}, {}
        realm = f'Bearer realm="http://{odd.address}/token",service="reg",scope="repository:to/app:pull"'
        return 401, {"www-authenticate": realm}, {}

    async with listening(Odd(answer=answer)) as odd:
        copied = repository(source.replace("here", odd.address))
        session = await registry.opened(f"{odd.address}/to/app", copies_from=copied)
        await session.ask("/manifests/1")
        (token,) = [each for each in odd.asked if each.target.startswith("/token")]
        asked = parse_qsl(urlsplit(token.target).query)
        assert [value for name, value in asked if name == "scope"] == expected


async def test_uploads_that_lead_elsewhere_carry_no_token(registry):
    """Who we are is told to the registry alone."""

    async def refuse(request):
        if request.target.startswith("/token"):
            return 200, {}, {"token": "t0ken"}
        if "authorization" not in request.headers:
            return 401, {"www-authenticate": f'Bearer realm="http://{odd.address}/token"'}, {}
        return 200, {}, {}

    async def take(request):
        return 201, {}, {}

    async with listening(Odd(answer=refuse)) as odd, listening(Odd(answer=take)) as storage:
        session = await registry.opened(f"{odd.address}/to/app")
        await session.ask("/manifests/1")
        await session.ask(f"http://{storage.address}/upload?x=1", method="PUT", content=b"blob")
    assert "authorization" in odd.asked[-1].headers
    assert "authorization" not in storage.asked[0].headers
