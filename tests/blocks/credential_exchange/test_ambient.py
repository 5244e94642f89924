"""Which clouds this machine is taken to be in, and that nothing else is ever asked."""

import pytest

from blocks.credential_exchange import ambient
from blocks.credential_exchange.ambient import cloud_for, clouds
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import Invalid

ALL = frozenset({"aws", "google", "azure"})
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web"


@pytest.mark.parametrize(
    ("setting", "environment", "expected"),
    [
        pytest.param("detect", {}, set(), id="nothing-shown"),
        pytest.param("detect", {"AWS_ROLE_ARN": "r", "AWS_WEB_IDENTITY_TOKEN_FILE": "f"}, {"aws"}, id="irsa"),
        pytest.param("detect", {"AWS_ROLE_ARN": "r"}, set(), id="half-of-irsa"),
        pytest.param("detect", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "u"}, {"aws"}, id="pod-identity"),
        pytest.param("detect", {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}, set(), id="a-persons-keys"),
        pytest.param("detect", {"GOOGLE_APPLICATION_CREDENTIALS": "f"}, {"google"}, id="google-file"),
        pytest.param("detect", {"GCE_METADATA_HOST": "h"}, {"google"}, id="google-metadata"),
        pytest.param("detect", {"AZURE_FEDERATED_TOKEN_FILE": "f"}, {"azure"}, id="azure"),
        pytest.param("none", {"AZURE_FEDERATED_TOKEN_FILE": "f"}, set(), id="forbidden"),
        pytest.param(" aws, google ", {}, {"aws", "google"}, id="told"),
    ],
)
def test_which_clouds_count(setting, environment, expected, monkeypatch, tmp_path):
    """What the environment shows, unless a setting says otherwise."""
    monkeypatch.setattr(ambient, "PRODUCT", tmp_path / "nothing")
    assert clouds(setting, environment) == expected


@pytest.mark.parametrize(("product", "expected"), [("Google Compute Engine\n", {"google"}), ("Standard PC\n", set())])
def test_a_machine_of_googles_shows_itself(product, expected, monkeypatch, tmp_path):
    """By the name of its make, for which nobody is asked."""
    (tmp_path / "product").write_text(product)
    monkeypatch.setattr(ambient, "PRODUCT", tmp_path / "product")
    assert clouds("detect", {}) == expected


def test_an_unknown_cloud_is_refused():
    """With those there are."""
    with pytest.raises(Invalid, match="'ibm' are not known, expected some of detect, none, aws, google, azure"):
        clouds("aws,ibm", {})


@pytest.mark.parametrize(
    ("cred_type", "url", "known", "expected"),
    [
        pytest.param("image", ECR, ALL, "ambient AWS role", id="aws"),
        pytest.param("helm", "europe-docker.pkg.dev/a/b", ALL, "ambient Google identity", id="google"),
        pytest.param("image", "acme.azurecr.io/a", ALL, "ambient Azure identity", id="azure"),
        pytest.param("image", ECR, ALL - {"aws"}, None, id="not-there"),
        pytest.param("git", ECR, ALL, None, id="git"),
        pytest.param("image", "ghcr.io/acme/web", ALL, None, id="ordinary-registry"),
        pytest.param("image", "nginx", ALL, None, id="docker-hub"),
        pytest.param("helm", "https://charts.example/gcr.io/", ALL, None, id="http-charts"),
    ],
)
def test_a_cloud_is_asked_for_its_own_registries_only(cred_type, url, known, expected):
    """And only where this machine is in it."""
    cloud = cloud_for(cred_type, url, Site(ambient=known))
    assert (cloud.title if cloud else None) == expected


async def test_elsewhere_there_are_no_credentials():
    """And none are asked for."""
    assert await Exchanger(Site(ambient=ALL)).ambient(Wanted("shop", "image", "ghcr.io/acme/web", "")) is None
