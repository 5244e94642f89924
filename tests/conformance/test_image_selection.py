"""Images are chosen, dated and annotated as the conformance cases say."""

from datetime import datetime

import pytest

from blocks.errors import Invalid
from blocks.records import ImageDetails, Platform
from blocks.registry.image_details import annotated, image_created, image_details, image_entries, index_details
from flows.warehouse.choose import annotations, choose, wanted_tags
from flows.warehouse.model import ImageSubscription
from tests.conformance.cases import cases


@pytest.mark.parametrize("case", cases("image_selection.json", lambda case: case["op"] == "select"))
def test_select(case):
    """The wanted tags, narrowed down by platform and limit, are the chosen images."""
    if "error" in case["want"]:
        with pytest.raises((ValueError, Invalid)):
            selected(case)
    else:
        assert case["want"]["selected"] == selected(case)


def selected(case):
    """Run both phases as discovery does."""
    images = {image["tag"]: details(image) for image in case["images"]}
    given = case["subscription"]
    limit = given.get("discoveryLimit") or len(images) or 1
    subscription = ImageSubscription.model_validate({k: v for k, v in given.items() if k != "discoveryLimit"})
    subscription = subscription.model_copy(update={"discovery_limit": limit})
    wanted = wanted_tags(subscription, list(images))
    chosen = choose(subscription, [(tag, images[tag]) for tag in wanted if tag in images])
    return [{"tag": tag, "digest": image.digest} for tag, image in chosen]


def details(image):
    """What the registry would say about one of the case's images."""
    platforms = tuple(Platform(each["os"], each["arch"], each.get("variant", "")) for each in image["platforms"])
    return ImageDetails(image["digest"], datetime.fromisoformat(image["createdAt"]), {}, platforms)


@pytest.mark.parametrize("case", cases("image_selection.json", lambda case: case["op"] == "createdAt"))
def test_created_at(case):
    """An image, or the newest image of an index, was built then."""
    found = plain(case["image"]) if "image" in case else index(case["index"])
    assert datetime.fromisoformat(case["want"]["createdAt"]) == found.created_at


def plain(image):
    """Describe a plain image; registries write labels as `config.Labels`."""
    config = {"created": image["config"].get("created"), "config": {"Labels": image["config"].get("labels")}}
    return image_details("sha256:0", image, config)


def index(given):
    """Describe an index, looking into its images as the registry client does."""
    built = [
        annotated(entry.get("annotations") or {}) or plain(entry["image"]).created_at for entry in image_entries(given)
    ]
    return index_details("sha256:0", given, max(built, default=None))


@pytest.mark.parametrize("case", cases("image_selection.json", lambda case: case["op"] == "annotations"))
def test_annotations(case):
    """The annotations of the platform asked for overrule those of the index."""
    entries = [
        {"platform": dict(zip(("os", "architecture", "variant"), each["platform"].split("/"), strict=False)), **rest}
        for each in case["references"]
        for rest in [{"annotations": each.get("annotations")}]
    ]
    found = index_details("sha256:0", {"annotations": case["indexAnnotations"], "manifests": entries}, None)
    assert case["want"] == annotations(found, case["platform"] or None)


def test_an_image_that_does_not_say_is_not_dated():
    """No annotation, no label, no time in the config: unknown, not some default."""
    assert image_created({}, {}) is None
