"""Discovery from a real registry and a real Git server to Freight in the ledger."""

from datetime import timedelta

import pytest

from blocks.ledger.records import WarehouseStatus
from blocks.records import Credentials
from flows.warehouse.conditions import ready, unhealthy
from flows.warehouse.discovery import due
from tests.flows.warehouse.looking import START, git, image, warehouse
from tests.servers.git_http import git_server
from tests.servers.registry import delete_image, docker_registry, push_image

AUTH = ("ana", "pa55word")
ANA = Credentials("ana-secret", *AUTH)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry that asks for a password; each test has its own repository."""
    with docker_registry(tmp_path_factory.mktemp("registry"), dict([AUTH])) as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Git server that asks for a password; each test has its own repository."""
    with git_server(tmp_path_factory.mktemp("git"), dict([AUTH])) as opened:
        yield opened


@pytest.fixture
def looker(looker):
    """Knows the password."""
    looker.credentials = {"git": ANA, "image": ANA}
    return looker


@pytest.fixture
def repo(registry, request):
    """This test's image repository, and how to push to it."""
    name = request.node.originalname.replace("_", "-")

    def push(tag, **more):
        return push_image(registry, name, tag, auth=AUTH, **more)

    push.url = f"{registry}/{name}"
    push.delete = lambda digest: delete_image(registry, name, digest, AUTH)
    return push


@pytest.fixture
def config(server, request):
    """This test's Git repository, and how to commit to it."""
    name = f"{request.node.originalname}.git"
    url = server.create(name)

    def commit(files, **more):
        return server.commit(files, name=name, **more)

    commit.url = url
    return commit


def tags(freight):
    """The tags of a Freight's images."""
    return [each["tag"] for each in freight.content["images"]]


async def test_a_new_tag_is_one_freight(repo, looker):
    """A tag inside the constraint makes Freight with an alias, once; one outside makes none."""
    definition = warehouse(image(repo.url))
    digest = repo("1.0.0")
    first = await looker.look(definition)
    assert first.content == {"images": [{"repoURL": repo.url, "tag": "1.0.0", "digest": digest}]}
    assert (first.origin, first.discovered_at) == ("main", START)
    assert first.alias.count("-") == 1
    assert await looker.look(definition, 300) is None

    repo("2.0.0", labels={"v": "2"})
    repo("nightly", labels={"v": "nightly"})
    assert await looker.look(definition, 600) is None

    repo("1.1.0", labels={"v": "1.1"})
    second = await looker.look(definition, 900)
    assert tags(second) == ["1.1.0"]
    assert second.alias != first.alias
    status = await looker.status(definition)
    assert status.last_freight == second.name
    assert [each["tag"] for each in status.discovered["images"][0]["references"]] == ["1.1.0", "1.0.0"]
    assert await looker.condition(definition) == ("True", "Discovered", "")


@pytest.mark.parametrize("strategy", ["Digest", "SemVer"])
async def test_a_moved_tag_is_new_freight(registry, looker, strategy):
    """The same tag at another digest is another Freight; moved back it is the first one again."""
    name = f"moved-{strategy.lower()}"
    definition = warehouse(image(f"{registry}/{name}", imageSelectionStrategy=strategy, constraint="1.0.0"))

    def push(build):
        return push_image(registry, name, "1.0.0", auth=AUTH, labels={"build": build})

    found = []
    for number, build in enumerate("aba"):
        digest = push(build)
        found.append((await looker.look(definition, 300 * number), digest))
    first, second, again = found
    assert first[0].content["images"][0]["digest"] == first[1]
    assert second[0].content["images"][0]["digest"] == second[1]
    assert again == (None, first[1])
    assert (await looker.status(definition)).last_freight == first[0].name


async def test_a_deleted_tag_brings_no_new_freight(repo, looker):
    """When the newest tag goes, the older one is best again, which is Freight already."""
    definition = warehouse(image(repo.url))
    repo("1.0.0")
    await looker.look(definition)
    newest = repo("1.1.0", labels={"v": "1.1"})
    await looker.look(definition, 300)
    repo.delete(newest)
    assert await looker.look(definition, 600) is None
    assert len(await looker.freight()) == 2


async def test_a_commit_is_freight(config, looker):
    """The newest commit of the branch, with who made it and what it says."""
    commit = config({"values.yaml": "a: 1\n"}, message="feat: first")
    definition = warehouse(git(config.url, branch="main"))
    first = await looker.look(definition)
    ana = "Ana Silva <ana@example.com>"
    assert first.content["commits"] == [
        {
            "repoURL": config.url,
            "id": commit,
            "branch": "main",
            "author": ana,
            "committer": ana,
            "message": "feat: first",
        }
    ]
    assert await looker.look(definition, 300) is None
    config({"other.yaml": "b: 1\n"}, branch="elsewhere")
    assert await looker.look(definition, 600) is None
    second = config({"values.yaml": "a: 2\n"})
    assert (await looker.look(definition, 900)).content["commits"][0]["id"] == second


