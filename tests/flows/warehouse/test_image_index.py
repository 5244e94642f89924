"""What a look at an image repository costs, and what it says, when the registry is as registries are."""

import asyncio
from datetime import timedelta

import pytest

from blocks.budget import Budgets, Pace
from blocks.errors import Invalid, Unavailable
from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from flows.warehouse import discover_image as module
from flows.warehouse.asking import Hint
from flows.warehouse.discover_image import discover_image
from flows.warehouse.image_source import AT_ONCE
from flows.warehouse.model import ImageSubscription
from tests.flows.warehouse.asked import NOW, asking
from tests.flows.warehouse.looking import image, tags, warehouse
from tests.servers.odd import INDEX, MANIFEST, OddRegistry, listening

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
HOURS = 3_600.0


@pytest.fixture
async def registry():
    """An empty registry."""
    async with listening(OddRegistry()) as server:
        yield server


@pytest.fixture
def look(registry, looker):
    """How to look as a subscription: returns its references by tag."""

    async def look(after=0.0, hint=None, before=None, thorough=False, client=None, **subscription):
        wanted = ImageSubscription.model_validate({"repoURL": registry.repo, **subscription})
        known = {"index": looker.ledger.index, "now": NOW + timedelta(seconds=after), "thorough": thorough}
        hinted = Hint(tag=hint) if hint is not None else None
        return await discover_image(wanted, asking(client or looker.registry, hint=hinted, before=before, **known))

    return look


def named(entry):
    """The tags of an entry."""
    return [reference["tag"] for reference in entry["references"]]


def digests(entry):
    """The digests of an entry by tag."""
    return {reference["tag"]: reference["digest"] for reference in entry["references"]}


def unpaced(**options):
    """A client that asks as fast as it can."""
    return ImageRegistry(budgets=Budgets(Pace(per_second=10_000)), **options)


