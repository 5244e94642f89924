"""Container images inside manifests: finding them, taking references apart, swapping them."""

from collections.abc import Callable, Set
from typing import Any

CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def split(reference: str) -> tuple[str, str]:
    """Split a reference into its name and the rest, which is empty or begins with ':' or '@'."""
    name, at, digest = reference.partition("@")
    slash = name.rfind("/")
    colon = name.find(":", slash + 1)
    return (name, at + digest) if colon < 0 else (name[:colon], name[colon:] + at + digest)


def tag_of(reference: str) -> str:
    """Name the tag, else the digest, else `latest`."""
    rest = split(reference)[1]
    tag, _, digest = rest.removeprefix(":").partition("@") if rest.startswith(":") else ("", "", rest.removeprefix("@"))
    return tag or digest or "latest"


def images_of(node: Any) -> set[str]:
    """Collect the images of every container anywhere in a manifest."""
    found: set[str] = set()

    def note(image: str) -> str:
        found.add(image)
        return image

    replaced(node, note)
    return found


def replaced(node: Any, swap: Callable[[str], str], key: str = "") -> Any:
    """Copy a manifest with every container's image passed through `swap`."""
    if isinstance(node, list):
        return [replaced(item, swap, key) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {name: replaced(value, swap, name) for name, value in node.items()}
    if key in CONTAINERS and isinstance(copy.get("image"), str):
        copy["image"] = swap(copy["image"])
    return copy


def is_marked(image: str, marks: Set[str]) -> bool:
    """Say whether an image is among the marked ones, which may leave out the registry's host."""
    return any(image == mark or image.endswith(f"/{mark}") for mark in marks)
