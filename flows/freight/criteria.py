"""Freight creation criteria: when discovered artifacts may become Freight.

The expression sees the best result of every subscription, through functions named like those for Freight.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocks.errors import Invalid
from flows.expression.values import Struct
from flows.freight.assemble import Discovered, Entry
from flows.freight.functions import ARTIFACT
from flows.warehouse.condition import holds
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

COMMIT = ("ID", "Branch", "Tag", "Subject", "Author", "Committer", "CreatorDate")
IMAGE = ("Tag", "Digest", "Annotations", "CreatedAt")


@dataclass(frozen=True)
class CriteriaVerdict:
    """Whether artifacts may become Freight; `error` when the expression could not say."""

    satisfied: bool
    sentence: str
    error: bool = False


def criteria_satisfied(expression: str, discovered: Discovered) -> CriteriaVerdict:
    """Ask the expression about what was discovered."""
    try:
        satisfied = holds(expression, functions(discovered))
    except Invalid as error:
        return CriteriaVerdict(False, f"freightCreationCriteria cannot be evaluated: {error}", error=True)
    said = "are satisfied" if satisfied else "are not satisfied, so there is no Freight"
    return CriteriaVerdict(satisfied, f"freightCreationCriteria {expression!r} {said}")


def functions(discovered: Discovered) -> dict[str, Callable[..., Any]]:
    """Return `commitFrom`, `imageFrom`, `chartFrom`, `artifactFrom` over the best that was found; the rest is nil."""

    def commit_from(repo_url: str) -> Entry | None:
        found = _of(discovered, "git", normalize_git, repo_url)
        return next((_capitalised("commit", entry["commits"], COMMIT) for entry in found), None)

    def image_from(repo_url: str) -> Entry | None:
        found = _of(discovered, "images", normalize_image, repo_url)
        return next((_capitalised("image", entry["references"], IMAGE) for entry in found), None)

    def chart_from(repo_url: str, name: str = "") -> Entry | None:
        """Without a name the first of the repository's charts, as in Kargo."""
        found = _of(discovered, "charts", normalize_chart, repo_url)
        return next((_chart(entry) for entry in found if not name or entry.get("name") == name), None)

    def artifact_from(subscription: str) -> Entry | None:
        found = (entry for entry in discovered.get("results") or () if entry["name"] == subscription)
        return next((_artifact(entry["artifactReferences"]) for entry in found), None)

    return {
        "commitFrom": commit_from,
        "imageFrom": image_from,
        "chartFrom": chart_from,
        "artifactFrom": artifact_from,
    }


def _of(discovered: Discovered, kind: str, normalize: Callable[[str], str], url: str) -> Iterator[Entry]:
    wanted = normalize(url)
    return (entry for entry in discovered.get(kind) or () if normalize(entry["repoURL"]) == wanted)


def _capitalised(kind: str, results: list[Entry], fields: tuple[str, ...]) -> Entry | None:
    """The best result with the field names expressions use (`ID`, `CreatorDate`); a missing text is empty."""
    if not results:
        return None
    return _struct(kind, {field: _value(results[0], field) for field in fields})


def _struct(kind: str, values: Entry) -> Entry:
    return Struct(f"what {kind}From gives", values, {field: _key(field) for field in values})


def _key(field: str) -> str:
    return "id" if field == "ID" else field[0].lower() + field[1:]


def _value(result: Entry, field: str) -> Any:
    key = _key(field)
    if field in ("CreatorDate", "CreatedAt"):
        return datetime.fromisoformat(result[key]) if result.get(key) else None
    return result.get(key) or ({} if field == "Annotations" else "")


def _chart(entry: Entry) -> Entry | None:
    if not entry.get("versions"):
        return None
    values = {"RepoURL": entry["repoURL"], "Name": entry.get("name") or "", "Version": entry["versions"][0]}
    return _struct("chart", values)


def _artifact(references: list[Entry]) -> Entry | None:
    if not references:
        return None
    return _struct("artifact", {name: references[0].get(field) or {} for name, field in ARTIFACT.items()})
