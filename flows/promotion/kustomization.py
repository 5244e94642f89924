"""Looks through a kustomization, and all it is made of, for files outside the working directory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from blocks.errors import Invalid, Refused
from flows.promotion.files import check_links

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MOST = 2000
"""Directories and plugin files of one build, at most."""

_PLUGINS = ("generators", "transformers", "validators")
_NO_PATHS = (
    *("commonAnnotations", "commonLabels", "labels", "metadata", "literals", "images", "replicas"),
    *("namespace", "namePrefix", "nameSuffix", "patch", "target", "valuesInline", "options"),
)
"""Keys below which no text is a path."""


def check_confined(directory: Path, work_dir: Path) -> None:
    """Raise Refused when the build would read a file outside `work_dir`, also through a symbolic link."""
    waiting, seen = [directory], set[Path]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if len(seen) > MOST:
            raise Refused(f"the kustomization in {directory.name!r} is made of more than {MOST} parts, the limit")
        waiting += _parts(current, work_dir)


def _parts(current: Path, work_dir: Path) -> Iterator[Path]:
    """Find what has to be looked through next: directories, and files that configure plugins."""
    if current.is_dir():
        check_links(current, work_dir)
    files = [current] if current.is_file() else [current / name for name in FILES if (current / name).is_file()]
    for file in files:
        for key, text in _texts(_inside(file, work_dir), ""):
            path = _existing(file.parent, text)
            if path is None:
                continue
            if path != work_dir and work_dir not in path.parents:
                raise Refused(f"{file.name!r} in {file.parent.name!r} names {text!r}, which is outside the promotion")
            if path.is_dir() or key in _PLUGINS:
                yield path


def _inside(file: Path, work_dir: Path) -> Any:
    resolved = file.resolve()
    if work_dir not in resolved.parents:
        raise Refused(f"{file.name!r} in {file.parent.name!r} is a link to a file outside the promotion")
    try:
        return list(YAML(typ="safe", pure=True).load_all(resolved.read_text()))
    except (YAMLError, UnicodeDecodeError):
        raise Invalid(f"{file.name!r} in {file.parent.name!r} is not valid YAML") from None


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Walk over all texts that may be paths, each with the nearest key above it."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name not in _NO_PATHS:
                yield from _texts(below, str(name))
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below, key)
    elif isinstance(value, str):
        yield key, value


def _existing(directory: Path, text: str) -> Path | None:
    """Return where a text leads if it leads anywhere; `name=path` is how generators name files."""
    for candidate in (text, text.partition("=")[2]):
        if candidate and "\n" not in candidate and "\0" not in candidate and len(candidate) < 1024:
            path = directory / candidate
            if path.exists() or path.is_symlink():
                return path.resolve()
    return None