STRATEGIES = ["SemVer", "Lexical", "NewestBuild"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("page", [1_000, 2])
async def test_unchanged_costs_its_list(registry, look, strategy, page):
    """One call for each page, and nothing else."""
    registry.page = page
    for number in range(5):
        registry.push(f"1.{number}.0", created=f"2025-01-0{number + 1}T00:00:00Z")
    first = await look(imageSelectionStrategy=strategy)
    assert named(first) == [f"1.{number}.0" for number in (4, 3, 2, 1, 0)]
    registry.asked.clear()
    assert await look(300, imageSelectionStrategy=strategy) == first
    assert registry.calls == {"list": 1 if page > 5 else 3}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_new_tag_costs_three_calls(registry, look, strategy):
    """The list, the manifest by tag, the config; two when the same image is known by another tag."""
    registry.push("1.0.0")
    await look(imageSelectionStrategy=strategy)
    registry.asked.clear()
    registry.push("1.1.0", created="2025-02-01T00:00:00Z")
    assert named(await look(60, imageSelectionStrategy=strategy))[0] == "1.1.0"
    assert registry.calls == {"list": 1, "GET 1.1.0": 1, "config": 1}
    registry.push("1.1.1", created="2025-02-01T00:00:00Z")
    assert named(await look(120, imageSelectionStrategy=strategy))[:2] == ["1.1.1", "1.1.0"]
    assert registry.calls == {"list": 1, "GET 1.1.1": 1}


async def test_a_tag_that_moves_is_noticed_within_the_interval(registry, look):
    """Not before half of it, surely after it, at the price of one HEAD per chosen tag and one manifest and config."""
    registry.push("1.0.0")
    first = await look()
    moved = registry.push("1.0.0", created="2025-03-01T00:00:00Z")
    registry.asked.clear()
    assert await look(0.4 * HOURS) == first
    assert registry.calls == {"list": 1}
    assert digests(await look(HOURS)) == {"1.0.0": moved}
    assert registry.calls == {"list": 1, "HEAD 1.0.0": 1, "GET 1.0.0": 1, "config": 1}


async def test_a_newest_build_that_moved_back_lets_another_win(registry, look):
    """A tag that turns out to be older is replaced by what is newest then, whose tag is confirmed too."""
    registry.push("a", created="2025-01-01T00:00:00Z")
    registry.push("b", created="2025-02-01T00:00:00Z")
    subscription = {"imageSelectionStrategy": "NewestBuild", "discoveryLimit": 1}
    assert named(await look(**subscription)) == ["b"]
    registry.push("b", created="2024-01-01T00:00:00Z")
    registry.asked.clear()
    assert named(await look(HOURS, **subscription)) == ["a"]
    assert registry.calls == {"list": 1, "HEAD b": 1, "GET b": 1, "config": 1, "HEAD a": 1}


async def test_a_tag_that_vanished_behind_the_list(registry, look):
    """Found gone when it is confirmed, the next best takes its place."""
    for number in range(3):
        registry.push(f"1.{number}.0")
    await look(discoveryLimit=2)
    del registry.manifests["1.2.0"]
    assert named(await look(HOURS, discoveryLimit=2)) == ["1.1.0", "1.0.0"]


@pytest.mark.parametrize("said", ["sha256:" + "0" * 64, "nonsense", ""], ids=["lie", "garbage", "nothing"])
async def test_the_digest_said_is_not_believed(registry, look, said):
    """The manifest's bytes decide, at the first look and when a tag is confirmed."""
    digest = registry.push("1.0.0")
    registry.heads["1.0.0"] = said
    for after in (0, HOURS, 2 * HOURS):
        assert digests(await look(after)) == {"1.0.0": digest}
    followed = {"imageSelectionStrategy": "Digest", "constraint": "1.0.0"}
    assert digests(await look(3 * HOURS, **followed)) == {"1.0.0": digest}


async def test_a_registry_without_head(registry, look):
    """Where HEAD is refused, GET answers."""
    first = registry.push("1.0.0")
    whole = registry.reply

    async def answer(request):
        return (405, {}, {}) if request.method == "HEAD" else await whole(request)

    registry.answer = answer
    assert digests(await look()) == {"1.0.0": first}
    moved = registry.push("1.0.0", created="2025-03-01T00:00:00Z")
    assert digests(await look(HOURS)) == {"1.0.0": moved}


async def test_absolute_links_and_doubles(registry, look):
    """A Link may be a whole URL; a tag on two pages, null and what can be no tag are no trouble."""
    registry.page, registry.absolute = 2, True
    registry.push("1.0.0")
    registry.push("1.1.0")
    registry.tags += ["1.0.0", None, "../../../secrets", "", "a b", "x" * 200, "1.1.0"]
    assert named(await look()) == ["1.1.0", "1.0.0"]
    assert all("secrets" not in request.target for request in registry.asked)


async def test_signatures_are_not_versions(registry, look):
    """Tags of signatures and attestations cost nothing where versions are wanted."""
    registry.push("1.0.0")
    for ending in (".sig", ".att", ""):
        registry.put(f"sha256-{'0' * 64}{ending}", INDEX, EMPTY)
    assert named(await look()) == ["1.0.0"]
    assert registry.calls == {"list": 1, "GET 1.0.0": 1, "config": 1}
    assert named(await look(imageSelectionStrategy="NewestBuild")) == ["1.0.0"]


EMPTY = {"mediaType": INDEX, "manifests": []}
LEFTOVERS = {
    "schema-1": (lambda registry, tag: registry.put(tag, SCHEMA_1, {"schemaVersion": 1}), "which is no image"),
    "no-image": (lambda registry, tag: registry.put(tag, INDEX, EMPTY), "without images"),
    "no-config": (lambda registry, tag: (registry.push(tag, lost=tag), registry.blobs.popitem()), "is missing"),
    "refused": (lambda registry, tag: (registry.push(tag), registry.refused.update({tag: 415})), "answered 415"),
    "odd-digest": (
        lambda registry, tag: registry.put(
            tag,
            MANIFEST,
            {"mediaType": MANIFEST, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "x"}},
        ),
        "where a sha256 digest belongs",
    ),
}


