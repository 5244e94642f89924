"""Freight put together by hand: one artifact per subscription, as discovered, cloned, or from the source."""

import pytest

from blocks.errors import Invalid, Unreachable
from flows.freight.assemble import assemble
from flows.freight.by_hand import check_alias, put_together
from flows.freight.picks import Picks
from flows.warehouse.model import WarehouseSpec

GIT, IMAGE = {"repoURL": "https://git.example.com/config"}, {"repoURL": "ghcr.io/acme/app"}
CHART, FURTHER = {"repoURL": "https://charts.example.com", "name": "app"}, {"name": "tool"}
NEW, OLD = {"id": "abcd" + "1" * 36, "branch": "main"}, {"id": "abcd" + "2" * 36, "branch": "main"}
TAGGED = {"id": "f" * 40, "tag": "v1"}
DISCOVERED = {
    "git": [GIT | {"commits": [NEW, OLD, TAGGED]}],
    "images": [IMAGE | {"references": [{"tag": f"1.{n}.0", "digest": f"sha256:{n}"} for n in range(8, 0, -1)]}],
    "charts": [CHART | {"versions": ["0.2.0", "0.1.0"]}],
    "results": [FURTHER | {"artifactReferences": [{"artifactType": "t", "version": "v2"}, {"version": "v1"}]}],
}
SPEC = WarehouseSpec.model_validate(
    {
        "subscriptions": [
            {"git": GIT},
            {"image": IMAGE, "name": "app"},
            {"chart": CHART},
            {"github-release": {"config": {"repository": "acme/tool"}}, **FURTHER},
        ]
    }
)
NEWEST = Picks(
    commits=(f"{GIT['repoURL']}={NEW['id']}",),
    images=("app=1.8.0",),
    charts=("https://charts.example.com/app=0.2.0",),
    artifacts=("tool=v2",),
)


async def nowhere(subscription, version):
    """A source that has nothing more."""


async def assembled(picks, base=None, source=nowhere, discovered=DISCOVERED):
    """Put Freight together for the Warehouse of these tests."""
    return await put_together(SPEC, discovered, picks, base, source)


async def test_what_discovery_would_bring_is_the_same_by_hand():
    """So it has the same name and is the same Freight."""
    assert await assembled(NEWEST) == assemble(SPEC, DISCOVERED)


@pytest.mark.parametrize(
    ("changed", "kind", "expected"),
    [
        pytest.param({"images": ("app=1.2.0",)}, "images", {"tag": "1.2.0", "digest": "sha256:2"}, id="older-image"),
        pytest.param({"images": ("app=sha256:3",)}, "images", {"tag": "1.3.0", "digest": "sha256:3"}, id="digest"),
        pytest.param({"images": ("app=1.3.0@sha256:3",)}, "images", {"tag": "1.3.0"}, id="tag-and-digest"),
        pytest.param({"commits": (f"{GIT['repoURL']}=abcd2",)}, "commits", {"id": OLD["id"]}, id="short-id"),
        pytest.param({"commits": (f"{GIT['repoURL']}=ABCD2",)}, "commits", {"id": OLD["id"]}, id="short-id-upper"),
        pytest.param({"commits": (f"{GIT['repoURL']}=v1",)}, "commits", {"id": TAGGED["id"], "tag": "v1"}, id="tag"),
        pytest.param({"charts": (f"{CHART['repoURL']}=0.1.0",)}, "charts", {"version": "0.1.0"}, id="chart"),
        pytest.param({"artifacts": ("tool=v1",)}, "artifacts", {"version": "v1"}, id="further-kind"),
    ],
)  # fmt: skip
async def test_a_clone_keeps_all_but_what_is_picked(changed, kind, expected):
    """The one picked is exactly that of discovery; the others stay as they are."""
    base = await assembled(NEWEST)

    content = await assembled(Picks(**changed), base)

    assert content.keys() == base.keys()
    assert content[kind][0].items() >= expected.items()
    assert {key: value for key, value in content.items() if key != kind} == {
        key: value for key, value in base.items() if key != kind
    }


