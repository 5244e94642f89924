"""What every code host can do, each as it speaks: one suite for all."""

from contextlib import suppress

import pytest

from blocks.code_hosts.pull_request import adoptable
from blocks.errors import BadAnswer, DrayageError, NotFound, RateLimited, Refused, Terminal, Unauthorized, Unavailable
from blocks.web import Web
from deployments.sandbox.faults import Fault
from tests.blocks.code_hosts.hosts import TOKEN


async def test_open(place):
    """What was opened is there for people, and is looked at, found and listed as it is."""
    made = await place.open()
    pull = await place.pull(made.number)
    assert (pull.title, pull.description) == ("Change it", "Because.\n\nIt is time.")
    assert (made.open, made.merged, made.head, made.base) == (True, False, "change", "main")
    assert made.url.startswith(place.sandbox.url)
    assert made.url.endswith(str(made.number))
    seen = await place.host.get(made.number)
    assert (seen.number, seen.merge_commit, seen.not_ready) == (made.number, "", "")
    assert (await place.tip("change")).startswith(seen.head_commit)
    assert len(seen.head_commit) >= 12
    (found,) = await place.host.find("change", "main")
    assert (found.number, found.open, found.url) == (made.number, True, made.url)
    assert adoptable([found], await place.tip("change")) == found
    assert await place.host.open_numbers() == ({made.number}, True)


async def test_find_only_what_fits(place):
    """Neither other branches nor the other direction."""
    await place.commit("other", {"b": "2\n"})
    await place.open("other")
    assert await place.host.find("change", "main") == []
    assert await place.host.find("main", "other") == []


async def test_a_second_one(place):
    """It is refused in words, or is the first one; the first can be adopted."""
    first = await place.open()
    try:
        second = await place.open()
    except Terminal as error:
        assert "exist" in str(error)
    else:
        assert second.number == first.number
    assert await place.host.open_numbers() == ({first.number}, True)


@pytest.mark.parametrize("branches", [("none", "main"), ("change", "none")])
async def test_open_without_a_branch(place, branches):
    """It is refused for good."""
    with pytest.raises(Terminal):
        await place.open(*branches)


async def test_nothing_to_merge(place):
    """Two branches on one commit make no pull request, where the host minds; else none that matters."""
    await place.sandbox.world.pulls.merges.move(place.kind.name, "same", await place.tip(), "0" * 40)
    with pytest.raises(Terminal):
        await place.open("same")


async def test_a_fork(place):
    """A branch of our name in somebody else's repository is not ours, open or merged."""
    made = await place.open()
    await place.change(made.number, fork=True)
    (found,) = await place.host.find("change", "main")
    assert (found.open, found.fork) == (True, True)
    assert adoptable([found], await place.tip("change")) is None


async def test_branches_with_odd_names(place):
    """Quotes, signs and slashes are part of the name, and of nothing else."""
    odd = 'kargo/promotion/a"b&c=d#é+1'
    await place.commit(odd, {"odd": "x"})
    made = await place.open(odd)
    (found,) = await place.host.find(odd, "main")
    assert (found.number, found.head) == (made.number, odd)


async def test_labels(place):
    """They are added to those that are there, made where they are unknown, and twice is once."""
    made = await place.open()
    if not place.host.LABELS:
        assert (await place.pull(made.number)).labels == ()
        return
    await place.host.label(made.number, ["promotion", "to prod"])
    await place.host.label(made.number, ["promotion", "third"])
    assert set((await place.pull(made.number)).labels) == {"promotion", "to prod", "third"}


async def test_merge(place):
    """By every method the host knows: the base has what was changed, and the answer says where it came to."""
    assert set(place.kind.methods) - {""} <= set(place.host.METHODS)
    for turn, (method, shape) in enumerate(place.kind.methods.items()):
        branch, before = f"turn-{turn}", await place.tip()
        head = await place.commit(branch, {f"new-{turn}": "x\n"}, f"Turn {turn}")
        if shape != "fast-forward":
            before = await place.commit("main", {f"meanwhile-{turn}": "x\n"}, "Meanwhile")
        made = await place.open(branch)
        assert await place.host.merge(await place.host.get(made.number), method) == ""
        seen = await place.host.get(made.number)
        assert (seen.open, seen.merged, seen.merge_commit) == (False, True, await place.tip())
        files = await place.sandbox.world.git.tree(place.kind.name, seen.merge_commit)
        assert f"new-{turn}" in files
        assert await _shape(place, before, head) == shape
    assert (await place.host.open_numbers())[0] == set()
    (last,) = await place.host.find(branch, "main")
    assert adoptable([last], head) == last
    assert adoptable([last], "0" * 40) is None


async def _shape(place, before, head):
    """How main came from `before` to where it is."""
    git = place.sandbox.world.pulls.merges
    parents = (await git._print(place.kind.name, "log", "-1", "--format=%P", "main")).split()
    if await place.tip() == head:
        return "fast-forward"
    if parents == [before, head]:
        return "merge"
    message = await git._print(place.kind.name, "log", "-1", "--format=%s", "main")
    if parents == [before]:
        return "squash" if message.startswith("Change it") else "rebase"
    return "rebase-merge" if parents[0] == before else "?"


async def test_not_mergeable(place):
    """Conflicts, checks and drafts: the reason is told, before the merge or by it, and nothing is merged."""
    await place.commit("main", {"a": "3\n"}, "Conflict")
    before = await place.tip()
    made = await place.open()
    seen = await place.host.get(made.number)
    assert seen.open
    assert seen.not_ready or await place.host.merge(seen)
    await place.commit("change", {"a": "3\n"}, "No conflict any more")
    await place.change(made.number, blocked="1 approving review is required")
    seen = await place.host.get(made.number)
    assert seen.not_ready or await place.host.merge(seen)
    assert await place.tip() == before
    assert (await place.host.get(made.number)).open


