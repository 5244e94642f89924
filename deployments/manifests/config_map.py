"""ConfigMaps, which become Prefect variables."""

from dataclasses import dataclass, field
from typing import Any

from blocks.config_maps import MOST_BYTES, too_large
from deployments.manifests.metadata import ObjectMeta
from deployments.manifests.problem import Path


@dataclass(frozen=True)
class ConfigMapSpec:
    """Texts by key, read in expressions by `configMap(name)`."""

    project: str
    name: str
    data: dict[str, str] = field(default_factory=dict)


def read_config_map(metadata: ObjectMeta, data: dict[str, Any]) -> tuple[ConfigMapSpec | None, list[tuple[Path, str]]]:
    """Read a ConfigMap, or return everything wrong with it."""
    entries = data.get("data") or {}
    problems: list[tuple[Path, str]] = []
    if data.get("binaryData"):
        problems.append((("binaryData",), "binary values are not available yet; remove the field"))
    if not isinstance(entries, dict):
        problems.append((("data",), "is no mapping, expected keys with values, write 'key: value' lines"))
    else:
        wrong = [key for key, value in entries.items() if not isinstance(value, str | None)]
        problems += [(("data", key), "is no string, expected one, put it in quotes") for key in wrong]
    if problems:
        return None, problems
    if too_large(metadata.namespace or "", metadata.name, {k: v or "" for k, v in entries.items()}):
        limit = f"expected at most {MOST_BYTES} characters as JSON, split it into several ConfigMaps"
        return None, [(("data",), f"is too large for a Prefect variable, {limit}")]
    return ConfigMapSpec(metadata.namespace or "", metadata.name, {k: v or "" for k, v in entries.items()}), []
