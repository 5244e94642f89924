"""Discovery when registry or Git is slow, flaky or wrong: said in a sentence, survived, and over by itself."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from blocks.errors import NotFound, RateLimited
from blocks.ledger.tables import registry_images
from blocks.records import Credentials
from deployments.sandbox.faults import Fault
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.warehouse.schedule import UNHEALTHY_RETRY, due
from tests.flows.warehouse.looking import START, git, image, warehouse

USER, PASSWORD = "ana", "planted-password-7f3a"
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = UNHEALTHY_RETRY.total_seconds()


@pytest.fixture
async def sandbox(tmp_path):
    """A world with an image `app:1.0.0` and a Git repository `config`, both behind a password."""
    async with Sandbox(tmp_path / "sandbox", users={USER: PASSWORD}) as world:
        await push(world, "1.0.0")
        await world.create_repository("config", {"values.yaml": "a: 1\n"})
        yield world


@pytest.fixture
def looker(looker):
    """Knows the password."""
    looker.credentials = {kind: Credentials(f"{kind}-secret", USER, PASSWORD) for kind in ("git", "image")}
    return looker


async def push(world, tag, repo="app"):
    """Push an image."""
    return await push_image(world.url, repo, tag, created=BUILT, auth=(USER, PASSWORD))


def subscribed(world, kind):
    """A Warehouse of one subscription, and the path its faults match."""
    if kind == "image":
        return warehouse(image(f"{world.host}/app")), "/v2/app"
    return warehouse(git(world.git_url("config"))), "/git/config.git"


FAULTS = [
    pytest.param("image", {"kind": "drop"}, "check that it runs", id="image-drop"),
    pytest.param("image", {"kind": "delay", "seconds": 3}, "no answer within 1 s; check that it", id="image-slow"),
    pytest.param("image", {"kind": "status", "status": 401}, "check that a registry answers", id="image-401"),
    pytest.param("image", {"kind": "status", "status": 403}, "check the credentials", id="image-403"),
    pytest.param("image", {"kind": "status", "status": 404}, "check its repoURL", id="image-404"),
    pytest.param("image", {"kind": "rate_limit"}, "a longer interval", id="image-429"),
    pytest.param("image", {"kind": "status", "status": 500}, "its operators have to", id="image-500"),
    pytest.param("image", {"kind": "garbage"}, "check that a registry answers", id="image-garbage"),
    pytest.param("git", {"kind": "drop"}, "check that it runs", id="git-drop"),
    pytest.param("git", {"kind": "delay", "seconds": 20}, "not done within 3 s", id="git-slow", marks=pytest.mark.slow),
    pytest.param("git", {"kind": "status", "status": 401}, "check credentials 'git-secret'", id="git-401"),
    pytest.param("git", {"kind": "status", "status": 403}, "check credentials 'git-secret'", id="git-403"),
    pytest.param("git", {"kind": "status", "status": 404}, "check the URL", id="git-404"),
    pytest.param("git", {"kind": "rate_limit"}, "a longer interval", id="git-429"),
    pytest.param("git", {"kind": "status", "status": 500}, "its operators have to", id="git-500"),
    pytest.param("git", {"kind": "garbage"}, "check that Git answers there", id="git-garbage"),
]


@pytest.mark.parametrize(("kind", "fault", "remedy"), FAULTS)
async def test_a_failure_is_said_survived_and_over_by_itself(sandbox, looker, kind, fault, remedy):
    """The condition names repository and remedy, nothing found before is lost, and the next due look is well again."""
    definition, path = subscribed(sandbox, kind)
    assert await looker.look(definition)
    before, freight = await looker.status(definition), await looker.freight()

    sandbox.faults.add(Fault(match=path, **fault))
    assert await looker.look(definition, 300) is None
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "DiscoveryFailed")
    assert {"image": "app", "git": "config.git"}[kind] in message
    assert remedy in message
    assert PASSWORD not in message
    after = await looker.status(definition)
    assert (after.discovered, after.last_freight) == (before.discovered, before.last_freight)
    assert await looker.freight() == freight

    sandbox.faults.clear()
    assert not due(definition, after, START + timedelta(seconds=300 + RETRY - 1))
    assert due(definition, after, START + timedelta(seconds=300 + RETRY))
    assert await looker.look(definition, 300 + RETRY) is None
    assert (await looker.condition(definition))[0] == "True"
    assert await looker.freight() == freight


@pytest.mark.parametrize("kind", ["image", "git"])
async def test_nobody_listens(tmp_path, looker, kind):
    """A server that is down is reported, and found again once it is up on the same port."""
    async with Sandbox(tmp_path / "sandbox") as world:
        await push_image(world.url, "app", "1.0.0", created=BUILT)
        await world.create_repository("config", {"values.yaml": "a: 1\n"})
        definition, _ = subscribed(world, kind)
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert "check that it runs and that the worker can reach it; it is tried again by itself" in message

    async with Sandbox(tmp_path / "sandbox", port=world.port):
        assert await looker.look(definition, RETRY)
    assert (await looker.condition(definition))[0] == "True"


async def test_a_registry_that_wants_to_be_left_alone(sandbox, looker):
    """Until the short time a 429 names has passed the registry is not asked; then it is, by the look that waited."""
    definition, path = subscribed(sandbox, "image")
    sandbox.faults.add(Fault(match=path, kind="rate_limit", retry_after=1, times=1))
    await looker.look(definition)
    assert (await looker.condition(definition))[0] == "False"
    limited = time.monotonic()
    assert await looker.look(definition, RETRY)
    assert time.monotonic() - limited >= 0.95


async def test_a_limit_is_for_a_host_and_its_credentials(sandbox, looker):
    """Nobody asks with them, whatever the repository, and all are told until when; other credentials go on."""
    await push(sandbox, "1.0.0", "other")
    definition, path = subscribed(sandbox, "image")
    sandbox.faults.add(Fault(match=path, kind="rate_limit", retry_after=60, times=1))
    await looker.look(definition)
    asked = sandbox.faults.requests.total()
    await looker.look(warehouse(image(f"{sandbox.host}/other")), 1)
    message = (await looker.condition(definition))[2]
    assert f"{sandbox.host} asks to wait until " in message
    assert "UTC with credentials 'image-secret'; a longer interval" in message
    assert sandbox.faults.requests.total() == asked
    looker.credentials["image"] = Credentials("better", USER, PASSWORD)
    assert await looker.look(definition, 2)


async def test_one_failing_subscription_fails_the_whole(sandbox, looker):
    """With one of two broken what the other finds is shown, but no mixture of old and new becomes Freight."""
    definition = warehouse(image(f"{sandbox.host}/app"), git(sandbox.git_url("config")))
    first = await looker.look(definition)
    assert first.content.keys() == {"images", "commits"}
    before = (await looker.status(definition)).discovered
    await push(sandbox, "1.1.0")
    sandbox.faults.add(Fault(match="/git/config.git", kind="status", status=500))
    assert await looker.look(definition, 300) is None
    assert await looker.freight() == [first.name]
    after = (await looker.status(definition)).discovered
    assert (after["git"], after["discoveredAt"]) == (before["git"], before["discoveredAt"])
    assert [each["tag"] for each in after["images"][0]["references"]] == ["1.1.0", "1.0.0"]
    assert "no Freight is made until all 2 subscriptions can be read" in (await looker.condition(definition))[2]
    sandbox.faults.clear()
    assert (await looker.look(definition, 330)).content["images"][0]["tag"] == "1.1.0"


async def test_all_failures_are_said(sandbox, looker):
    """Two broken subscriptions give both sentences."""
    definition = warehouse(image(f"{sandbox.host}/app"), git(sandbox.git_url("config")))
    sandbox.faults.add(Fault(match="/git/config.git", kind="status", status=500))
    sandbox.faults.add(Fault(match="/v2/app", kind="garbage"))
    await looker.look(definition)
    message = (await looker.condition(definition))[2]
    assert "git ls-remote of" in message
    assert "no JSON object" in message


async def test_an_error_page_is_no_image(sandbox, looker):
    """Garbage in the place of the best tag's manifest does not let an older tag win."""
    definition, _ = subscribed(sandbox, "image")
    await push(sandbox, "1.1.0")
    sandbox.faults.add(Fault(match="/v2/app/manifests/1.1.0", kind="garbage"))
    assert await looker.look(definition) is None
    assert (await looker.condition(definition))[0] == "False"
    sandbox.faults.clear()
    assert (await looker.look(definition, 30)).content["images"][0]["tag"] == "1.1.0"


