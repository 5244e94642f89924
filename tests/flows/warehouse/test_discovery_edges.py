"""Discovery where there is nothing to find, or nothing may be seen; and when a Warehouse is looked at."""

from datetime import timedelta

import pytest

from blocks.ledger.records import WarehouseStatus
from blocks.records import Credentials
from flows.warehouse.conditions import dated, ill, well
from flows.warehouse.schedule import due, pending
from tests.flows.warehouse.looking import ANA, AUTH, START, git, image, tags, warehouse
from tests.servers.registry import push_image

pytestmark = pytest.mark.usefixtures("password_known")


async def test_nothing_passes_the_filters(repo, looker):
    """Zero results make the Warehouse unhealthy, with the subscription that found none."""
    repo("3.0.0")
    await looker.look(warehouse(image(repo.url)))
    status, reason, message = await looker.condition(warehouse(image(repo.url)))
    assert (status, reason) == ("False", "NoImageReferencesDiscovered")
    assert f"images of {repo.url} found nothing, so there is no Freight" in message
    repo("1.0.0", labels={"v": "1"})
    assert tags(await looker.look(warehouse(image(repo.url)), 30)) == ["1.0.0"]


async def test_a_missing_image_repository(registry, looker):
    """A repository that is not there is said; once something is pushed, it is found."""
    definition = warehouse(image(f"{registry}/later"))
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert f"repository {registry}/later does not exist, or these credentials may not see it" in message
    push_image(registry, "later", "1.0.0", auth=AUTH)
    assert await looker.look(definition, 30)


async def test_an_emptied_image_repository(repo, looker):
    """A repository whose tags are all gone is no crash but a sentence, and the Freight stays."""
    definition = warehouse(image(repo.url))
    digest = repo("1.0.0")
    await looker.look(definition)
    repo.delete(digest)
    assert await looker.look(definition, 300) is None
    assert (await looker.condition(definition))[:2] == ("False", "NoImageReferencesDiscovered")
    assert len(await looker.freight()) == 1


@pytest.mark.parametrize("there", [True, False], ids=["empty", "missing"])
async def test_a_git_repository_without_commits(server, looker, there):
    """An empty or missing repository is said with what to do, and found once there is a commit."""
    name = f"later-{there}.git"
    url = server.create(name) if there else server.url(name)
    definition = warehouse(git(url))
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert url in message
    assert ("push a first commit" if there else "check the URL") in message
    if not there:
        server.create(name)
    commit = server.commit({"a": "1"}, name=name)
    assert (await looker.look(definition, 30)).content["commits"][0]["id"] == commit


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        pytest.param(Credentials("ana-secret", "ana", "wr0ng"), "'ana-secret'", id="wrong"),
        pytest.param(None, "for th", id="none"),
    ],
)
@pytest.mark.parametrize("kind", ["image", "git"])
async def test_wrong_password(repo, config, looker, kind, credentials, says):
    """A password that opens nothing is said by the name of its Secret; the right one heals it without a restart."""
    repo("1.0.0")
    config({"a": "1"})
    definition = warehouse(image(repo.url) if kind == "image" else git(config.url))
    looker.credentials = {"image": credentials, "git": credentials}
    await looker.look(definition)
    status, _, message = await looker.condition(definition)
    assert status == "False"
    assert says in message
    assert "wr0ng" not in message
    looker.credentials = {"image": ANA, "git": ANA}
    assert await looker.look(definition, 30)


SEEN = WarehouseStatus("acme", "main", observed_generation=1, discovered_at=START)
WELL = dated(SEEN, well(1), START)
ILL = dated(SEEN, ill("DiscoveryFailed", "no"), START)
EMPTY = dated(SEEN, ill("NoCommitsDiscovered", "none"), START)


@pytest.mark.parametrize(
    ("status", "generation", "seconds", "expected"),
    [
        pytest.param(WarehouseStatus("acme", "main"), 1, 0, True, id="never-seen"),
        pytest.param(WELL, 1, 224, False, id="before-its-interval"),
        pytest.param(WELL, 1, 300, True, id="after-its-interval"),
        pytest.param(WELL, 2, 1, True, id="definition-changed"),
        pytest.param(ILL, 1, 29, False, id="unhealthy-just-now"),
        pytest.param(ILL, 1, 30, True, id="unhealthy-for-a-while"),
        pytest.param(EMPTY, 1, 224, False, id="nothing-there-before-its-interval"),
    ],
)
def test_due(status, generation, seconds, expected):
    """A Warehouse is due when never seen, changed, or its time has come, sooner when it could not be read."""
    definition = warehouse(image("ghcr.io/acme/app"), generation=generation)
    assert due(definition, status, START + timedelta(seconds=seconds)) is expected


async def test_a_refresh_is_handled_once(repo, looker):
    """A refresh makes it due at once, whatever comes of it, and one look answers it."""
    definition = warehouse(image(repo.url))
    repo("1.0.0")
    await looker.look(definition)
    assert not pending(await looker.status(definition))
    token = await looker.ledger.warehouses.request_refresh([("acme", "main")], None, START)
    assert pending(await looker.status(definition))
    await looker.look(definition, 1)
    status = await looker.status(definition)
    assert status.refresh_handled == token
    assert not pending(status)


async def test_a_changed_definition_is_seen(repo, looker):
    """A look at the new generation follows the new constraint and is the one observed."""
    repo("1.0.0")
    repo("2.0.0", labels={"v": "2"})
    await looker.look(warehouse(image(repo.url)))
    changed = warehouse(image(repo.url, constraint="^2"), generation=2)
    assert due(changed, await looker.status(changed), START)
    assert tags(await looker.look(changed)) == ["2.0.0"]
    status = await looker.status(changed)
    assert status.observed_generation == 2
    assert {each["observedGeneration"] for each in status.conditions} == {2}
