"""Whatever a registry answers: a result, or an error that Drayage words itself."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.budget import Budgets, Pace
from blocks.errors import DrayageError
from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.records import ImageDetails
from blocks.registry.reference import TAG, repository
from flows.warehouse.choose import choose, wanted_tags
from flows.warehouse.model import ImageSubscription
from tests.servers.odd import CONFIG, INDEX, MANIFEST, Odd, digest_of, listening

KEYS = st.sampled_from(
    [
        "mediaType",
        "manifests",
        "config",
        "Labels",
        "digest",
        "platform",
        "os",
        "architecture",
        "variant",
        "annotations",
        "org.opencontainers.image.created",
        "created",
        "tags",
        "layers",
    ]
)
WORDS = st.sampled_from([MANIFEST, INDEX, CONFIG, "linux", "2025-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", ""])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
)
OBJECTS = st.dictionaries(KEYS, TREES, max_size=8)
EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def answered(ask, *bodies):
    """Ask a registry that answers with these bodies, in turn, the last again and again."""
    left = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]

    async def answer(request):
        return 200, {"content-type": MANIFEST}, left.pop(0) if len(left) > 1 else left[0]

    async with listening(Odd(answer=answer)) as server:
        paced = Budgets(Pace(per_second=10_000))
        registry = ImageRegistry(limits=Limits(timeout=5, attempts=1), budgets=paced)
        try:
            return await ask(registry, f"{server.address}/acme/app")
        finally:
            await registry.aclose()


@EXAMPLES
@given(TREES | st.fixed_dictionaries({"tags": TREES | st.lists(st.none() | st.text(max_size=6))}) | st.binary())
async def test_any_list_of_tags(body):
    """Only names that can be a tag's come back, each once."""
    try:
        tags = await answered(lambda registry, repo: registry.tags(repo), body)
    except DrayageError:
        return
    assert len(set(tags)) == len(tags)
    assert all(TAG.fullmatch(tag) for tag in tags)


@EXAMPLES
@given(OBJECTS | TREES, TREES, st.sampled_from([MANIFEST, INDEX, ""]))
async def test_any_manifest_and_config(manifest, config, kind):
    """An image, or an error; its digest is that of the bytes."""
    body = json.dumps(config).encode()
    if isinstance(manifest, dict) and kind:
        manifest = {**manifest, "mediaType": kind}
        if kind == MANIFEST:
            manifest["config"] = {"mediaType": CONFIG, "digest": digest_of(body)}
    try:
        image = await answered(lambda registry, repo: registry.details(repo, "1"), manifest, body)
    except DrayageError:
        return
    assert isinstance(image, ImageDetails)
    assert image.digest == digest_of(manifest)


@EXAMPLES
@given(
    st.lists(
        st.fixed_dictionaries(
            {"platform": st.fixed_dictionaries({"os": WORDS | TREES, "architecture": WORDS | TREES})},
            optional={"annotations": TREES, "digest": TREES},
        ),
        max_size=4,
    ),
    TREES,
)
async def test_any_index(entries, child):
    """An image, or an error, whatever its entries lead to."""
    body = json.dumps(child).encode()
    entries = [{"digest": digest_of(body), **entry} for entry in entries]
    index = {"mediaType": INDEX, "manifests": entries}
    try:
        image = await answered(lambda registry, repo: registry.details(repo, "1"), index, body)
    except DrayageError:
        return
    assert isinstance(image, ImageDetails)


@EXAMPLES
@given(
    st.lists(st.text() | st.from_regex(r"v?\d{1,20}(\.\d{1,20}){0,3}([-+][\w.-]{0,10})?", fullmatch=True)),
    st.sampled_from(["SemVer", "Lexical", "NewestBuild"]),
    st.booleans(),
)
def test_any_tags_are_ordered(tags, strategy, strict):
    """Whatever tags there are, some of them come back, in an order that does not depend on theirs."""
    subscription = ImageSubscription.model_validate(
        {"repoURL": "acme/app", "imageSelectionStrategy": strategy, "strictSemvers": strict}
    )
    wanted = wanted_tags(subscription, tags)
    assert set(wanted) <= set(tags)
    images = [(tag, ImageDetails(f"sha256:{number}")) for number, tag in enumerate(dict.fromkeys(wanted))]
    again = choose(subscription, list(reversed(images)) if strategy == "NewestBuild" else images)
    assert choose(subscription, images) == again


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("nginx", "https://registry-1.docker.io/v2/library/nginx"),
        ("acme/app", "https://registry-1.docker.io/v2/acme/app"),
        ("docker.io/library/nginx", "https://registry-1.docker.io/v2/library/nginx"),
        ("docker.io/nginx", "https://registry-1.docker.io/v2/library/nginx"),
        ("index.docker.io/acme/app", "https://registry-1.docker.io/v2/acme/app"),
        ("registry-1.docker.io/acme/app:1.0", "https://registry-1.docker.io/v2/acme/app"),
        ("ghcr.io/Acme/App", "https://ghcr.io/v2/acme/app"),
        ("oci://ghcr.io/acme/app", "https://ghcr.io/v2/acme/app"),
        ("localhost:5000/app", "http://localhost:5000/v2/app"),
        ("127.0.0.1/app", "http://127.0.0.1/v2/app"),
        ("[::1]:5000/app", "http://[::1]:5000/v2/app"),
    ],
)
def test_where_a_repository_is(url, base):
    """Docker Hub has several names and a folder of its own; plain http is for this machine."""
    assert repository(url).base == base
