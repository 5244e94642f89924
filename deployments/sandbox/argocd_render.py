"""What a path of a commit, or a chart, deploys: plain YAML, a small kustomization, a small chart."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.argocd_helm import Release, render_chart
from deployments.sandbox.argocd_kustomize import KUSTOMIZATIONS, build, swapped
from deployments.sandbox.argocd_yaml import CannotRender, Files, Manifest, documents
from deployments.sandbox.image_reference import split

__all__ = ["CannotRender", "Rendered", "render"]


@dataclass(frozen=True)
class Rendered:
    """The manifests of one source, and what Argo CD calls the kind of source."""

    manifests: tuple[Manifest, ...]
    source_type: str


def render(files: Files, source: Mapping[str, Any], release: Release | None = None) -> Rendered:
    """Render one source of an Application from a commit's or a chart's files; `CannotRender` with the reason."""
    folder = posixpath.normpath(str(source.get("path") or "."))
    if folder.startswith(("..", "/")):
        raise CannotRender(f"path {folder!r} leaves the repository")
    inside = [path for path in files if folder == "." or path.startswith(f"{folder}/")]
    if not inside:
        raise CannotRender(f"path {folder!r} does not exist at this revision")
    here = {path for path in inside if posixpath.dirname(path) == ("" if folder == "." else folder)}
    names = {posixpath.basename(path) for path in here}
    if "Chart.yaml" in names:
        return Rendered(render_chart(files, folder, source, release or Release()), "Helm")
    if names.isdisjoint(KUSTOMIZATIONS):
        recurse = (source.get("directory") or {}).get("recurse", False)
        return Rendered(_plain(files, inside if recurse else here), "Directory")
    images = (source.get("kustomize") or {}).get("images") or []
    return Rendered(tuple(swapped(build(files, folder), [_override(str(text)) for text in images])), "Kustomize")


def _plain(files: Files, paths: Any) -> tuple[Manifest, ...]:
    manifests = (path for path in sorted(paths) if path.endswith((".yaml", ".yml", ".json")))
    return tuple(manifest for path in manifests for manifest in documents(path, files[path]))


def _override(text: str) -> dict[str, str]:
    """Read `[old=]new[:tag|@digest]`, as Applications override a kustomization's images."""
    old, _, new = text.rpartition("=")
    name, rest = split(new)
    entry = {"name": old or name, "newName": name}
    tag, _, digest = rest.partition("@")
    return entry | ({"newTag": tag[1:]} if tag else {}) | ({"digest": digest} if digest else {})
