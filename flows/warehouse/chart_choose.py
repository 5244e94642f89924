"""Choosing chart versions."""

from collections.abc import Iterable

from flows.warehouse.model import ChartSubscription
from flows.warehouse.order import within
from flows.warehouse.semver import Version, parse, sort_descending


def choose_versions(subscription: ChartSubscription, listed: Iterable[str]) -> list[str]:
    """Return the versions within the constraint, newest first, at most `discoveryLimit`.

    `listed` are the versions of an HTTP repository's index, or the tags of an OCI repository. Raises Invalid
    when the constraint is none.
    """
    read = _oci_version if subscription.repo_url.startswith("oci://") else parse
    versions = (version for text in listed if (version := read(text)) is not None)
    chosen = sort_descending(within(versions, subscription.semver_constraint))
    return [version.original for version in chosen[: subscription.discovery_limit]]


def _oci_version(tag: str) -> Version | None:
    """Tags cannot hold a `+`, so Helm writes `_`; only what Helm itself would push counts, so no leading `v`."""
    return None if tag.startswith("v") else parse(tag.replace("_", "+"), strict=True)
