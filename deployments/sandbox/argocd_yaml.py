"""Reading manifests from a repository's files."""

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Files = Mapping[str, bytes]
"""Contents by path."""

Manifest = dict[str, Any]


class CannotRender(Exception):
    """The Application's source gives no manifests, and why."""


def documents(path: str, content: bytes) -> list[Manifest]:
    """Read all manifests of one file, `List`s unpacked; `CannotRender` for bad YAML or what is no object."""
    try:
        found = [document for document in YAML(typ="safe").load_all(content.decode()) if document is not None]
    except (YAMLError, UnicodeDecodeError) as error:
        raise CannotRender(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    return [manifest for document in found for manifest in _unpacked(path, document)]


def _unpacked(path: str, document: Any) -> list[Manifest]:
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise CannotRender(f"{path} holds a document that is no Kubernetes object: kind and apiVersion are required")
    if document["kind"] == "List":
        return [manifest for item in document.get("items") or [] for manifest in _unpacked(path, item)]
    plain: Manifest = json.loads(json.dumps(document, default=str))  # dates are strings to Kubernetes
    return [plain]
