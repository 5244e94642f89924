"""From what a Warehouse discovered to the contents of one Freight: the first, best result of every subscription.

`Discovered` has the shape of Kargo's `status.discoveredArtifacts`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.freight.identity import Content
from flows.warehouse.model import Subscription, WarehouseSpec

Discovered = dict[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Incomplete:
    """Some subscription found nothing, so there is no Freight; the sentence names it."""

    sentence: str


def assemble(spec: WarehouseSpec, discovered: Discovered) -> Content | Incomplete:
    """Bundle the first result of every subscription into Freight content; keys without a value are left out."""
    content: Content = {}
    for subscription in spec.subscriptions:
        kind, results, target, artifact = _kind(subscription)
        entry = _entry(subscription, discovered.get(kind) or [])
        if not entry.get(results):
            return Incomplete(f"{_described(subscription, kind)} found nothing, so there is no Freight")
        made = artifact(entry, entry[results][0]) | {"subscriptionName": subscription.name}
        content.setdefault(target, []).append({key: value for key, value in made.items() if value})
    return content


def _entry(subscription: Subscription, entries: list[Entry]) -> Entry:
    """What was found for this subscription; Kargo allows one per repository, and tells further kinds apart by name."""
    if subscription.further:
        return next((each for each in entries if each["name"] == subscription.name), {})
    name = subscription.chart and subscription.chart.name
    url = subscription.wanted.repo_url
    return next((each for each in entries if (each["repoURL"], each.get("name")) == (url, name)), {})


def _described(subscription: Subscription, kind: str) -> str:
    if subscription.further:
        return subscription.place
    name = f"subscription {subscription.name!r}" if subscription.name else "the subscription"
    chart = f" chart {subscription.chart.name!r}" if subscription.chart and subscription.chart.name else ""
    return f"{name} to {kind} of {subscription.wanted.repo_url}{chart}"


def _commit(entry: Entry, commit: Entry) -> Entry:
    kept = {key: commit.get(key) for key in ("id", "branch", "tag", "author", "committer")}
    return {"repoURL": entry["repoURL"], **kept, "message": commit.get("subject")}


def _image(entry: Entry, reference: Entry) -> Entry:
    return {"repoURL": entry["repoURL"], **{key: reference.get(key) for key in ("tag", "digest", "annotations")}}


def _chart(entry: Entry, version: str) -> Entry:
    return {"repoURL": entry["repoURL"], "name": entry.get("name"), "version": version}


def _artifact(entry: Entry, reference: Entry) -> Entry:
    return {key: reference.get(key) for key in ("artifactType", "version", "metadata")}


Kind = tuple[str, str, str, Callable[[Entry, Any], Entry]]
"""Where discovery puts it, where its results are, where they go in Freight, and how one is made."""

GIT: Kind = ("git", "commits", "commits", _commit)
IMAGE: Kind = ("images", "references", "images", _image)
CHART: Kind = ("charts", "versions", "charts", _chart)
FURTHER: Kind = ("results", "artifactReferences", "artifacts", _artifact)


def _kind(subscription: Subscription) -> Kind:
    if subscription.further:
        return FURTHER
    if subscription.git:
        return GIT
    return IMAGE if subscription.image else CHART
