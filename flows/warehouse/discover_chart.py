"""Finding the versions of one subscription's chart, in an HTTP repository or an OCI registry."""

from typing import Any

from blocks.chart_repository import ChartRepositories, Listing
from blocks.charts.location import locate
from flows.warehouse.asking import Asking
from flows.warehouse.chart_choose import choose_versions
from flows.warehouse.model import ChartSubscription


async def discover_chart(subscription: ChartSubscription, asking: Asking) -> dict[str, Any]:
    """Return the subscription's entry of Kargo's `discoveredArtifacts.charts`; `versions` may be empty.

    A hint makes no difference but that the repository is looked at anew: a look is one listing. Raises what the
    repository raises, and Invalid for a broken constraint.
    """
    listed = await (
        _index(subscription, subscription.name, asking) if subscription.name else _tags(subscription, asking)
    )
    entry = {
        "repoURL": subscription.repo_url,
        "name": subscription.name,
        "semverConstraint": subscription.semver_constraint,
        "subscriptionName": asking.name,
    }
    versions = choose_versions(subscription, listed)
    return {**{key: value for key, value in entry.items() if value}, "versions": versions}


async def _tags(subscription: ChartSubscription, asking: Asking) -> list[str]:
    tags: list[str] = await asking.sources.registry.tags(
        subscription.repo_url,
        asking.credentials,
        insecure=subscription.insecure_skip_tls_verify,
        fresh=_anew(asking),
    )
    return tags


async def _index(subscription: ChartSubscription, name: str, asking: Asking) -> tuple[str, ...]:
    """What is known is kept by the index's ETag, so that a worker that starts need not download what it was."""
    charts: ChartRepositories = asking.sources.charts
    insecure = subscription.insecure_skip_tls_verify
    # What came over a connection that anybody may have meddled with is not taken for the truth by others.
    scope = f"chart:{'insecure:' if insecure else ''}{locate(subscription.repo_url).identity}"
    kept = (await asking.sources.cache.get(scope, [name])).get(name)
    known = Listing(tuple(kept["versions"]), kept["etag"]) if kept else None
    listing = await charts.listing(
        subscription.repo_url, name, asking.credentials, insecure=insecure, known=known, thorough=_anew(asking)
    )
    if listing.etag and listing != known:
        await asking.sources.cache.put(scope, {name: {"etag": listing.etag, "versions": list(listing.versions)}})
    return listing.versions


def _anew(asking: Asking) -> bool:
    """Whether what was seen before the request is not good enough."""
    return asking.thorough or asking.hint is not None