@pytest.mark.parametrize(("leave", "said"), LEFTOVERS.values(), ids=LEFTOVERS)
async def test_leftovers_do_not_spoil_the_rest(registry, looker, leave, said):
    """A tag that cannot be used is passed over when another is better, and is not asked for again at once."""
    registry.push("1.0.0")
    leave(registry, "0.9.0")
    for more in ({"constraint": ">=0"}, {"imageSelectionStrategy": "NewestBuild", "constraint": None}):
        freight = await looker.look(warehouse(image(registry.repo, **more)))
        assert freight is None or tags(freight) == ["1.0.0"]
    registry.asked.clear()
    definition = warehouse(image(registry.repo, imageSelectionStrategy="NewestBuild"))
    await looker.look(definition, 60)
    assert (await looker.condition(definition))[0] == "True"
    assert registry.calls == {"list": 1}


@pytest.mark.parametrize(("leave", "said"), LEFTOVERS.values(), ids=LEFTOVERS)
@pytest.mark.parametrize("strategy", ["SemVer", "Digest", "NewestBuild"])
async def test_a_best_tag_that_cannot_be_used_is_said(registry, looker, leave, said, strategy):
    """The condition names tag, fault and what to do, keeps saying so, and ends when a good image is pushed."""
    if strategy == "SemVer":
        registry.push("1.0.0")
    leave(registry, "1.1.0")
    constraint = "1.1.0" if strategy == "Digest" else "^1.0.0"
    definition = warehouse(image(registry.repo, imageSelectionStrategy=strategy, constraint=constraint))
    for seconds in (0, 30):
        assert await looker.look(definition, seconds) is None
        status, reason, message = await looker.condition(definition)
        assert (status, reason) == ("False", "DiscoveryFailed")
        assert f"{registry.repo}:1.1.0 cannot be used: " in message
        assert said in message
        assert "push it again, or exclude it with ignoreTagsRegexes" in message
    registry.refused.clear()
    registry.push("1.1.0", created="2025-05-01T00:00:00Z")
    assert tags(await looker.look(definition, HOURS)) == ["1.1.0"]
    assert (await looker.condition(definition))[0] == "True"


async def test_many_leftovers_take_turns(registry, look):
    """Of many tags that cannot be used as many are asked about again as are kept, others each time."""
    registry.push("good")
    for number in range(12):
        registry.put(f"old-{number}", INDEX, EMPTY | {"number": number})
    subscription = {"imageSelectionStrategy": "NewestBuild", "discoveryLimit": 4, "client": unpaced()}
    await look(**subscription)
    seen = set()
    for hours in (1, 2, 3):
        registry.asked.clear()
        assert named(await look(hours * HOURS, thorough=hours == 2, **subscription)) == ["good"]
        again = {request.path.rpartition("/")[2] for request in registry.asked if request.method == "HEAD"}
        assert len(again) == 5
        seen |= again
    assert len(seen) == 13
    await subscription["client"].aclose()


async def test_tags_that_vanish_between_list_and_read(registry, looker):
    """What is listed but not there is passed over, and found as soon as it is there."""
    registry.push("1.0.0")
    registry.tags.append("1.1.0")
    definition = warehouse(image(registry.repo))
    assert tags(await looker.look(definition)) == ["1.0.0"]
    registry.push("1.1.0", created="2025-05-01T00:00:00Z")
    assert tags(await looker.look(definition, 300)) == ["1.1.0"]


async def test_too_many_requests_in_the_middle_lose_nothing(registry, looker, monkeypatch):
    """What was read before a 429 is not read again after it."""
    for number in range(40):
        registry.push(f"1.0.{number}", created=f"2025-01-01T00:00:{number:02}Z")
    served, whole = [], registry.reply

    async def answer(request):
        served.append(request.path)
        return (429, {"retry-after": "600"}, {}) if len(served) == 40 else await whole(request)

    registry.answer = answer
    definition = warehouse(image(registry.repo, imageSelectionStrategy="NewestBuild", constraint=None))
    assert await looker.look(definition) is None
    status, _, message = await looker.condition(definition)
    assert (status, "429" in message) == ("False", True)
    read = {request.path for request in registry.asked if "/manifests/" in request.path}
    assert read
    registry.asked.clear()
    registry.answer = whole
    client = ImageRegistry()
    looker.registry = client
    assert tags(await looker.look(definition, 600)) == ["1.0.39"]
    again = {request.path for request in registry.asked if "/manifests/" in request.path}
    assert 0 < len(read & again) <= AT_ONCE
    await client.aclose()


