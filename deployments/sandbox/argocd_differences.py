"""Comparing a live object with the wanted one, but for the fields that `ignoreDifferences` names. Pure."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from deployments.sandbox.argocd_yaml import Manifest

Json = dict[str, Any]


def compared_alike(live: Manifest, wanted: Manifest, ignored: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether both are the same as far as they are looked at."""
    if live == wanted:
        return True
    paths = [path for entry in ignored if _is_about(entry, wanted) for path in _paths(entry)]
    return bool(paths) and _without(live, paths) == _without(wanted, paths)


def _is_about(entry: Mapping[str, Any], manifest: Manifest) -> bool:
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    name = (manifest.get("metadata") or {}).get("name")
    return (
        entry.get("group", "") in ("*", group)
        and entry.get("kind") in ("*", manifest["kind"])
        and entry.get("name") in (None, "", name)
    )


def _paths(entry: Mapping[str, Any]) -> list[list[str]]:
    """JSON pointers, and of jq only plain paths such as `.spec.replicas`."""
    pointers = [str(each).lstrip("/").split("/") for each in entry.get("jsonPointers") or []]
    return pointers + [str(each).lstrip(".").split(".") for each in entry.get("jqPathExpressions") or []]


def _without(manifest: Manifest, paths: Sequence[Sequence[str]]) -> Manifest:
    result = copy.deepcopy(manifest)
    for *parents, last in paths:
        holder: Any = result
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    return result
