"""oci-push copies between real registries what the target lacks, once."""

from asyncio import to_thread

import pytest

from blocks.errors import Invalid, NotFound, Refused, Retryable
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows.promotion.foresight import Imagined
from flows.promotion.result import Skipped, Succeeded
from flows.promotion.steps.oci_push import Config, foresee, run
from tests.flows.promotion.steps.oci import (
    CHART,
    PROVENANCE,
    context,
    digest,
    fetch,
    locked,
    push_artifact,
    push_index,
    server,
)

__all__ = ["context", "locked", "server"]

AUTH = ("ana", "pa55word")
LAYERS = [(PROVENANCE, b"signed"), (CHART, b"chart" * 1_000_000)]


async def push(context, source, to, **annotations):
    """Run the step."""
    config = {"srcRef": source, "destRef": to, "annotations": annotations.pop("annotations", {}), **annotations}
    return await run(Config.model_validate(config), context)


async def test_to_another_registry(server, locked, context):
    """The bytes of the manifest stay, blobs are all there; the second time there is nothing to do."""
    pushed = push_artifact(server, "one", "1.0.0", LAYERS)
    result = await push(context, f"{server}/one:1.0.0", f"oci://{locked}/copied/one:stable")
    outputs = {"image": f"{locked}/copied/one:stable", "digest": pushed, "tag": "stable"}
    assert result == Succeeded(outputs)
    assert digest(fetch(locked, "copied/one", "stable", AUTH)[1]) == pushed
    again = await push(context, f"{server}/one:1.0.0", f"oci://{locked}/copied/one:stable")
    assert (type(again), again.outputs) == (Skipped, outputs)
    assert set(context.previous["asked"]) == {("image", f"{server}/one"), ("helm", f"oci://{locked}/copied/one")}


async def test_another_tag_of_the_same_repository(server, context):
    """However large it is: nothing is copied. Without a tag it is `latest`."""
    layers = [{"mediaType": CHART, "digest": digest(b"x"), "size": 5 * 1024**3}]
    pushed = push_artifact(server, "two", "1.0.0", [(CHART, b"x")], layers=layers)
    result = await push(context, f"{server}/two:1.0.0", f"{server}/two")
    assert result.outputs == {"image": f"{server}/two", "digest": pushed, "tag": "latest"}
    with pytest.raises(Refused, match="more than the 1073741824"):
        await push(context, f"{server}/two:1.0.0", f"{server}/other:1.0.0")


async def test_a_multi_platform_image(server, locked, context):
    """All its images come along; annotations go where their keys say, and what names them follows."""
    images = {
        f"linux/{name}": push_artifact(server, "multi", name, [(CHART, name.encode())], annotations={"kept": name})
        for name in ("amd64", "arm64")
    }
    pushed = push_index(server, "multi", "1.0.0", images)
    plain = await push(context, f"{server}/multi:1.0.0", f"{locked}/multi:plain")
    assert plain.outputs["digest"] == pushed
    annotations = {"index:of": "all", "manifest:stage": "prod", "by": "drayage"}
    changed = await push(context, f"{server}/multi:1.0.0", f"{locked}/multi:changed", annotations=annotations)
    again = await push(context, f"{server}/multi:1.0.0", f"{locked}/multi:changed", annotations=annotations)
    assert (type(again), again.outputs) == (Skipped, changed.outputs)

    index, content = fetch(locked, "multi", "changed", AUTH)
    assert (index["annotations"], digest(content)) == ({"of": "all"}, changed.outputs["digest"])
    assert changed.outputs["digest"] != pushed
    for entry in index["manifests"]:
        image, content = fetch(locked, "multi", entry["digest"], AUTH)
        kept = {"kept": entry["platform"]["architecture"]}
        assert image["annotations"] == {"by": "drayage", "stage": "prod"} | kept
        assert len(content) == entry["size"]


async def test_an_image_ignores_annotations_of_an_index(server, context):
    """Only an index has them."""
    pushed = push_artifact(server, "three", "1.0.0", LAYERS)
    result = await push(context, f"{server}/three:1.0.0", f"{server}/three:2", annotations={"index:a": "b"})
    assert result.outputs["digest"] == pushed


