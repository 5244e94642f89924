"""Registries of clouds that this machine may open as what it is, without any Secret.

Nothing is asked to find that out: variables and files tell where we run, and a setting may tell more, or forbid it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from blocks.credential_exchange import azure_container_registry, ecr, google_artifact_registry
from blocks.credential_exchange.wanted import Site, Wanted
from blocks.errors import Invalid

DETECT, NONE = "detect", "none"
PRODUCT = Path("/sys/class/dmi/id/product_name")
"""Where Linux tells the name of the machine's make; on Google's it begins so."""


@dataclass(frozen=True)
class Cloud:
    """One cloud: which URLs are its registries', how this machine shows that it runs there, and how it is asked."""

    title: str
    opens: Callable[[str], bool]
    shown: Callable[[Mapping[str, str]], bool]
    ask: Callable[[Wanted, Site, datetime], Any]
    early: timedelta
    scope: Callable[[Wanted], str]


def _on_aws(environment: Mapping[str, str]) -> bool:
    irsa = environment.get("AWS_ROLE_ARN") and environment.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    pod = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    return bool(irsa or pod or environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))


def _on_google(environment: Mapping[str, str]) -> bool:
    if environment.get("GOOGLE_APPLICATION_CREDENTIALS") or environment.get("GCE_METADATA_HOST"):
        return True
    try:
        return PRODUCT.read_text().strip().startswith("Google")
    except (OSError, UnicodeDecodeError):
        return False


def _on_azure(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("AZURE_FEDERATED_TOKEN_FILE"))


CLOUDS = {
    "aws": Cloud(
        "ambient AWS role",
        lambda url: ecr.place(url) is not None,
        _on_aws,
        ecr.ambient,
        timedelta(minutes=10),
        lambda wanted: f"{wanted.project} {wanted.url.partition('/')[0]}",
    ),
    "google": Cloud(
        "ambient Google identity",
        google_artifact_registry.opens,
        _on_google,
        google_artifact_registry.ambient,
        timedelta(minutes=10),
        lambda wanted: wanted.project,
    ),
    "azure": Cloud(
        "ambient Azure identity",
        azure_container_registry.opens,
        _on_azure,
        azure_container_registry.ambient,
        timedelta(minutes=10),
        lambda wanted: wanted.url.partition("/")[0],
    ),
}


def clouds(setting: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Read the setting: `detect` is what the environment shows, `none` nothing, else names of clouds with commas.

    Raises Invalid for the name of no cloud.
    """
    if setting.strip() == DETECT:
        return frozenset(name for name, cloud in CLOUDS.items() if cloud.shown(environment))
    if setting.strip() == NONE:
        return frozenset()
    names = {name.strip() for name in setting.split(",")}
    if strange := sorted(names - CLOUDS.keys()):
        known = ", ".join((DETECT, NONE, *CLOUDS))
        raise Invalid(f"ambient credentials of {strange[0]!r} are not known, expected some of {known}")
    return frozenset(names)


def cloud_for(cred_type: str, url: str, site: Site) -> Cloud | None:
    """Return the cloud whose registry a URL is, when this machine may be used for it."""
    if cred_type not in ("image", "helm"):
        return None
    return next((cloud for name, cloud in CLOUDS.items() if name in site.ambient and cloud.opens(url)), None)
