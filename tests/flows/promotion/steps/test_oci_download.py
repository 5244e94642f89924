"""oci-download brings one layer from real registries."""

import pytest

from blocks.errors import Invalid, NotFound, Refused, Unauthorized
from flows.promotion.steps.oci_download import Config, restore, run
from tests.flows.promotion.steps.oci import (
    CHART,
    PROVENANCE,
    context,
    digest,
    locked,
    push_artifact,
    push_index,
    server,
)

__all__ = ["context", "locked", "server"]

LAYERS = [(PROVENANCE, b"signed"), (CHART, b"chart" * 100_000)]


async def download(context, ref, **config):
    """Run the step into `a.tgz` and return what it wrote."""
    await run(Config.model_validate({"imageRef": ref, "outPath": "a.tgz", **config}), context)
    return (context.work_dir / "a.tgz").read_bytes()


async def test_the_first_layer_or_one_of_a_media_type(server, context):
    """By tag, by digest, and with the tag that is meant when none is named."""
    pushed = push_artifact(server, "charts/shop", "latest", LAYERS)
    assert await download(context, f"{server}/charts/shop") == b"signed"
    chart = {"mediaType": CHART, "allowOverwrite": True}
    assert await download(context, f"{server}/charts/shop:latest", **chart) == LAYERS[1][1]
    assert await download(context, f"{server}/charts/shop@{pushed}", **chart) == LAYERS[1][1]


async def test_whose_credentials(locked, context):
    """Those for images, and with `oci://` those for charts."""
    push_artifact(locked, "charts/shop", "1.0.0", LAYERS, auth=("ana", "pa55word"))
    await download(context, f"{locked}/charts/shop:1.0.0")
    await download(context, f"oci://{locked}/charts/shop:1.0.0")
    assert context.previous["asked"] == [("image", f"{locked}/charts/shop"), ("helm", f"oci://{locked}/charts/shop")]


async def test_without_credentials(locked, context):
    """The sentence says what to do, and nothing is left."""

    async def nobody(cred_type, repo_url):
        return None

    object.__setattr__(context, "credentials", nobody)
    with pytest.raises(Unauthorized, match="apply a Secret"):
        await download(context, f"{locked}/charts/shop:1.0.0")
    assert list(context.work_dir.iterdir()) == []


async def test_an_index_means_its_image_for_linux(server, context):
    """As Kargo has it: linux/amd64."""
    images = {
        f"linux/{name}": push_artifact(server, "app", name, [(CHART, name.encode())]) for name in ("arm64", "amd64")
    }
    push_index(server, "app", "1.0.0", images)
    assert await download(context, f"{server}/app:1.0.0") == b"amd64"


async def test_a_file_that_is_there(server, context):
    """The same may be there, from an attempt before; another only goes with allowOverwrite."""
    push_artifact(server, "over", "1", [(CHART, b"one")])
    push_artifact(server, "over", "2", [(CHART, b"two")])
    await download(context, f"{server}/over:1")
    await download(context, f"{server}/over:1")
    with pytest.raises(Invalid, match="allowOverwrite"):
        await download(context, f"{server}/over:2")
    assert await download(context, f"{server}/over:2", allowOverwrite=True) == b"two"


async def test_on_another_machine(server, context):
    """A lost directory gets the very same layer again, though the tag has moved."""
    push_artifact(server, "moved", "main", [(CHART, b"one")])
    config = Config.model_validate({"imageRef": f"{server}/moved:main", "outPath": "in/a"})
    result = await run(config, context)
    assert result.outputs == {"digest": digest(b"one")}
    push_artifact(server, "moved", "main", [(CHART, b"two")])
    await restore(config, context, result.outputs)
    assert (context.work_dir / "in/a").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("ref", "config", "raised"),
    [
        pytest.param("{server}/charts/none:1", {}, NotFound, id="no repository"),
        pytest.param("{server}/small:2", {}, NotFound, id="no tag"),
        pytest.param("{server}/small:1", {"mediaType": "text/none"}, NotFound, id="no such layer"),
        pytest.param("{server}/empty:1", {}, NotFound, id="no layer"),
        pytest.param("{server}/small:1", {"outPath": "../a"}, Invalid, id="outside"),
        pytest.param("{server}/huge:1", {}, Refused, id="too large by what it says"),
        pytest.param("not a reference", {}, Invalid, id="no reference"),
    ],
)
async def test_what_cannot_be_had(server, context, ref, config, raised):
    """It is final, and nothing is left."""
    push_artifact(server, "small", "1", [(CHART, b"x")])
    push_artifact(server, "empty", "1", [])
    layers = [{"mediaType": CHART, "digest": digest(b"x"), "size": 101 * 1024 * 1024}]
    push_artifact(server, "huge", "1", [(CHART, b"x")], layers=layers)
    with pytest.raises(raised):
        await download(context, ref.format(server=server), **config)
    assert list(context.work_dir.iterdir()) == []
