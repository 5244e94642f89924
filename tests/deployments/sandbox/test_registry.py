"""The OCI registry, driven over plain HTTP."""

import hashlib
import json
from datetime import UTC, datetime

import httpx
import pytest

from deployments.sandbox.registry import push_image
from deployments.sandbox.server import Sandbox

CREATED = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def test_pushed_image_can_be_pulled(sandbox, http):
    """Manifest, config and layer come back as they were pushed, by tag and by digest."""
    pushed = await push_image(
        sandbox.url, "acme/guestbook", "1.0.0", created=CREATED, labels={"a": "b"}, annotations={"c": "d"}
    )
    by_tag = await http.get("/v2/acme/guestbook/manifests/1.0.0", headers={"accept": MANIFEST})
    by_digest = await http.get(f"/v2/acme/guestbook/manifests/{pushed}")
    assert by_tag.content == by_digest.content
    assert by_tag.headers["docker-content-digest"] == pushed == digest(by_tag.content)
    assert by_tag.headers["content-type"] == MANIFEST
    manifest = by_tag.json()
    assert manifest["annotations"] == {"c": "d"}
    for part in (manifest["config"], *manifest["layers"]):
        blob = await http.get(f"/v2/acme/guestbook/blobs/{part['digest']}")
        assert (digest(blob.content), len(blob.content)) == (part["digest"], part["size"])
    config = (await http.get(f"/v2/acme/guestbook/blobs/{manifest['config']['digest']}")).json()
    assert config["created"] == CREATED.isoformat()
    assert config["config"]["Labels"] == {"a": "b"}


async def test_head(sandbox, http):
    """HEAD tells digest and size, and no content."""
    pushed = await push_image(sandbox.url, "guestbook", "1.0.0", created=CREATED)
    manifest = await http.head("/v2/guestbook/manifests/1.0.0")
    assert (manifest.status_code, manifest.headers["docker-content-digest"]) == (200, pushed)
    assert (int(manifest.headers["content-length"]) > 100, manifest.content) == (True, b"")
    blob = json.loads((await http.get("/v2/guestbook/manifests/1.0.0")).content)["layers"][0]
    head = await http.head(f"/v2/guestbook/blobs/{blob['digest']}")
    assert (head.status_code, head.headers["content-length"]) == (200, str(blob["size"]))


