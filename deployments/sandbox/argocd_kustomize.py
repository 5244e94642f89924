"""The few words of kustomize that GitOps examples live on: resources, images, namespace, name prefix and suffix."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from deployments.sandbox.argocd_yaml import CannotRender, Files, Manifest, documents
from deployments.sandbox.image_reference import replaced, split

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
DEPTH_LIMIT = 20
WORDS = {"apiVersion", "kind", "metadata", "resources", "images", "namespace", "namePrefix", "nameSuffix"}


def build(files: Files, folder: str, depth: int = 0) -> list[Manifest]:
    """Render the kustomization in a folder with the ones it rests on; `CannotRender` for words not known here."""
    if depth > DEPTH_LIMIT:
        raise CannotRender(f"kustomizations rest on each other more than {DEPTH_LIMIT} deep at {folder!r}")
    path = next((path for name in KUSTOMIZATIONS if (path := _join(folder, name)) in files), None)
    if path is None:
        raise CannotRender(f"{folder!r} holds no kustomization")
    kustomization = _read(path, files[path])
    found = [item for entry in kustomization.get("resources") or [] for item in _resource(files, folder, entry, depth)]
    return swapped([_renamed(item, kustomization) for item in found], kustomization.get("images") or [])


def swapped(manifests: Sequence[Manifest], images: Sequence[Mapping[str, str]]) -> list[Manifest]:
    """Swap images by entries of `name`, `newName`, `newTag` and `digest`."""
    result = list(manifests)
    for entry in images:
        result = [replaced(manifest, _swap(entry)) for manifest in result]
    return result


def _swap(entry: Mapping[str, str]) -> Callable[[str], str]:
    """Build the function that swaps one image."""

    def swap(image: str) -> str:
        name, rest = split(image)
        if name != entry.get("name"):
            return image
        if entry.get("digest"):
            rest = f"@{entry['digest']}"
        elif entry.get("newTag"):
            rest = f":{entry['newTag']}"
        return f"{entry.get('newName') or name}{rest}"

    return swap


def _resource(files: Files, folder: str, entry: Any, depth: int) -> list[Manifest]:
    path = _join(folder, str(entry))
    if path in files:
        return documents(path, files[path])
    if any(file.startswith(f"{path}/") for file in files):
        return build(files, path, depth + 1)
    raise CannotRender(f"resource {entry!r} of the kustomization in {folder!r} does not exist")


def _renamed(manifest: Manifest, kustomization: Mapping[str, Any]) -> Manifest:
    metadata = dict(manifest.get("metadata") or {})
    if "name" in metadata:
        before, after = kustomization.get("namePrefix", ""), kustomization.get("nameSuffix", "")
        metadata["name"] = f"{before}{metadata['name']}{after}"
    if kustomization.get("namespace"):
        metadata["namespace"] = kustomization["namespace"]
    return manifest | {"metadata": metadata}


def _read(path: str, content: bytes) -> dict[str, Any]:
    try:
        kustomization = YAML(typ="safe").load(content.decode()) or {}
    except (YAMLError, UnicodeDecodeError) as error:
        raise CannotRender(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(kustomization, dict):
        raise CannotRender(f"{path} is no kustomization: it must be an object")
    if unknown := sorted(kustomization.keys() - WORDS):
        known = ", ".join(sorted(WORDS))
        raise CannotRender(f"{path} uses {', '.join(unknown)}; the sandbox's kustomize knows: {known}")
    return kustomization


def _join(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name))
