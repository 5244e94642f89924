"""What is kept of an Application that is only watched: little enough to keep thousands, enough to judge health."""

from typing import Any

from blocks.records import Application

AUTHORIZED = "kargo.akuity.io/authorized-stage"
MOST_IMAGES = 200


def key(application: Application) -> str:
    """`<namespace>/<name>`."""
    return f"{application['metadata']['namespace']}/{application['metadata']['name']}"


def slim(application: Application) -> Application:
    """Cut an Application down, its shape kept; what is not there stays away."""
    metadata, spec, status = (application.get(part) or {} for part in ("metadata", "spec", "status"))
    annotations = metadata.get("annotations") or {}
    cut: Application = {
        "metadata": _of(metadata, "namespace", "name", "labels", "uid") | {"annotations": _of(annotations, AUTHORIZED)},
        "spec": _spec(spec),
        "status": _status(status),
    }
    if operation := application.get("operation"):
        cut["operation"] = _operation(operation)
    return cut


def tells_more(before: Application | None, after: Application | None) -> bool:
    """Whether anything happened that somebody may wait for; being looked at again, alone, is nothing."""
    return bool(_told(before) != _told(after))


def _told(cut: Application | None) -> Any:
    if cut is None:
        return None
    status = dict(cut["status"])
    reconciled, finished = status.pop("reconciledAt", ""), status.get("operationState", {}).get("finishedAt", "")
    # Both are UTC in whole seconds, so that their order is that of the texts.
    return cut | {"status": status, "stale": bool(finished) and reconciled < finished}


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if spec.get("source"):
        kept["source"] = _source(spec["source"])
    if spec.get("sources"):
        kept["sources"] = [_source(each) for each in spec["sources"]]
    return kept


def _source(source: dict[str, Any]) -> dict[str, Any]:
    return _of(source, "repoURL", "chart", "targetRevision", "path")


def _status(status: dict[str, Any]) -> dict[str, Any]:
    kept = _of(status, "reconciledAt")
    kept["health"] = _of(status.get("health") or {}, "status")
    kept["sync"] = _of(status.get("sync") or {}, "status", "revision", "revisions")
    kept["conditions"] = [_of(each, "type", "message") for each in status.get("conditions") or []]
    if images := (status.get("summary") or {}).get("images"):
        kept["summary"] = {"images": list(images[:MOST_IMAGES])}
    if state := status.get("operationState"):
        kept["operationState"] = _state(state)
    return kept


def _state(state: dict[str, Any]) -> dict[str, Any]:
    """The message of an operation under way changes all the time and decides nothing."""
    kept = _of(state, "phase", "finishedAt", "startedAt")
    if state.get("phase") != "Running":
        kept |= _of(state, "message")
    kept["operation"] = _operation(state.get("operation") or {})
    if state.get("syncResult") is not None:
        kept["syncResult"] = _of(state["syncResult"], "revision", "revisions")
    return kept


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = _of(operation, "info", "initiatedBy")
    return kept | ({"sync": {}} if operation.get("sync") is not None else {})


def _of(holder: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: holder[name] for name in names if holder.get(name) is not None}