async def test_a_long_list_is_read_in_several_looks(registry, looker):
    """A look that runs out of time says how far it came, makes no Freight of half a list, and the next goes on."""
    for number in range(60):
        registry.push(f"1.0.{number}", created=f"2025-01-01T00:00:{number:02}Z")
    whole = registry.reply

    async def slow(request):
        await asyncio.sleep(0.3)
        return await whole(request)

    registry.answer = slow
    looker.registry = unpaced()
    definition = warehouse(image(registry.repo, imageSelectionStrategy="NewestBuild", constraint=None))
    looker.timeout, looks, seen = 4.0, 0, []
    while not (freight := await looker.look(definition, looks * 30)):
        status, reason, message = await looker.condition(definition)
        assert (status, reason) == ("False", "DiscoveryFailed")
        assert "of 60 tags of" in message
        assert "the rest follows; it is tried again by itself" in message
        seen.append(int(message.split()[1]))
        looks += 1
        assert looks < 10
    assert tags(freight) == ["1.0.59"]
    assert seen
    assert seen == sorted(set(seen))
    await looker.registry.aclose()
    read = sum(count for what, count in registry.calls.items() if what.startswith("GET"))
    assert read <= 60 + AT_ONCE * looks


async def test_a_killed_look_is_continued(registry, look, looker):
    """What was read is kept when a look is cancelled in the middle, but for what was on its way."""
    for number in range(60):
        registry.push(f"1.0.{number}", created=f"2025-01-01T00:00:{number:02}Z")
    whole = registry.reply

    async def answer(request):
        if request.path.endswith("/1.0.20"):
            await asyncio.sleep(60)
        return await whole(request)

    registry.answer = answer
    client = unpaced(limits=Limits(timeout=90))
    looking = asyncio.ensure_future(look(imageSelectionStrategy="NewestBuild", client=client))
    while sum("/blobs/" in request.path for request in registry.asked) < 40:
        await asyncio.sleep(0.05)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    registry.answer = whole
    registry.asked.clear()
    assert len(named(await look(imageSelectionStrategy="NewestBuild", client=client))) == 20
    assert 0 < sum("/manifests/" in request.path for request in registry.asked) <= 60 - 40 + AT_ONCE
    await client.aclose()


async def test_nothing_within_the_time(registry, look, looker):
    """A registry that lists but then hangs is said to be silent, not half read."""
    registry.push("1.0.0")
    whole = registry.reply

    async def answer(request):
        if "/manifests/" in request.path:
            await asyncio.sleep(5)
        return await whole(request)

    registry.answer = answer
    looker.timeout = 0.5
    definition = warehouse(image(registry.repo))
    await looker.look(definition)
    assert "read 0 of 1 tags of" in (await looker.condition(definition))[2]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("limit", [1, 3, 20])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r.push("1.9.0", created="2025-06-01T00:00:00Z"), id="new-best"),
        pytest.param(lambda r: r.push("1.0.5", created="2025-01-01T12:00:00Z"), id="new-between"),
        pytest.param(lambda r: r.push("1.3.0", created="2025-05-01T00:00:00Z"), id="moved-newer"),
        pytest.param(lambda r: r.push("1.3.0", created="2020-01-01T00:00:00Z"), id="moved-older"),
        pytest.param(lambda r: r.push("1.3.0", os="windows"), id="moved-platform"),
        pytest.param(lambda r: (r.tags.remove("1.3.0"), r.manifests.pop("1.3.0")), id="gone"),
        pytest.param(lambda r: None, id="nothing"),
    ],
)
async def test_a_hint_finds_what_a_whole_look_finds(registry, look, strategy, limit, change):
    """Looking at the one tag that changed ends as looking at everything would."""
    for number in range(4):
        registry.push(f"1.{number}.0", created=f"2025-01-0{number + 1}T00:00:00Z")
    subscription = {"imageSelectionStrategy": strategy, "discoveryLimit": limit, "platform": "linux/amd64"}
    before = await look(**subscription)
    listed = dict(registry.manifests)
    change(registry)
    changed = [tag for tag in {*listed, *registry.manifests} if listed.get(tag) != registry.manifests.get(tag)]
    tag = next((each for each in changed if not each.startswith("sha256:")), "1.3.0")
    hinted = await look(1, hint=tag, before=before, **subscription)
    assert hinted == await look(2, thorough=True, **subscription)


