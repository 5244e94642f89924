"""Discovery from a real registry and a real Git server to Freight in the ledger."""

import pytest

from tests.flows.warehouse.looking import AUTH, START, git, image, tags, warehouse
from tests.servers.registry import push_image

pytestmark = pytest.mark.usefixtures("password_known")


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
    assert await looker.condition(definition) == ("True", "ReconciliationSucceeded", "")


@pytest.mark.parametrize("strategy", ["Digest", "SemVer"])
async def test_a_moved_tag_is_new_freight(registry, looker, strategy):
    """The same tag at another digest is another Freight, seen within the hour; moved back it is the first one again."""
    name = f"moved-{strategy.lower()}"
    definition = warehouse(image(f"{registry}/{name}", imageSelectionStrategy=strategy, constraint="1.0.0"))

    def push(build):
        return push_image(registry, name, "1.0.0", auth=AUTH, labels={"build": build})

    found = []
    for number, build in enumerate("aba"):
        digest = push(build)
        found.append((await looker.look(definition, 3_600 * number), digest))
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
    ("expression", "satisfied", "words"),
    [
        pytest.param("imageFrom('{repo}').Tag == '1.0.0'", "True", "are satisfied", id="true"),
        pytest.param("imageFrom('{repo}').Tag == '9'", "False", "are not satisfied, so there is", id="false"),
        pytest.param("imageFrom('{repo}').Tag", None, "must yield true", id="no-bool"),
        pytest.param("nonsense(", None, "cannot be evaluated", id="broken"),
    ],
)
async def test_freight_creation_criteria(repo, looker, expression, satisfied, words):
    """Criteria decide whether Freight is made; what they are or why they fail is in the conditions."""
    repo("1.0.0")
    criteria = {"expression": expression.replace("{repo}", repo.url)}
    definition = warehouse(image(repo.url), freightCreationCriteria=criteria)
    assert bool(await looker.look(definition)) is (satisfied == "True")
    said = await looker.condition(definition, "FreightCreationCriteriaSatisfied")
    if satisfied:
        assert said[:2] == (satisfied, "CriteriaSatisfied" if satisfied == "True" else "CriteriaNotSatisfied")
    else:
        assert said is None
        said = await looker.condition(definition)
        assert said[:2] == ("False", "CriteriaEvaluationFailed")
    assert words in said[2]
    assert (await looker.status(definition)).discovered["images"][0]["references"][0]["tag"] == "1.0.0"


async def test_manual_policy(repo, looker):
    """Artifacts are discovered for people to choose from, and no Freight is made."""
    repo("1.0.0")
    definition = warehouse(image(repo.url), freightCreationPolicy="Manual")
    assert await looker.look(definition) is None
    assert (await looker.condition(definition))[0] == "True"
    assert await looker.condition(definition, "FreightCreated") is None
    assert (await looker.status(definition)).discovered["images"][0]["references"][0]["tag"] == "1.0.0"
