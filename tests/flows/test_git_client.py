"""Who commits where a step names nobody: what the ClusterConfig says, over the settings."""

from contextlib import asynccontextmanager

import pytest
import yaml

from blocks.errors import Invalid
from blocks.git.committing import Committing
from deployments.manifests.load import load
from deployments.rehearsal.read import read_scenario
from deployments.rehearsal_moves import Mover
from deployments.rehearsal_world import stand
from flows.git_client import read_committing
from tests.deployments.test_rehearse import MANIFESTS, scenario
from tests.servers.gpg_keys import new_signing_key

HOUSE = Committing()


@asynccontextmanager
async def opened(folder, secret=None, **git_client):
    """The image updater in a world of its own, whose ClusterConfig has this gitClient."""
    documents = [config("ClusterConfig", {"name": "cluster"}, {"gitClient": git_client})] if git_client else []
    if secret is not None:
        place = {"name": "git-signing", "namespace": "kargo-system-resources"}
        documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": secret})
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    manifests, story = load([*MANIFESTS, str(file)], []), scenario(folder, {"wait": "1m"})
    async with stand(folder, manifests, read_scenario(story), story) as place:
        yield place


def config(kind, metadata, spec):
    """An object of Kargo's."""
    return {"apiVersion": "kargo.akuity.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("given", "name", "email"),
    [
        pytest.param({}, HOUSE.name, HOUSE.email, id="none"),
        pytest.param({"name": "Acme"}, "Acme", HOUSE.email, id="name"),
        pytest.param({"email": "a@acme.example"}, HOUSE.name, "a@acme.example", id="email"),
        pytest.param({"name": "Acme", "email": "a@acme.example"}, "Acme", "a@acme.example", id="both"),
    ],
)
async def test_what_is_set_takes_the_place_of_the_setting(tmp_path, given, name, email):
    """Each field by itself."""
    async with opened(tmp_path, **given) as place:
        found = await read_committing(place.here)
        assert (found.name, found.email, await found.key()) == (name, email, None)


@pytest.mark.parametrize(
    ("secret", "lacks"),
    [(None, "does not exist"), ({}, "has no key 'signingKey'"), ({"signingKey": " "}, "has no key 'signingKey'")],
    ids=["none", "empty", "blank"],
)
async def test_a_key_that_is_not_there(tmp_path, secret, lacks):
    """Nothing is committed unsigned that was to be signed."""
    async with opened(tmp_path, secret, signingKeySecret={"name": "git-signing"}) as place:
        with pytest.raises(Invalid, match=f"Secret 'git-signing' of 'kargo-system-resources', which {lacks}"):
            await read_committing(place.here)


async def test_a_promotion_commits_and_signs_by_it(tmp_path):
    """The commit in the remote is of that author and verifies with that key; no project reads the Secret."""
    with new_signing_key("Acme Releases", "releases@acme.example") as key:
        client = {"name": "Acme Releases", "email": "releases@acme.example"}
        secret = {"signingKey": key.text}
        async with opened(tmp_path, secret, **client, signingKeySecret={"name": "git-signing"}) as place:
            mover = Mover(place, "shop")
            await mover.settle()
            bare = place.sandbox.world.git.path("acme/deploy")
            assert key.status("main", bare) == "G Acme Releases <releases@acme.example>"
            assert await place.here.generic_secrets("shop") == {}
            assert await place.here.generic_secrets("shop", shared=True) == {}