async def test_chunked_upload(http):
    """Chunks in order make a blob; a chunk out of order gets 416; the session can be asked and is over at the end."""
    opened = await http.post("/v2/app/blobs/uploads/")
    at = opened.headers["location"]
    first = await http.patch(at, content=b"hello ", headers={"content-range": "0-5"})
    assert (first.status_code, first.headers["range"]) == (202, "0-5")
    gap = await http.patch(at, content=b"late", headers={"content-range": "9-12"})
    assert gap.status_code == 416
    assert (await http.get(at)).headers["range"] == "0-5"
    wrong = await http.put(at, params={"digest": digest(b"other")}, content=b"world")
    assert wrong.json()["errors"][0]["code"] == "DIGEST_INVALID"
    done = await http.put(at, params={"digest": digest(b"hello world")})
    assert done.status_code == 201
    assert (await http.get(done.headers["location"])).content == b"hello world"
    assert (await http.get(at)).json()["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"


async def test_monolithic_post_mount_and_cancel(http):
    """A blob can come in one request, be mounted from another repository, and an upload can be given up."""
    blob = digest(b"data")
    posted = await http.post("/v2/one/blobs/uploads/", params={"digest": blob}, content=b"data")
    assert posted.status_code == 201
    assert (await http.get(f"/v2/two/blobs/{blob}")).status_code == 404
    mounted = await http.post("/v2/two/blobs/uploads/", params={"mount": blob, "from": "one"})
    assert (mounted.status_code, (await http.get(f"/v2/two/blobs/{blob}")).content) == (201, b"data")
    absent = await http.post("/v2/two/blobs/uploads/", params={"mount": digest(b"no"), "from": "one"})
    assert absent.status_code == 202
    assert (await http.delete(absent.headers["location"])).status_code == 204


async def test_tags_in_pages(sandbox, http):
    """Pages follow each other by Link until all tags were seen once, in order."""
    tags = [f"1.{number}.0" for number in range(7)]
    pushed = await push_image(sandbox.url, "guestbook", tags[0], created=CREATED)
    content = (await http.get(f"/v2/guestbook/manifests/{pushed}")).content
    for tag in tags[1:]:
        await http.put(f"/v2/guestbook/manifests/{tag}", content=content, headers={"content-type": MANIFEST})
    seen, path = [], "/v2/guestbook/tags/list?n=3"
    while path:
        page = await http.get(path)
        seen.append(page.json()["tags"])
        path = page.links.get("next", {}).get("url")
    assert seen == [tags[:3], tags[3:6], tags[6:]]
    assert (await http.get("/v2/guestbook/tags/list")).json() == {"name": "guestbook", "tags": tags}


async def test_index_of_images(sandbox, http):
    """An index is accepted once its images are there, and refused before."""
    pushed = await push_image(sandbox.url, "guestbook", "amd64", created=CREATED)
    entry = {"mediaType": MANIFEST, "digest": pushed, "size": 1}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    put = await http.put("/v2/guestbook/manifests/1.0.0", content=index, headers={"content-type": INDEX})
    assert put.headers["docker-content-digest"] == digest(index)
    assert (await http.get("/v2/guestbook/manifests/1.0.0")).headers["content-type"] == INDEX
    early = await http.put("/v2/other/manifests/1.0.0", content=index, headers={"content-type": INDEX})
    assert (early.status_code, early.json()["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")


async def test_delete(sandbox, http):
    """A deleted tag leaves the manifest, a deleted manifest takes its tags."""
    pushed = await push_image(sandbox.url, "guestbook", "1.0.0", created=CREATED)
    content = (await http.get(f"/v2/guestbook/manifests/{pushed}")).content
    await http.put("/v2/guestbook/manifests/latest", content=content, headers={"content-type": MANIFEST})
    assert (await http.delete("/v2/guestbook/manifests/1.0.0")).status_code == 202
    assert (await http.get("/v2/guestbook/tags/list")).json()["tags"] == ["latest"]
    assert (await http.delete(f"/v2/guestbook/manifests/{pushed}")).status_code == 202
    assert (await http.get("/v2/guestbook/tags/list")).json()["tags"] == []
    assert (await http.get("/v2/guestbook/manifests/latest")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        pytest.param("GET", "/v2/none/tags/list", b"", 404, "NAME_UNKNOWN", id="unknown-name"),
        pytest.param("GET", "/v2/Bad/tags/list", b"", 400, "NAME_INVALID", id="bad-name"),
        pytest.param("GET", "/v2/a/../b/tags/list", b"", 404, "NAME_UNKNOWN", id="dots-are-resolved"),
        pytest.param("GET", "/v2/a/%2e%2e/b/tags/list", b"", 400, "NAME_INVALID", id="encoded-dots"),
        pytest.param("GET", "/v2/none/manifests/1.0", b"", 404, "MANIFEST_UNKNOWN", id="unknown-tag"),
        pytest.param("GET", "/v2/none/manifests/sha256:12", b"", 404, "MANIFEST_UNKNOWN", id="short-digest"),
        pytest.param("GET", f"/v2/none/blobs/{digest(b'x')}", b"", 404, "BLOB_UNKNOWN", id="unknown-blob"),
        pytest.param("GET", "/v2/none/blobs/md5:1", b"", 400, "DIGEST_INVALID", id="bad-digest"),
        pytest.param("PUT", "/v2/app/manifests/1.0", b"no", 400, "MANIFEST_INVALID", id="no-json"),
        pytest.param("PUT", "/v2/app/manifests/1.0", b"[]", 400, "MANIFEST_INVALID", id="no-object"),
        pytest.param(
            "PUT", f"/v2/app/manifests/{digest(b'x')}", b'{"schemaVersion":2}', 400, "DIGEST_INVALID", id="other-digest"
        ),
        pytest.param("GET", "/v2/app/tags/list?n=x", b"", 405, "UNSUPPORTED", id="bad-page-size"),
    ],
)
async def test_refusals(http, method, path, content, status, code):
    """Refusals are the specification's JSON."""
    answer = await http.request(method, path, content=content)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


async def test_users(tmp_path):
    """With users, 401 asks for Basic authentication, and the right password pushes and pulls."""
    async with Sandbox(tmp_path / "world", users={"ci": "s3cret"}) as sandbox:
        await push_image(sandbox.url, "guestbook", "1.0.0", created=CREATED, auth=("ci", "s3cret"))
        async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as http:
            refused = await http.get("/v2/")
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="sandbox"')
            assert refused.json()["errors"][0]["code"] == "UNAUTHORIZED"
            assert (await http.get("/v2/", auth=("ci", "wrong"))).status_code == 401
            assert (await http.get("/v2/guestbook/tags/list", auth=("ci", "s3cret"))).json()["tags"] == ["1.0.0"]


async def test_image_made_on_request(http):
    """Somebody with nothing but HTTP can publish a new tag."""
    made = await http.post("/sandbox/images", json={"repository": "guestbook", "tag": "2.0.0", "labels": {"x": "y"}})
    got = await http.get("/v2/guestbook/manifests/2.0.0")
    assert made.json()["digest"] == got.headers["docker-content-digest"]
    assert (await http.get("/v2/_catalog")).json() == {"repositories": ["guestbook"]}
