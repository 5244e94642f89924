"""What Argo CD runs that was not promoted."""

from typing import Any

from blocks.records import Application
from flows.promotion.argocd.conditions import status
from flows.promotion.argocd.selection import NAMESPACE, key, label
from flows.warehouse.urls import normalize_image

Json = dict[str, Any]


def drift(
    checks: list[Json], applications: list[Application], images: list[Json], namespace: str = NAMESPACE
) -> list[str]:
    """A sentence for each revision, image and object that is not as promoted; `images` are the Freight's.

    Nothing here is a failure by itself: a person, an autoscaler or another commit may have done it.
    """
    found = {key(application): application for application in applications}
    said: list[str] = []
    for check in checks:
        if application := found.get(f"{check.get('namespace') or namespace}/{check['name']}"):
            said += [*_revisions(application, check.get("desiredRevisions") or []), *_out_of_sync(application)]
    running = [image for each in found.values() for image in (status(each).get("summary") or {}).get("images") or []]
    return said + [sentence for image in images if (sentence := _image(image, running))]


def _revisions(application: Application, desired: list[str]) -> list[str]:
    sync = status(application).get("sync") or {}
    observed = sync.get("revisions") or [sync.get("revision", "")]
    return [
        f"{label(application)} is at revision {got!r}, while {want!r} was promoted"
        for want, got in zip(desired, observed, strict=False)
        if want and got and want != got
    ]


def _out_of_sync(application: Application) -> list[str]:
    if (status(application).get("sync") or {}).get("status") != "OutOfSync":
        return []
    return [f"{label(application)} is OutOfSync: what runs is not what Git says"]


def _image(promoted: Json, running: list[str]) -> str:
    """What runs of a promoted image's repository, if it is not the promoted one. While it rolls out, both run."""
    repository = str(promoted.get("repoURL", ""))
    wanted = normalize_image(repository)
    here = [(tag, digest) for name, tag, digest in map(_split, running) if normalize_image(name) == wanted]
    if not here or any(_same(promoted, tag, digest) for tag, digest in here):
        return ""
    others = ", ".join(sorted({tag or digest for tag, digest in here}))
    return f"image {repository} runs as {others}, while {promoted.get('tag') or promoted.get('digest')} was promoted"


def _same(promoted: Json, tag: str, digest: str) -> bool:
    if digest and promoted.get("digest"):
        return bool(digest == promoted["digest"])
    return not tag or tag == promoted.get("tag")


def _split(image: str) -> tuple[str, str, str]:
    """An image reference as repository, tag and digest; the port of a registry is no tag."""
    rest, _, digest = image.partition("@")
    name, colon, tag = rest.rpartition(":")
    return (name, tag, digest) if colon and "/" not in tag else (rest, "", digest)
