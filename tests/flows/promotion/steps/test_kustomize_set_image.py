"""kustomize-set-image keeps what it does not set."""

import pytest

from blocks.errors import Invalid, Refused
from flows.promotion.steps.kustomize_set_image import Config, run
from tests.flows.promotion.workspace import step_context

BEFORE = """\
# ours
resources:
- deployment.yaml # kept
images:
- name: web
  newTag: 1.10
- name: db
  newName: mirror/db
  digest: sha256:aa
"""


def set_images(tmp_path, text, images=(), freight=()):
    """The file after the step, and the commit message."""
    (tmp_path / "kustomization.yaml").write_text(text)
    config = Config.model_validate({"path": ".", "images": list(images)})
    result = run(config, step_context(tmp_path, images=list(freight)))
    return (tmp_path / "kustomization.yaml").read_text(), result.outputs.get("commitMessage")


def test_other_entries_and_comments_stay(tmp_path):
    """An image not named keeps its entry; so does everything around."""
    text, message = set_images(tmp_path, BEFORE, [{"image": "web", "tag": "1.20"}])
    assert text == (
        "# ours\nresources:\n- deployment.yaml # kept\nimages:\n"
        "- name: db\n  newName: mirror/db\n  digest: sha256:aa\n- name: web\n  newTag: '1.20'\n"
    )
    assert message == "Updated . to use new images\n\n- mirror/db@sha256:aa\n- web:1.20"
    assert set_images(tmp_path, text, [{"image": "web", "tag": "1.20"}])[0] == text


def test_a_kept_tag_keeps_its_zero(tmp_path):
    """A star keeps what is there, also when it looks like a number."""
    text, message = set_images(tmp_path, BEFORE, [{"image": "web", "newName": "mirror/web", "tag": "*"}])
    assert "newName: mirror/web\n  newTag: '1.10'\n" in text
    assert "- mirror/web:1.10" in message


def test_images_of_the_freight(tmp_path):
    """Without images in the config all of the Freight are set, by tag and digest."""
    images = [{"repoURL": "ghcr.io/x/app", "tag": "1.2.0", "digest": "sha256:bb", "origin": "main"}]
    text, message = set_images(tmp_path, "resources: []\n", freight=images)
    assert text == "resources: []\nimages:\n- name: ghcr.io/x/app\n  newTag: 1.2.0\n  digest: sha256:bb\n"
    assert message == "Updated . to use new image\n\n- ghcr.io/x/app:1.2.0@sha256:bb"


def test_the_same_image_from_two_warehouses(tmp_path):
    """Which of two is meant cannot be guessed, whatever the spelling."""
    images = [
        {"repoURL": "nginx", "tag": "1", "origin": "a"},
        {"repoURL": "docker.io/library/nginx", "tag": "2", "origin": "b"},
    ]
    with pytest.raises(Refused, match="Warehouses a, b"):
        set_images(tmp_path, "resources: []\n", freight=images)


@pytest.mark.parametrize("text", ["- a\n", "", "images: [web]\n", "images: {a: b}\n", "images: [\n"])
def test_what_is_no_kustomization(tmp_path, text):
    """A file of another shape is refused and left as it is."""
    with pytest.raises(Invalid):
        set_images(tmp_path, text, [{"image": "web", "tag": "1"}])
    assert (tmp_path / "kustomization.yaml").read_text() == text
