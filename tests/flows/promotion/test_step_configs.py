"""What the configs of steps take, as Kargo's schemas have it, beyond what each step's own tests hold."""

import pytest

from blocks.errors import Invalid, NotFound, Refused
from flows.freight.watched import Watched
from flows.promotion.attempt import check
from flows.promotion.environment import status_functions
from flows.promotion.result import Failed
from flows.promotion.steps import STEPS, kustomize_set_image
from flows.warehouse.model import Subscription
from tests.flows.promotion.workspace import step_context

NOTHING = {"branch": "", "commit": "", "tag": "", "as": ""}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("git-clone", {"repoURL": "https://git/x", "checkout": [{"path": "a", **NOTHING}]}),
        ("git-clone", {"repoURL": "https://git/x", "checkout": [{"path": "a", **NOTHING, "branch": "main"}]}),
        ("git-push", {"path": "a", "targetBranch": "", "tag": ""}),
        ("git-push", {"path": "a", "targetBranch": "", "generateTargetBranch": True}),
        ("github-push", {"path": "a", "targetBranch": ""}),
    ],
)
def test_empty_text_is_as_nothing(kind, config):
    """A template whose expression gives nothing leaves the field unset."""
    assert check(STEPS[kind], config)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("compose-output", {}),
        ("json-parse", {"path": "a", "outputs": []}),
        ("yaml-parse", {"path": "a", "outputs": []}),
        ("toml-parse", {"path": "a", "outputs": []}),
    ],
)
def test_nothing_to_do(kind, config):
    """A step that would do nothing is a mistake."""
    with pytest.raises(Invalid, match="the config is not valid"):
        check(STEPS[kind], config)


def test_key_of_a_clone():
    """Without `as` the path is the key, also where `as` is empty."""
    config = check(STEPS["git-clone"], {"repoURL": "https://git/x", "checkout": [{"path": "a", **NOTHING}]})
    assert config.checkout[0].key == "a"


def set_images(root, warehouses, images=()):
    """Set the images of the Freight, where the Stage's Warehouses watch these repositories."""
    (root / "kustomization.yaml").write_text("resources: []\n")
    watched = Watched(
        {
            name: None if some is None else [Subscription(image={"repoURL": each}) for each in some]
            for name, some in warehouses.items()
        }
    )
    config = kustomize_set_image.Config(path=".")
    return kustomize_set_image.run(config, step_context(root, images=list(images), watched=watched))


def test_images_that_two_warehouses_watch(tmp_path):
    """They are ambiguous before the second Warehouse has brought any."""
    images = [{"repoURL": "nginx", "tag": "1", "origin": "a"}]
    with pytest.raises(Refused, match="Warehouses a, b"):
        set_images(tmp_path, {"a": ["nginx"], "b": ["docker.io/library/nginx"]}, images)
    assert not isinstance(set_images(tmp_path, {"a": ["nginx"], "b": ["redis"]}, images), Failed)


def test_images_of_a_warehouse_that_is_gone(tmp_path):
    """What it would bring cannot be known."""
    with pytest.raises(NotFound, match="'b', which the Stage asks for, does not exist"):
        set_images(tmp_path, {"a": ["nginx"], "b": None})


def test_status_of_nothing():
    """status() needs an alias."""
    with pytest.raises(Invalid, match="alias"):
        status_functions("x", [])["status"]("")
