"""Rendered Kubernetes manifests: taken apart into objects, and the names of their files."""

import re
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from blocks.errors import Invalid

_SEPARATOR = re.compile(r"^---[^\S\n]*(?:#.*)?\n", re.MULTILINE)


@dataclass(frozen=True)
class Manifest:
    """One object as rendered, with what its file is named for."""

    text: str
    api_version: str
    kind: str
    namespace: str
    name: str


def documents(rendered: str, nameless: bool = False) -> list[Manifest]:
    """Take a stream of objects apart; empty documents are left out.

    Raises Invalid for what is no object, and for one without a name unless `nameless` ones may be there.
    """
    texts = [text for text in _SEPARATOR.split(rendered) if text.strip()]
    return [manifest for text in texts if (manifest := _manifest(text, nameless)) is not None]


def _manifest(text: str, nameless: bool) -> Manifest | None:
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise Invalid(f"a rendered document is not valid YAML: {getattr(error, 'problem', '') or 'broken'}") from None
    if loaded is None:
        return None
    metadata = loaded.get("metadata") or {} if isinstance(loaded, dict) else {}
    if not metadata.get("name") and not nameless:
        raise Invalid("a rendered document has no metadata.name, so no file can be named for it; write to one file")
    return Manifest(
        text,
        api_version=str(loaded.get("apiVersion", "")) if isinstance(loaded, dict) else "",
        kind=_safe(str(loaded.get("kind", ""))) if isinstance(loaded, dict) else "",
        namespace=_safe(str(metadata.get("namespace") or "")),
        name=_safe(str(metadata.get("name") or "")),
    )


def _safe(name: str) -> str:
    """Return a name that stays in its directory; RBAC names may hold colons and slashes."""
    return name.replace("/", "_")


def file_name(item: Manifest) -> str:
    """`[namespace-]kind-name.yaml`, as Kargo names files."""
    return "-".join(filter(None, (item.namespace, item.kind, item.name))).lower() + ".yaml"


def file_name_of_helm(item: Manifest, number: int) -> str:
    """`[group-]kind-[namespace-]name.yaml`, as Kargo has it for Helm; without a name `resource-<number>.yaml`."""
    if not item.kind or not item.name:
        return f"resource-{number}.yaml"
    group = _safe(item.api_version.rpartition("/")[0].replace(".", "_"))
    return "-".join(filter(None, (group, item.kind, item.namespace, item.name))).lower() + ".yaml"


def file_name_of_kustomize(item: Manifest, several_namespaces: bool) -> str:
    """`[namespace_][group_]version_kind_name.yaml`; the namespace only where there are several."""
    group, _, version = item.api_version.rpartition("/")
    namespace = item.namespace if several_namespaces else ""
    return "_".join(filter(None, (namespace, group, version, item.kind, item.name))).lower() + ".yaml"
