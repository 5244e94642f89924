"""The registry client against a real registry."""

from datetime import UTC, datetime

import httpx
import pytest

from blocks.errors import Invalid, NotFound, Refused, Unauthorized, Unreachable
from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.records import Credentials, Platform
from deployments.processes import free_port
from tests.servers.registry import (
    OCI_MANIFEST,
    delete_image,
    docker_registry,
    push_blob,
    push_image,
    push_manifest,
)

ANA = Credentials("ana-secret", "ana", "pa55word")
AUTH = ("ana", "pa55word")
LABEL = "org.opencontainers.image.created"
QUICK = Limits(timeout=5, attempts=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A registry anybody may read and write."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A registry that asks for a password."""
    with docker_registry(tmp_path_factory.mktemp("locked"), {"ana": "pa55word"}) as address:
        yield address


@pytest.fixture
async def registry():
    """A client with the default settings."""
    client = ImageRegistry(limits=QUICK)
    yield client
    await client.aclose()


@pytest.fixture
async def trusting():
    """A client that sends credentials over plain http."""
    client = ImageRegistry(allow_plain_http_credentials=True, limits=QUICK)
    yield client
    await client.aclose()


async def test_lists_every_tag(server, registry):
    """Tags of releases, branches and signatures alike."""
    for tag in ("1.0.0", "main", "sha256-0123.sig"):
        push_image(server, "acme/tags", tag)
    assert sorted(await registry.tags(f"{server}/acme/tags")) == ["1.0.0", "main", "sha256-0123.sig"]


async def test_no_such_repository(server, registry):
    """A repository that is not there is named."""
    with pytest.raises(NotFound, match=f"repository {server}/acme/nothing does not exist"):
        await registry.tags(f"{server}/acme/nothing")


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_details_of_a_plain_image(server, registry, docker):
    """Digest, time, platform, and the later of label and config."""
    digest = push_image(server, "acme/plain", f"1.{docker:d}", labels={LABEL: "2025-02-03T04:05:06Z"}, docker=docker)
    image = await registry.details(f"{server}/acme/plain", f"1.{docker:d}")
    assert digest == image.digest == await registry.digest(f"{server}/acme/plain", f"1.{docker:d}")
    assert datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC) == image.created_at
    assert (Platform("linux", "amd64"),) == image.platforms


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
async def test_details_of_an_index(server, registry, docker):
    """The digest is the index's, the platforms are its images', the time is the newest image's."""
    tag, platforms = f"2.{docker:d}", ["linux/amd64", "linux/arm/v7"]
    digest = push_image(server, "acme/index", tag, platforms=platforms, created="2025-05-06T00:00:00Z", docker=docker)
    image = await registry.details(f"{server}/acme/index", tag)
    assert digest == image.digest
    assert (Platform("linux", "amd64"), Platform("linux", "arm", "v7")) == image.platforms
    assert datetime(2025, 5, 6, tzinfo=UTC) == image.created_at


async def test_annotations_of_the_manifest(server, registry):
    """Annotations are handed on, and one that names a time wins over everything."""
    noted = {LABEL: "2024-01-01T00:00:00Z", "org.opencontainers.image.revision": "3f78"}
    push_image(server, "acme/noted", "1", platforms=["linux/amd64"], annotations=noted)
    image = await registry.details(f"{server}/acme/noted", "1")
    assert noted == image.annotations
    assert datetime(2024, 1, 1, tzinfo=UTC) == image.created_at


async def test_details_by_digest(server, registry):
    """A digest is as good a reference as a tag."""
    digest = push_image(server, "acme/digest", "1")
    assert digest == (await registry.details(f"{server}/acme/digest", digest)).digest


async def test_an_image_that_does_not_say_when(server, registry):
    """No time anywhere is no time."""
    push_image(server, "acme/undated", "1", created=None)
    assert (await registry.details(f"{server}/acme/undated", "1")).created_at is None


async def test_missing_tag(server, registry):
    """A tag that is not there is None, not an error."""
    push_image(server, "acme/missing", "1")
    assert await registry.details(f"{server}/acme/missing", "2") is None
    assert await registry.digest(f"{server}/acme/missing", "2") is None


async def test_a_deleted_image_is_gone(server, registry):
    """What was deleted is asked for anew and found missing."""
    digest = push_image(server, "acme/deleted", "1")
    assert digest == await registry.digest(f"{server}/acme/deleted", "1")
    delete_image(server, "acme/deleted", digest)
    assert await registry.digest(f"{server}/acme/deleted", "1") is None


async def test_a_moved_tag_has_another_digest(server, registry):
    """Nothing about tags is remembered."""
    first = push_image(server, "acme/moved", "latest", labels={"n": "1"})
    second = push_image(server, "acme/moved", "latest", labels={"n": "2"})
    assert first != second == await registry.digest(f"{server}/acme/moved", "latest")


async def test_an_artifact_without_image_config(server, registry):
    """A signature or chart is described without looking into its config."""
    config = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
    push_image(server, "acme/artifact", "seed")
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2}
    with httpx.Client(base_url=f"http://{server}/v2/acme/artifact", trust_env=False) as http:
        assert config == push_blob(http, b"{}")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": []}
    digest = push_manifest(server, "acme/artifact", "chart", manifest)
    image = await registry.details(f"{server}/acme/artifact", "chart")
    assert (digest, None, ()) == (image.digest, image.created_at, image.platforms)


async def test_password(locked, trusting):
    """With the right password a locked registry answers everything."""
    digest = push_image(locked, "acme/app", "1.0.0", auth=AUTH)
    assert await trusting.tags(f"{locked}/acme/app", ANA) == ["1.0.0"]
    assert digest == (await trusting.details(f"{locked}/acme/app", "1.0.0", ANA)).digest


async def test_wrong_password(locked, trusting):
    """A wrong password is said, and is not in the message."""
    with pytest.raises(Unauthorized, match="'ana-secret': check their user name") as raised:
        await trusting.tags(f"{locked}/acme/app", Credentials("ana-secret", "ana", "wr0ng"))
    assert "wr0ng" not in str(raised.value)


async def test_no_password(locked, trusting):
    """A locked registry is not readable anonymously, also not after somebody else opened it."""
    push_image(locked, "acme/app", "1.0.0", auth=AUTH)
    await trusting.tags(f"{locked}/acme/app", ANA)
    with pytest.raises(Unauthorized, match="needs credentials"):
        await trusting.tags(f"{locked}/acme/app")


async def test_credentials_are_not_sent_over_plain_http(locked, registry):
    """Unless it was allowed, plain http gets no password."""
    with pytest.raises(Refused, match=r"'ana-secret' are not sent to 127\.0\.0\.1 over plain http"):
        await registry.tags(f"{locked}/acme/app", ANA)


async def test_nobody_answers(registry):
    """A registry that is not there is unreachable, which may pass."""
    with pytest.raises(Unreachable):
        await registry.tags(f"127.0.0.1:{free_port()}/acme/app")


@pytest.mark.parametrize("url", ["", "Not An Image", "ghcr.io/acme/app:", "https://ghcr.io/acme/app?x=1"])
async def test_no_image_repository(registry, url):
    """What names no repository is refused before anything is asked."""
    with pytest.raises(Invalid, match="is no image repository"):
        await registry.tags(url)
