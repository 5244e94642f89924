"""The functions by which expressions look into Freight: `commitFrom`, `imageFrom`, `chartFrom`, `artifactFrom`.

They look across the whole collection a Stage will hold. What is not there is nil; what several Warehouses that the
Stage asks for watch is an error unless `warehouse(name)` says which is meant (Kargo §7).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from blocks.errors import Invalid
from flows.expression.values import Struct
from flows.freight.watched import Watched
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

Json = dict[str, Any]
Items = Sequence[Mapping[str, Any]]
"""Artifacts in Kargo's shape, each with `origin`, the name of its Warehouse."""

COMMIT = {
    "RepoURL": "repoURL",
    "ID": "id",
    "Branch": "branch",
    "Tag": "tag",
    "Message": "message",
    "Author": "author",
    "Committer": "committer",
}
IMAGE = {"RepoURL": "repoURL", "Tag": "tag", "Digest": "digest", "Annotations": "annotations"}
CHART = {"RepoURL": "repoURL", "Name": "name", "Version": "version"}
ARTIFACT = {
    "ArtifactType": "artifactType",
    "SubscriptionName": "subscriptionName",
    "Version": "version",
    "Metadata": "metadata",
}
_MAPS = ("annotations", "metadata")


def freight_functions(
    commits: Items = (),
    images: Items = (),
    charts: Items = (),
    artifacts: Items = (),
    watched: Watched | None = None,
) -> dict[str, Callable[..., Any]]:
    """Return the Freight functions over one collection, by the names expressions use."""
    watched = watched or Watched()

    def commit_from(repo_url: str, origin: Json | None = None) -> Json | None:
        wanted = normalize_git(repo_url)
        found = (item for item in commits if normalize_git(item["repoURL"]) == wanted)
        return _one("commit", repo_url, found, origin, COMMIT, watched.commit(repo_url))

    def image_from(repo_url: str, origin: Json | None = None) -> Json | None:
        wanted = normalize_image(repo_url)
        found = (item for item in images if normalize_image(item["repoURL"]) == wanted)
        return _one("image", repo_url, found, origin, IMAGE, watched.image(repo_url))

    def chart_from(repo_url: str, *more: Any) -> Json | None:
        name, origin = _name_and_origin(more)
        wanted = (normalize_chart(repo_url), name)
        found = (item for item in charts if (normalize_chart(item["repoURL"]), item.get("name") or "") == wanted)
        said = " ".join(filter(None, (repo_url, name)))
        return _one("chart", said, found, origin, CHART, watched.chart(repo_url, name))

    def artifact_from(subscription: str, origin: Json | None = None) -> Json | None:
        found = (item for item in artifacts if item.get("subscriptionName") == subscription)
        return _one("artifact", subscription, found, origin, ARTIFACT, watched.artifact(subscription))

    return {
        "warehouse": warehouse,
        "commitFrom": commit_from,
        "imageFrom": image_from,
        "chartFrom": chart_from,
        "artifactFrom": artifact_from,
    }


def warehouse(name: str) -> Json:
    """Return the origin a Warehouse is. Raises Invalid without a name."""
    if not name:
        raise Invalid("warehouse() needs the name of a Warehouse")
    return {"Kind": "Warehouse", "Name": name}


def _name_and_origin(given: Sequence[Any]) -> tuple[str, Json | None]:
    names = [value for value in given[:1] if isinstance(value, str)]
    origins = given[len(names) :]
    if len(origins) > 1 or not all(isinstance(origin, dict) for origin in origins):
        raise Invalid("chartFrom takes a repository URL, then a chart name or a warehouse(…) or both in this order")
    return (names[0] if names else ""), (origins[0] if origins else None)


def _one(
    kind: str,
    wanted: str,
    found: Iterable[Mapping[str, Any]],
    origin: Json | None,
    fields: Mapping[str, str],
    watching: Sequence[str],
) -> Json | None:
    """Find one artifact. What no Warehouse watches any more is still found where only one has brought it."""
    if origin is not None and not (isinstance(origin, dict) and "Name" in origin):
        raise Invalid(f"{kind}From takes a warehouse(…) as its last argument")
    items = list(found)
    origins = {origin["Name"]} if origin else set(watching) or {str(item.get("origin")) for item in items}
    if len(origins) > 1:
        several = ", ".join(sorted(origins))
        raise Invalid(f"{kind} {wanted!r} comes from Warehouses {several}: say which with warehouse(…)")
    items = [item for item in items if str(item.get("origin")) in origins]
    if not items:
        return None
    values = {name: items[0].get(field) or ({} if field in _MAPS else "") for name, field in fields.items()}
    return Struct(f"what {kind}From gives", values, fields)