async def test_too_slow_as_a_whole(sandbox, looker):
    """A subscription that answers, but never ends, is given up with its name."""
    looker.timeout = 0.3
    definition, path = subscribed(sandbox, "image")
    sandbox.faults.add(Fault(match=path, kind="delay", seconds=0.8))
    await looker.look(definition)
    assert f"{sandbox.host}/app was not read within 0.3 s" in (await looker.condition(definition))[2]


async def test_a_fault_of_our_own(sandbox, looker):
    """An unexpected exception is a condition with type and place, without its message, and ends by itself."""
    definition, _ = subscribed(sandbox, "image")
    await looker.look(definition)
    await change(looker.ledger, sa.update(registry_images).values(platforms=PASSWORD))
    await looker.look(definition, 300)
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "InternalError")
    assert "JSONDecodeError in blocks/ledger/registry_index.py line" in message
    assert PASSWORD not in message
    assert (await looker.status(definition)).discovered["images"]
    await change(looker.ledger, sa.delete(registry_images))
    await looker.look(definition, 330)
    assert (await looker.condition(definition))[0] == "True"


async def change(ledger, statement):
    """Let the index of registries hold something else than it wrote."""
    async with ledger.database.write() as connection:
        await connection.execute(statement)


async def test_a_manifest_that_cannot_be_read(looker):
    """A definition an older version let through is due, and says where it is wrong without quoting it."""
    definition = warehouse(git(f"http://ana:{PASSWORD}@127.0.0.1:1/x.git"))
    definition.manifest["spec"]["subscriptions"][0]["git"]["branches"] = PASSWORD
    assert due(definition, await looker.status(definition), START)
    await looker.look(definition)
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "InvalidManifest")
    assert "spec.subscriptions.0.git.branches" in message
    assert PASSWORD not in message
    assert not due(definition, await looker.status(definition), START + timedelta(seconds=29))


@pytest.mark.parametrize(("repo", "kind"), [("image", NotFound), ("image", RateLimited)], ids=["terminal", "retryable"])
async def test_every_failure_is_tried_again(sandbox, looker, repo, kind):
    """Also what no retry can mend is looked at again: a person may have mended it outside."""
    definition, path = subscribed(sandbox, repo)
    sandbox.faults.add(Fault(match=path, kind="status", status=404 if kind is NotFound else 429))
    await looker.look(definition)
    assert due(definition, await looker.status(definition), START + UNHEALTHY_RETRY)
