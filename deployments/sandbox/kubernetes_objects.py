"""The rules of one Application object: what the API server checks, fills in and keeps."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from deployments.sandbox.kubernetes_errors import StatusError

Object = dict[str, Any]
API_VERSION = "argoproj.io/v1alpha1"
KIND = "Application"
KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "generation", "resourceVersion", "namespace")
"""Metadata that only the server writes."""

TYPES: dict[str, type] = {
    "spec.destination": dict,
    "spec.source": dict,
    "spec.sources": list,
    "spec.syncPolicy": dict,
    "spec.syncPolicy.automated": dict,
    "operation": dict,
    "operation.sync": dict,
    "status": dict,
    "status.operationState": dict,
    "status.history": list,
}
"""Types of the fields that the controller reads."""

NOUNS: dict[type, str] = {dict: "an object", list: "a list"}


def timestamp(when: datetime) -> str:
    """Write a time as Kubernetes does: UTC, whole seconds."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def check(item: Mapping[str, Any], namespace: str) -> None:
    """Refuse what the real server refuses: other kinds, bad names, Applications without project or destination."""
    metadata, spec = item.get("metadata"), item.get("spec")
    if item.get("apiVersion") != API_VERSION or item.get("kind") != KIND:
        raise StatusError("BadRequest", f"the object must have apiVersion {API_VERSION} and kind {KIND}")
    if not isinstance(metadata, dict) or metadata.get("namespace", namespace) != namespace:
        raise StatusError("BadRequest", f"the object's namespace does not match the request's, {namespace!r}")
    name = str(metadata.get("name", ""))
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name):
        raise StatusError("Invalid", f"metadata.name: {name!r} is no lower case RFC 1123 subdomain", name)
    missing = [field for field in ("project", "destination") if not isinstance(spec, dict) or field not in spec]
    if missing:
        raise StatusError("Invalid", f"Application {name!r} is invalid: spec.{missing[0]}: Required value", name)
    _check_strings(metadata, name)
    _check_types(item, name)


def _check_strings(metadata: Mapping[str, Any], name: str) -> None:
    for field in ("labels", "annotations"):
        values = metadata.get(field) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise StatusError("BadRequest", f"metadata.{field} must map strings to strings", name)


def _check_types(item: Mapping[str, Any], name: str) -> None:
    for path, kind in TYPES.items():
        value: Any = item
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and not isinstance(value, kind):
            raise StatusError("Invalid", f"Application {name!r} is invalid: {path}: must be {NOUNS[kind]}", name)


def created(item: Object, namespace: str, uid: str, now: datetime) -> Object:
    """Fill in what the server gives a new object."""
    given = {key: value for key, value in item["metadata"].items() if key not in KEPT}
    own = {"namespace": namespace, "uid": uid, "creationTimestamp": timestamp(now), "generation": 1}
    return item | {"metadata": given | own}


def updated(item: Object, old: Object) -> Object:
    """Keep what only the server writes; the generation counts changes outside metadata."""
    given = {key: value for key, value in item["metadata"].items() if key not in KEPT}
    kept = {key: old["metadata"][key] for key in KEPT if key in old["metadata"]}
    new = item | {"metadata": given | kept}
    if _body(new) != _body(old):
        new["metadata"]["generation"] += 1
    return new


def _body(item: Object) -> Object:
    return {key: value for key, value in item.items() if key != "metadata"}