@pytest.mark.parametrize(
    "paths", [{"includePaths": ["base"]}, {"excludePaths": ["stages"]}, {"excludePaths": ["glob:stages/*"]}]
)
async def test_promotion_output_on_the_watched_branch_does_not_loop(server, looker, paths):
    """With path filters what promotions write is no new Freight; a change of the source is."""
    name = f"loop-{next(iter(paths))}-{len(next(iter(paths.values()))[0])}.git"
    definition = warehouse(git(server.create(name), branch="main", **paths))
    source = server.commit({"base/app.yaml": "a: 1\n"}, name=name)
    assert (await looker.look(definition)).content["commits"][0]["id"] == source
    for number in range(3):
        server.commit({"stages/test.yaml": f"a: {number}\n"}, name=name)
        assert await looker.look(definition, 300 * (number + 1)) is None
    changed = server.commit({"base/app.yaml": "a: 2\n"}, name=name)
    assert (await looker.look(definition, 1500)).content["commits"][0]["id"] == changed


async def test_image_and_commit_together(repo, config, looker):
    """Freight of two subscriptions holds the best of each, and is new when either is."""
    definition = warehouse(image(repo.url), git(config.url))
    repo("1.0.0")
    commit = config({"values.yaml": "a: 1\n"})
    first = await looker.look(definition)
    assert (tags(first), first.content["commits"][0]["id"]) == (["1.0.0"], commit)
    repo("1.1.0", labels={"v": "1.1"})
    second = await looker.look(definition, 300)
    assert (tags(second), second.content["commits"][0]["id"]) == (["1.1.0"], commit)
    later = config({"values.yaml": "a: 2\n"})
    third = await looker.look(definition, 600)
    assert (tags(third), third.content["commits"][0]["id"]) == (["1.1.0"], later)


@pytest.mark.parametrize(
    ("expression", "fresh", "condition"),
    [
        pytest.param("imageFrom('{repo}').Tag == '1.0.0'", True, ("True", "Discovered", ""), id="true"),
        pytest.param(
            "imageFrom('{repo}').Tag == '9'",
            False,
            ("True", "Discovered", "are not satisfied, so there is"),
            id="false",
        ),
        pytest.param("imageFrom('{repo}').Tag", False, ("False", "CriteriaFailed", "must yield true"), id="no-bool"),
        pytest.param("nonsense(", False, ("False", "CriteriaFailed", "cannot be evaluated"), id="broken"),
    ],
)
async def test_freight_creation_criteria(repo, looker, expression, fresh, condition):
    """Criteria decide whether Freight is made; what they are or why they fail is in the conditions."""
    repo("1.0.0")
    criteria = {"expression": expression.replace("{repo}", repo.url)}
    definition = warehouse(image(repo.url), freightCreationCriteria=criteria)
    assert bool(await looker.look(definition)) is fresh
    *expected, words = condition
    *judged, message = await looker.condition(definition)
    assert judged == expected
    assert words in message
    assert (await looker.status(definition)).discovered["images"][0]["references"][0]["tag"] == "1.0.0"


async def test_manual_policy(repo, looker):
    """Artifacts are discovered for people to choose from, and no Freight is made."""
    repo("1.0.0")
    definition = warehouse(image(repo.url), freightCreationPolicy="Manual")
    assert await looker.look(definition) is None
    assert await looker.condition(definition) == (
        "True", "Discovered", "Freight is made by hand (freightCreationPolicy Manual)",
    )  # fmt: skip
    assert (await looker.status(definition)).discovered["images"][0]["references"][0]["tag"] == "1.0.0"


async def test_nothing_passes_the_filters(repo, looker):
    """Zero results make the Warehouse unhealthy, with the subscription that found none."""
    repo("3.0.0")
    await looker.look(warehouse(image(repo.url)))
    status, reason, message = await looker.condition(warehouse(image(repo.url)))
    assert (status, reason) == ("False", "NothingDiscovered")
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
    assert (await looker.condition(definition))[:2] == ("False", "NothingDiscovered")
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
WELL, ILL = ready(SEEN, "", START), unhealthy(SEEN, "DiscoveryFailed", "no", START)


@pytest.mark.parametrize(
    ("status", "generation", "seconds", "expected"),
    [
        pytest.param(WarehouseStatus("acme", "main"), 1, 0, True, id="never-seen"),
        pytest.param(WELL, 1, 299, False, id="before-its-interval"),
        pytest.param(WELL, 1, 300, True, id="after-its-interval"),
        pytest.param(WELL, 2, 1, True, id="definition-changed"),
        pytest.param(ILL, 1, 29, False, id="unhealthy-just-now"),
        pytest.param(ILL, 1, 30, True, id="unhealthy-for-a-while"),
    ],
)
def test_due(status, generation, seconds, expected):
    """A Warehouse is due when never seen, changed, or its time has come, sooner when it is not well."""
    definition = warehouse(image("ghcr.io/acme/app"), generation=generation)
    assert due(definition, status, START + timedelta(seconds=seconds)) is expected


async def test_a_refresh_is_handled_once(repo, looker):
    """A refresh makes it due at once, whatever comes of it, and one look answers it."""
    definition = warehouse(image(repo.url))
    repo("1.0.0")
    await looker.look(definition)
    assert not due(definition, await looker.status(definition), START)
    await looker.ledger.warehouses.request_refresh("acme", "main", "token-1", START)
    assert due(definition, await looker.status(definition), START)
    await looker.look(definition, 1)
    status = await looker.status(definition)
    assert status.refresh_handled == "token-1"
    assert not due(definition, status, START + timedelta(seconds=1))


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