async def test_a_clone_follows_its_warehouse():
    """What is no longer subscribed to goes, what is new must be picked, a subscription's new name is taken over."""
    base = await assembled(NEWEST)
    changed = WarehouseSpec.model_validate({"subscriptions": [{"image": IMAGE, "name": "renamed"}, {"git": GIT}]})

    content = await put_together(changed, DISCOVERED, Picks(), base, nowhere)

    assert content.keys() == {"images", "commits"}
    assert content["images"][0]["subscriptionName"] == "renamed"
    with pytest.raises(
        Invalid, match=r"the Freight cloned has nothing for .*: give --chart https://charts\.ex.*/app=…"
    ):
        await assembled(Picks(), content | {"artifacts": base["artifacts"]})


async def test_all_problems_are_told_at_once():
    """Each with what is known instead."""
    with pytest.raises(Invalid) as told:
        await assembled(Picks(images=("web=1", "app=9.9.9"), commits=(f"{GIT['repoURL']}=abcd",)))

    first, *rest = str(told.value).splitlines()
    assert first == "5 problems, no Freight was made:"
    assert rest[0].startswith("  --image 'web=1' is for nothing that the Warehouse subscribes to")
    assert rest[1] == (
        f"  'abcd' may mean several of the subscription to git of {GIT['repoURL']}: {NEW['id']}, {OLD['id']}"
    )
    assert rest[2] == (
        "  subscription 'app' to images of ghcr.io/acme/app has no '9.9.9'; "
        "discovered are 1.8.0, 1.7.0, 1.6.0, 1.5.0, 1.4.0 and 3 more"
    )
    assert rest[3].startswith("  nothing is picked for the subscription to charts of https://charts.example.com")
    assert rest[4] == (
        "  nothing is picked for github-release subscription 'tool': give --artifact tool=…; discovered are v2, v1"
    )


@pytest.mark.parametrize("short", ["abc", "ab", ""])
async def test_three_characters_are_no_abbreviation(short):
    """Nor is nothing at all."""
    with pytest.raises(Invalid):
        await assembled(Picks(commits=(f"{GIT['repoURL']}={short}",)), await assembled(NEWEST))


async def test_what_discovery_has_not_brought_is_asked_of_its_source():
    """Only that; what the source answers is taken as discovery would take it."""
    asked = []

    async def source(subscription, version):
        asked.append((subscription.kind, version))
        return IMAGE | {"references": [{"tag": "0.9.0", "digest": "sha256:09", "annotations": {"a": "b"}}]}

    content = await assembled(Picks(images=("app=0.9.0",)), await assembled(NEWEST), source)

    assert asked == [("image", "0.9.0")]
    assert content["images"] == [
        IMAGE | {"tag": "0.9.0", "digest": "sha256:09", "annotations": {"a": "b"}, "subscriptionName": "app"}
    ]


async def test_what_the_source_says_is_told():
    """A source out of reach is a problem of that pick."""

    async def source(subscription, version):
        raise Unreachable("ghcr.io does not answer")

    with pytest.raises(Invalid, match=r"was asked for '0\.9\.0': ghcr\.io does not answer; discovered are 1\.8"):
        await assembled(Picks(images=("app=0.9.0",)), await assembled(NEWEST), source)


async def test_a_warehouse_that_was_never_looked_at():
    """Says so, for what is not picked."""
    with pytest.raises(Invalid, match="nothing was discovered yet"):
        await assembled(Picks(), discovered={})


@pytest.mark.parametrize("alias", ["a", "calm-wren", "Release_1.2", "x" * 63])
def test_good_aliases(alias):
    """What Kubernetes takes as the value of a label, as Kargo does."""
    check_alias(alias)


@pytest.mark.parametrize(
    ("alias", "sentence"),
    [
        pytest.param("", "cannot be an alias: it has 1 to 63", id="empty"),
        pytest.param("-a", "cannot be an alias", id="dash-first"),
        pytest.param("a/b", "cannot be an alias", id="slash"),
        pytest.param("calm wren", "cannot be an alias", id="space"),
        pytest.param("x" * 64, "cannot be an alias", id="long"),
        pytest.param("a\n", "cannot be an alias", id="line-end"),
        pytest.param("0" * 40, "looks like the name of a Freight", id="name"),
    ],
)
def test_bad_aliases(alias, sentence):
    """Said with the rule."""
    with pytest.raises(Invalid, match=sentence):
        check_alias(alias)