async def test_what_is_foreseen(server, context):
    """The very outputs of the push, and nothing is pushed."""
    push_artifact(server, "seen", "1.0.0", LAYERS)
    config = Config.model_validate(
        {"srcRef": f"{server}/seen:1.0.0", "destRef": f"{server}/seen:2", "annotations": {"a": "b"}}
    )
    before = await foresee(config, context, Imagined())
    result = await run(config, context)
    after = await foresee(config, context, Imagined())
    assert type(result) is Succeeded
    assert before.outputs == result.outputs == after.outputs
    assert before.description.endswith("would be copied")
    assert after.description.endswith("it is there already")


async def test_blobs_are_mounted_within_a_registry(tmp_path, context):
    """Nothing but manifests is fetched or sent, also when the target asks for passwords."""
    async with Sandbox(tmp_path / "sandbox") as sandbox:
        pushed = await to_thread(push_artifact, sandbox.host, "from", "1.0.0", LAYERS)
        sandbox.faults.requests.clear()
        result = await push(context, f"{sandbox.host}/from:1.0.0", f"{sandbox.host}/to/here:1.0.0")
        assert result.outputs["digest"] == pushed
        assert not [path for path in sandbox.faults.requests if path.startswith("/v2/from/blobs")]
        await to_thread(fetch, sandbox.host, "to/here", "1.0.0")


@pytest.mark.parametrize("path", ["^/v2/to/blobs/uploads", "^/v2/to/manifests", "^/v2/from/blobs"])
async def test_a_push_that_broke_off_is_finished(tmp_path, server, context, path):
    """What went wrong in the middle is an error; the next attempt does the rest."""
    async with Sandbox(tmp_path / "sandbox") as sandbox:
        source = f"{sandbox.host}/from:1"
        pushed = await to_thread(push_artifact, sandbox.host, "from", "1", LAYERS)
        to = f"{server}/resumed{len(path)}:1"
        if "/to/" in path:
            push_artifact(server, "elsewhere", "1", LAYERS)
            source, to = f"{server}/elsewhere:1", f"{sandbox.host}/to:1"
        tries = 2 if "uploads" in path else 1
        for kind in ("drop", "status", "rate_limit"):
            sandbox.faults.add(Fault(match=path, method="GET" if "/from/" in path else "PUT", kind=kind, times=tries))
            with pytest.raises(Retryable, match=r"failed|answered 503|answered 429"):
                await push(context, source, to)
        result = await push(context, source, to)
        assert (type(result), result.outputs["digest"]) == (Succeeded, pushed)
        address, _, repo = to.rpartition(":")[0].partition("/")
        await to_thread(fetch, address, repo, "1")


@pytest.mark.parametrize(
    ("source", "to", "raised"),
    [
        pytest.param("{server}/none:1", "{server}/bb:1", NotFound, id="no source"),
        pytest.param("{server}/one:1.0.0", "{server}/bb@sha256:" + "0" * 64, Invalid, id="another digest"),
        pytest.param("{server}/one:1.0.0", "{server}/UPPER:1", Invalid, id="no reference"),
    ],
)
async def test_what_cannot_be_pushed(server, context, source, to, raised):
    """It is final."""
    push_artifact(server, "one", "1.0.0", LAYERS)
    with pytest.raises(raised):
        await push(context, source.format(server=server), to.format(server=server))


async def test_layers_that_may_not_be_distributed_stay_where_they_are(tmp_path, context):
    """The manifest names them still."""
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest(b"elsewhere"),
        "size": 9,
        "urls": ["https://example.com/layer"],
    }
    async with Sandbox(tmp_path / "sandbox") as sandbox:
        pushed = await to_thread(push_artifact, sandbox.host, "from", "1", [], layers=[foreign])
        result = await push(context, f"{sandbox.host}/from:1", f"{sandbox.host}/to:1")
        assert result == Succeeded({"image": f"{sandbox.host}/to:1", "digest": pushed, "tag": "1"})