async def test_what_moved_since_it_was_looked_at(place):
    """It is not merged unseen, where the host can be told what was seen."""
    made = await place.open()
    seen = await place.host.get(made.number)
    await place.commit("change", {"a": "4\n"}, "Sneaked in")
    why = await place.host.merge(seen)
    assert bool(why) == place.kind.moved_is_told
    if why:
        assert await place.host.merge(await place.host.get(made.number)) == ""


async def test_closed(place):
    """Neither open nor merged, and nobody adopts it."""
    made = await place.open()
    await place.change(made.number, state="closed")
    seen = await place.host.get(made.number)
    assert (seen.open, seen.merged, seen.merge_commit) == (False, False, "")
    assert adoptable(await place.host.find("change", "main"), await place.tip("change")) is None
    assert await place.host.open_numbers() == (set(), True)
    again = await place.open()
    assert again.number != made.number
    assert adoptable(await place.host.find("change", "main"), "0" * 40).number == again.number


async def test_merging_what_is_merged(place):
    """It is refused, and looking says that it was."""
    made = await place.open()
    seen = await place.host.get(made.number)
    assert await place.host.merge(seen) == ""
    commit = await place.tip()
    with suppress(Terminal):
        await place.host.merge(seen)
    assert (await place.host.get(made.number)).merge_commit == commit == await place.tip()


async def test_a_deleted_branch(place):
    """What was merged stays what it was, and is found."""
    made = await place.open()
    assert await place.host.merge(await place.host.get(made.number)) == ""
    head = await place.tip("change")
    await place.sandbox.world.pulls.merges.delete(place.kind.name, "change")
    assert (await place.host.get(made.number)).merged
    assert adoptable(await place.host.find("change", "main"), head).number == made.number


async def test_what_is_not_there(place):
    """404 for a number nobody gave out, with a hint at the credentials' name."""
    with pytest.raises(NotFound, match="'keeper' do not see it"):
        await place.host.get(4711)


@pytest.mark.parametrize("token", ["wrong-" + TOKEN, None], ids=["wrong", "none"])
async def test_who_may_not_see_it(place, token):
    """Refused for good, and no token is told."""
    made = await place.open()
    for ask in (lambda host: host.get(made.number), lambda host: host.open_numbers(), lambda host: host.find("a", "b")):
        with pytest.raises((Unauthorized, NotFound)) as error:
            await ask(place.reached(token))
        assert TOKEN not in str(error.value)


async def test_plain_http(place):
    """No token goes where everybody can read it, unless that is allowed."""
    web = Web()
    host = place.reached(request=web.request)
    with pytest.raises(Refused, match="unencrypted") as error:
        await host.get(1)
    assert TOKEN not in str(error.value)
    await web.aclose()
    assert not any(path.startswith(place.kind.pulls) for path in place.sandbox.faults.requests)


async def test_the_limit_of_requests(place):
    """The host's own way to say so is understood, with the time until then."""
    made = await place.open()
    for dialect in place.sandbox.world.dialects.values():
        dialect.limit.limit = 0
        dialect.limit.forget()
    with pytest.raises(RateLimited) as error:
        await place.host.get(made.number)
    assert error.value.retry_after and error.value.retry_after >= 29


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        pytest.param({"kind": "status", "status": 401}, Unauthorized, id="401"),
        pytest.param({"kind": "status", "status": 403}, Unauthorized, id="403"),
        pytest.param({"kind": "status", "status": 404}, NotFound, id="404"),
        pytest.param({"kind": "status", "status": 410}, Terminal, id="410"),
        pytest.param({"kind": "rate_limit", "retry_after": 99}, RateLimited, id="429"),
        pytest.param({"kind": "status", "status": 503}, Unavailable, id="503"),
        pytest.param({"kind": "garbage"}, DrayageError, id="garbage"),
        pytest.param({"kind": "drop"}, DrayageError, id="drop"),
        pytest.param({"kind": "truncate"}, DrayageError, id="truncate"),
    ],
)
async def test_a_host_in_trouble(place, fault, raised):
    """Every call raises the leaf that fits; what is asked again goes well."""
    made = await place.open()
    seen = await place.host.get(made.number)
    for ask in (
        lambda host: host.get(made.number),
        lambda host: host.find("change", "main"),
        lambda host: host.open_numbers(),
        lambda host: host.merge(seen),
    )[: 3 if fault["kind"] == "truncate" else 4]:  # a merge whose answer is lost is made all the same
        place.sandbox.faults.add(Fault(match=place.kind.pulls, **fault))
        with pytest.raises(raised) as error:
            await ask(place.reached())
        assert TOKEN not in str(error.value)
        place.sandbox.faults.clear()
    assert (await place.host.get(made.number)).open


async def test_a_lost_answer(place):
    """A request that was carried out though its answer was lost is found out by looking."""
    place.sandbox.faults.add(Fault(match=place.kind.pulls, method="POST", kind="truncate", times=1))
    try:
        made = await place.open()
    except DrayageError:
        made = adoptable(await place.host.find("change", "main"), await place.tip("change"))
    assert await place.host.open_numbers() == ({made.number}, True)


async def test_a_huge_answer(place):
    """It is not read to its end."""
    for number in range(4):
        await place.commit(f"huge-{number}", {f"huge-{number}": "x"})
        made = await place.sandbox.world.pulls.open(place.kind.name, f"huge-{number}", "main", "t", "x" * 200_000)
    assert (await place.host.get(made.number)).open
    with pytest.raises(BadAnswer, match="the limit"):
        await place.host.open_numbers()
