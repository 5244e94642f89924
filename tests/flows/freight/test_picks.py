"""What a person picks, and for which subscription."""

import pytest

from flows.freight.picks import Picks, assigned
from flows.warehouse.model import WarehouseSpec

APP = {"image": {"repoURL": "docker.io/library/app"}}
CONFIG = {"git": {"repoURL": "https://git.example.com/acme/Config.git?a=b"}, "name": "config"}
CHART = {"chart": {"repoURL": "https://charts.example.com/stable", "name": "redis"}}
OCI = {"chart": {"repoURL": "oci://ghcr.io/acme/chart"}}
RELEASES = {"github-release": {"config": {"repository": "acme/tool"}}, "name": "tool"}
SPEC = WarehouseSpec.model_validate({"subscriptions": [APP, CONFIG, CHART, OCI, RELEASES]})


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        pytest.param(Picks(images=("docker.io/library/app=1.2",)), {0: "1.2"}, id="as-written"),
        pytest.param(Picks(images=("APP=1.2",)), {0: "1.2"}, id="normalised"),
        pytest.param(Picks(images=("app=sha256:0=1",)), {0: "sha256:0=1"}, id="first-that-is-known"),
        pytest.param(Picks(commits=("https://git.example.com/acme/Config.git?a=b=abc",)), {1: "abc"}, id="url-has-="),
        pytest.param(Picks(commits=("config=v1=2",)), {1: "v1=2"}, id="by-name-tag-with-="),
        pytest.param(Picks(charts=("https://charts.example.com/stable/redis=1.0.0",)), {2: "1.0.0"}, id="chart-name"),
        pytest.param(Picks(charts=("https://charts.example.com/stable=1.0.0",)), {2: "1.0.0"}, id="chart-repository"),
        pytest.param(Picks(charts=("ghcr.io/acme/chart=1.0.0+b.1",)), {3: "1.0.0+b.1"}, id="oci-without-scheme"),
        pytest.param(Picks(artifacts=("tool=v2",)), {4: "v2"}, id="further-kind"),
        pytest.param(Picks(images=("app=1",), artifacts=("tool=2",)), {0: "1", 4: "2"}, id="several"),
    ],
)  # fmt: skip
def test_each_pick_is_for_one_subscription(picks, expected):
    """By repository in any spelling, or by the subscription's name."""
    assert (expected, []) == assigned(SPEC, picks)


KNOWN = (
    "--image docker.io/library/app, --commit https://git.example.com/acme/Config.git?a=b, "
    "--chart https://charts.example.com/stable/redis, --chart oci://ghcr.io/acme/chart, --artifact tool"
)


@pytest.mark.parametrize(
    ("picks", "sentence"),
    [
        pytest.param(Picks(images=("app",)), "--image 'app' is not WHERE=VERSION", id="no-version"),
        pytest.param(Picks(images=("=1",)), "--image '=1' is not WHERE=VERSION", id="no-place"),
        pytest.param(Picks(images=("app=",)), "--image 'app=' is not WHERE=VERSION", id="empty-version"),
        pytest.param(Picks(images=("app= ",)), "--image 'app= ' names no version", id="blank-version"),
        pytest.param(
            Picks(images=("web=1",)),
            f"--image 'web=1' is for nothing that the Warehouse subscribes to; it has: {KNOWN}",
            id="extra",
        ),
        pytest.param(
            Picks(commits=("app=1",)),
            f"--commit 'app=1' is for nothing that the Warehouse subscribes to; it has: {KNOWN}",
            id="another-kind",
        ),
        pytest.param(
            Picks(images=("app=1", "docker.io/app=1")),
            "--image 'docker.io/app=1' picks again for the subscription to images of docker.io/library/app",
            id="twice",
        ),
    ],
)
def test_what_is_wrong_with_a_pick(picks, sentence):
    """Said with the pick as it was written."""
    assert assigned(SPEC, picks)[1] == [sentence]


def test_several_subscriptions_to_one_repository_go_by_name():
    """The sentence says the names."""
    two = [{**APP, "name": name} for name in ("stable", "edge")]
    spec = WarehouseSpec.model_validate({"subscriptions": two})

    assert assigned(spec, Picks(images=("edge=1",))) == ({1: "1"}, [])
    assert assigned(spec, Picks(images=("app=1",)))[1] == [
        "--image 'app=1' may mean several subscriptions; name one of stable, edge"
    ]
