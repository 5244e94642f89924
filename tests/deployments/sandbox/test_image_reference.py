"""References to images inside manifests."""

import pytest

from deployments.sandbox.image_reference import images_of, is_marked, split, tag_of


@pytest.mark.parametrize(
    ("reference", "parts", "tag"),
    [
        pytest.param("nginx", ("nginx", ""), "latest", id="bare"),
        pytest.param("nginx:1.2", ("nginx", ":1.2"), "1.2", id="tag"),
        pytest.param("host:5000/a/b", ("host:5000/a/b", ""), "latest", id="port-is-no-tag"),
        pytest.param("host:5000/a/b:1", ("host:5000/a/b", ":1"), "1", id="port-and-tag"),
        pytest.param("a@sha256:12", ("a", "@sha256:12"), "sha256:12", id="digest"),
        pytest.param("h:1/a:2@sha256:12", ("h:1/a", ":2@sha256:12"), "2", id="tag-and-digest"),
    ],
)
def test_split_and_tag(reference, parts, tag):
    """A reference is a name and a rest, and is shown by tag, else digest."""
    assert (split(reference), tag_of(reference)) == (parts, tag)


def test_images_are_found_in_every_kind_of_container():
    """Init containers and nested templates count, other fields called image do not."""
    spec = {"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:2"}, {"name": "none"}], "image": "c:3"}
    assert images_of({"kind": "CronJob", "spec": {"jobTemplate": {"template": {"spec": spec}}}}) == {"a:1", "b:2"}


@pytest.mark.parametrize(
    ("mark", "marked"),
    [
        pytest.param("host:5000/app/web:1", True, id="whole"),
        pytest.param("app/web:1", True, id="without-host"),
        pytest.param("web:1", True, id="last-part"),
        pytest.param("eb:1", False, id="part-of-a-name"),
        pytest.param("app/web:2", False, id="other-tag"),
    ],
)
def test_marks(mark, marked):
    """A mark may leave out what stands before a slash."""
    assert is_marked("host:5000/app/web:1", {mark}) is marked
