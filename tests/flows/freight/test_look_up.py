"""A version that discovery has not brought, looked up at a real registry and in a real repository."""

import pytest

from blocks.errors import Invalid
from flows.freight.look_up import look_up
from flows.warehouse.asking import Sources
from flows.warehouse.model import Subscription
from tests.flows.warehouse.conftest import config, looker, password_known, registry, repo, server
from tests.flows.warehouse.looking import ANA, START, git, image, warehouse

__all__ = ["config", "looker", "password_known", "registry", "repo", "server"]

pytestmark = pytest.mark.usefixtures("password_known")


async def ask(looker, subscription, version):
    """Look one version up as `create freight` does."""

    async def find(cred_type, repo_url):
        return ANA

    sources = Sources(
        looker.registry, looker.mirrors, looker.ledger.cache, find, index=looker.ledger.index, timeout=30.0
    )
    return await look_up(Subscription.model_validate(subscription), version, sources, START)


async def test_an_image_outside_the_window(looker, repo):
    """The tag's own digest and annotations, as discovery would have brought it when it was newest."""
    older, _ = repo("1.0.0"), repo("1.1.0")
    watched = warehouse(image(repo.url, discoveryLimit=1))
    await looker.look(watched)
    known = (await looker.status(watched)).discovered["images"][0]["references"]
    assert [each["tag"] for each in known] == ["1.1.0"]

    found = await ask(looker, image(repo.url, discoveryLimit=1), "1.0.0")

    assert [(each["tag"], each["digest"]) for each in found["references"]] == [("1.0.0", older)]
    assert found["references"][0].keys() == known[0].keys()


async def test_a_tag_that_the_rules_exclude(looker, repo):
    """Nobody gets past the Warehouse's own rules by hand."""
    repo("2.0.0")

    with pytest.raises(Invalid, match="the rules of the subscription exclude this tag"):
        await ask(looker, image(repo.url), "2.0.0")


async def test_a_tag_that_does_not_exist(looker, repo):
    """The registry is asked, and has none."""
    repo("1.0.0")

    assert (await ask(looker, image(repo.url), "1.0.9"))["references"] == []


async def test_a_commit_outside_the_window(looker, config):
    """Found in the branch, with what discovery tells of commits."""
    first = config({"a": "1"})
    for number in range(3):
        config({"a": f"{number + 2}"})

    found = await ask(looker, git(config.url, discoveryLimit=1), first[:8])

    assert first in [each["id"] for each in found["commits"]]
