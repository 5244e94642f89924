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
    """Some subscription found nothing, so there is no Freight; the sentence names it, `kind` is its kind."""

    sentence: str
    kind: str = ""


def assemble(spec: WarehouseSpec, discovered: Discovered) -> Content | Incomplete:
    """Bundle the first result of every subscription into Freight content; keys without a value are left out."""
    content: Content = {}
    for subscription in spec.subscriptions:
        _, results, target, artifact = shape_of(subscription)
        entry = entry_of(subscription, discovered)
        if not entry.get(results):
            sentence = f"{described(subscription)} found nothing, so there is no Freight"
            return Incomplete(sentence, subscription.kind)
        made = artifact(entry, entry[results][0]) | {"subscriptionName": subscription.name}
        content.setdefault(target, []).append({key: value for key, value in made.items() if value})
    return content


def field_of(subscription: Subscription) -> str:
    """Where discovery puts what this subscription finds."""
    return shape_of(subscription)[0]


def entry_of(subscription: Subscription, discovered: Discovered) -> Entry:
    """What was found for this subscription, empty when it was not asked yet.

    Kargo allows one subscription per repository, and tells further kinds apart by name.
    """
    entries: list[Entry] = discovered.get(field_of(subscription)) or []
    if subscription.further:
        return next((each for each in entries if each["name"] == subscription.name), {})
    name = subscription.chart and subscription.chart.name
    url = subscription.wanted.repo_url
    return next((each for each in entries if (each["repoURL"], each.get("name")) == (url, name)), {})


def described(subscription: Subscription) -> str:
    """Name a subscription in a sentence."""
    if subscription.further:
        return subscription.place
    name = f"subscription {subscription.name!r}" if subscription.name else "the subscription"
    chart = f" chart {subscription.chart.name!r}" if subscription.chart and subscription.chart.name else ""
    return f"{name} to {field_of(subscription)} of {subscription.wanted.repo_url}{chart}"


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


def shape_of(subscription: Subscription) -> Kind:
    """How what a subscription finds becomes part of Freight."""
    if subscription.further:
        return FURTHER
    if subscription.git:
        return GIT
    return IMAGE if subscription.image else CHART