async def test_a_hint_costs_two_calls(registry, look):
    """No list: the manifest by tag, and its config when it is new; nothing when the tag is not wanted."""
    registry.push("1.0.0")
    before = await look(constraint="^1.0.0")
    registry.push("1.1.0", created="2025-05-01T00:00:00Z")
    registry.asked.clear()
    assert named(await look(1, hint="1.1.0", before=before, constraint="^1.0.0")) == ["1.1.0", "1.0.0"]
    assert registry.calls == {"GET 1.1.0": 1, "config": 1}
    for unwanted in ("2.0.0", "nightly", "../x", "1.0"):
        assert await look(2, hint=unwanted, before=before, constraint="^1.0.0") == before
    assert registry.calls == {}


@pytest.mark.parametrize("known", [{"hint": "1.1.0"}, {"hint": "", "before": {"references": []}}])
async def test_hints_that_need_a_whole_look(registry, look, known):
    """Without what was found before, or without a tag, everything is looked at."""
    registry.push("1.0.0")
    registry.push("1.1.0")
    assert named(await look(**known)) == ["1.1.0", "1.0.0"]
    assert registry.calls["list"] == 1


async def test_a_hint_of_the_followed_tag(registry, look):
    """Digest looks at its tag anyway, and at nothing for another."""
    followed = {"imageSelectionStrategy": "Digest", "constraint": "edge"}
    registry.push("edge")
    before = await look(**followed)
    moved = registry.push("edge", created="2025-05-01T00:00:00Z")
    registry.asked.clear()
    assert await look(1, hint="other", before=before, **followed) == before
    assert not registry.asked
    assert digests(await look(1, hint="edge", before=before, **followed)) == {"edge": moved}


async def test_what_was_read_without_a_checked_certificate_is_for_nobody_else(registry, look):
    """Another subscription that does check it reads for itself."""
    registry.push("1.0.0")
    await look(insecureSkipTLSVerify=True)
    registry.asked.clear()
    await look(1)
    assert registry.calls == {"list": 1, "GET 1.0.0": 1, "config": 1}


async def test_several_warehouses_at_once_ask_once(registry, look, looker):
    """Twenty subscriptions to one repository cost as much as one, also when the first to ask gives up."""
    for number in range(5):
        registry.push(f"1.{number}.0")
    client = ImageRegistry(shared_seconds=5)
    looks = [asyncio.ensure_future(look(client=client)) for _ in range(20)]
    await asyncio.sleep(0)
    looks[0].cancel()
    done = await asyncio.gather(*looks, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert all(entry == done[1] for entry in done[2:])
    calls = registry.calls
    assert calls["list"] == 1
    assert all(count == 1 for what, count in calls.items() if what.startswith("GET"))
    await look(client=client)
    assert registry.calls == {}
    await look(client=client, thorough=True)
    assert registry.calls["list"] == 1
    await client.aclose()


async def test_a_failure_shared_is_not_kept(registry, look):
    """Who asks while a list fails gets the error; who asks after it asks anew."""
    registry.push("1.0.0")
    whole = registry.reply
    registry.answer = lambda request: asyncio.sleep(0.1, (500, {}, {}))
    client = ImageRegistry(shared_seconds=5, limits=Limits(timeout=1, attempts=1))
    failed = await asyncio.gather(*(look(client=client) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in failed)
    registry.answer = whole
    await asyncio.sleep(2.1)  # the budget keeps peace for a moment after a failure
    assert named(await look(client=client)) == ["1.0.0"]
    await client.aclose()


async def test_a_whole_repository_for_another_platform(registry, look, monkeypatch):
    """Looking ever further ends at the limit, with what to do."""
    monkeypatch.setattr(module, "MAX_LOOKED_AT", 8)
    for number in range(20):
        registry.push(f"1.{number}.0")
    with pytest.raises(Invalid, match="more than 8 tags; narrow them down"):
        await look(platform="linux/s390x", discoveryLimit=1)
