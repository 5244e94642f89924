"""Reads manifests from files, directories and standard input, document by document, with the line of every path."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path as FilePath
from typing import Any, BinaryIO

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from deployments.manifests.problem import Path, Problem, path_text
from deployments.manifests.tree import Tree, TreeError, trees

LARGEST_FILE = 4 * 1024 * 1024
MOST_DOCUMENTS = 2_000
MOST_FILES = 10_000
SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "stdin"

_MARKER = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_NOTHING = re.compile(r"\s*(?:[#%][^\n]*\s*)*")


@dataclass(frozen=True)
class Document:
    """One object of one file. `index` counts the file's documents from 1; `root` leads into a `kind: List`.

    `data` may hold secrets and stays out of the repr.
    """

    file: str
    index: int
    line: int
    data: dict[str, Any] = field(repr=False)
    lines: dict[Path, int] = field(repr=False)
    root: Path = ()

    @property
    def title(self) -> str:
        """Which document this is, for people: `document 3 (Stage/prod)`."""
        metadata = self.data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        named = "/".join(str(part) for part in (self.data.get("kind"), name) if isinstance(part, str) and part)
        return f"document {self.index} ({named})" if named else f"document {self.index}"

    def problem(self, path: Path, message: str) -> Problem:
        """Say what is wrong at a path, on its line or that of the nearest place above it."""
        whole = (*self.root, *path)
        known = (self.lines[whole[:end]] for end in range(len(whole), 0, -1) if whole[:end] in self.lines)
        return Problem(self.file, next(known, self.line), self.title, path_text(whole), message)


def read(paths: Iterable[str], stdin: BinaryIO | None = None) -> tuple[list[Document], list[Problem]]:
    """Read every document of every path; a directory stands for its manifests, recursively, `-` for standard input.

    Never raises for what is in the files: problems come back beside the documents that could be read.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for file, content in _contents(paths, stdin):
        if isinstance(content, Problem):
            problems.append(content)
            continue
        for found in _documents(file, content):
            (problems if isinstance(found, Problem) else documents).append(found)  # type: ignore[arg-type]
    return documents, problems


def _contents(paths: Iterable[str], stdin: BinaryIO | None) -> Iterator[tuple[str, str | Problem]]:
    seen: set[FilePath] = set()
    for path in paths:
        if path == "-":
            yield STDIN, _text(STDIN, stdin.read(LARGEST_FILE + 1) if stdin else b"")
            continue
        files = _files(FilePath(path))
        for file in files:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield str(file), _read(file)
        if not files:
            yield path, _whole(path, f"holds no manifests, expected files ending in {', '.join(SUFFIXES)}, add some")


def _files(path: FilePath) -> list[FilePath]:
    if not path.is_dir():
        return [path]
    found = (each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
    return sorted(each for each, _ in zip(found, range(MOST_FILES), strict=False))


def _read(file: FilePath) -> str | Problem:
    try:
        with file.open("rb") as stream:
            return _text(str(file), stream.read(LARGEST_FILE + 1))
    except OSError as error:
        return _whole(str(file), f"cannot be read ({error.strerror}), expected a manifest, check path and permissions")


def _text(file: str, content: bytes) -> str | Problem:
    if len(content) > LARGEST_FILE:
        return _whole(file, f"is larger than {LARGEST_FILE // 1024**2} MiB, expected less, split the file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(file, line, "", "", "holds bytes that are not UTF-8, expected UTF-8 text, convert the file")


def _whole(file: str, message: str) -> Problem:
    return Problem(file, 1, "", "", message)


def _documents(file: str, text: str) -> Iterator[Document | Problem]:
    for index, (line, chunk) in enumerate(_chunks(text), 1):
        if index > MOST_DOCUMENTS:
            yield Problem(
                file, line + 1, "", "", f"holds more than {MOST_DOCUMENTS} documents, expected fewer, split the file"
            )
            return
        yield from _chunk(file, index, line, chunk)


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Cut at document markers, which YAML allows nowhere else, so that one broken document leaves the others whole."""
    starts = [marker.start() for marker in _MARKER.finditer(text)]
    ends = [*starts[1:], len(text)] if starts else []
    if _NOTHING.fullmatch(text, 0, starts[0] if starts else len(text)) is None:
        ends.insert(0, starts[0] if starts else len(text))
        starts.insert(0, 0)
    line, counted = 0, 0
    for start, end in zip(starts, ends, strict=True):
        line, counted = line + text.count("\n", counted, start), start
        yield line, text[start:end]


def _chunk(file: str, index: int, offset: int, chunk: str) -> Iterator[Document | Problem]:
    try:
        for tree in _trees(chunk):
            yield from _objects(file, index, offset, tree)
    except TreeError as error:
        yield Problem(file, offset + error.line + 1, f"document {index}", "", str(error))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        yield Problem(file, offset + line + 1, f"document {index}", "", _syntax(error, chunk, line))
    except YAMLError:
        message = "holds characters that YAML does not allow, expected printable text, remove them"
        yield Problem(file, offset + 1, f"document {index}", "", message)


def _trees(chunk: str) -> list[Tree]:
    """Parse quickly; what the quick parser minds (it knows no `{a: https://b}`) the thorough one decides."""
    try:
        return list(trees(YAML(typ="safe").parse(StringIO(chunk))))
    except MarkedYAMLError:
        return list(trees(YAML(typ="safe", pure=True).parse(StringIO(chunk))))


def _syntax(error: MarkedYAMLError, chunk: str, line: int) -> str:
    """Say what YAML minds, without quoting the document: it may be a Secret."""
    lines = chunk.splitlines()
    if line < len(lines) and "\t" in lines[line][: len(lines[line]) - len(lines[line].lstrip()) + 1]:
        return "a tab, expected spaces, YAML does not indent with tabs"
    what = re.sub(r"'[^'\s]{2,}'|\"[^\"\s]{2,}\"", "this text", str(error.problem or "something unexpected"))
    return f"is not YAML ({what}), expected well-formed YAML, correct the syntax"


def _objects(file: str, index: int, offset: int, tree: Tree) -> Iterator[Document | Problem]:
    if tree.data is None:
        return
    lines = {path: offset + line + 1 for path, line in tree.lines.items()}
    whole = Document(file, index, offset + tree.line + 1, tree.data if isinstance(tree.data, dict) else {}, lines)
    for path, line, first in tree.repeated:
        message = f"is given twice, first on line {offset + first + 1}, expected once, remove one of them"
        yield Problem(file, offset + line + 1, whole.title, path_text(path), message)
    if not isinstance(tree.data, dict):
        yield whole.problem((), "is no mapping, expected an object with apiVersion and kind, write one")
        return
    yield from _infinities(whole)
    yield from _items(whole) if tree.data.get("kind") == "List" else [whole]


def _items(whole: Document) -> Iterator[Document | Problem]:
    items = whole.data.get("items")
    if not isinstance(items, list):
        yield whole.problem(("items",), "is no list, expected the objects of the List, add them")
        return
    for position, item in enumerate(items):
        root: Path = ("items", position)
        line = whole.lines.get(root, whole.line)
        if isinstance(item, dict):
            yield Document(whole.file, whole.index, line, item, whole.lines, root)
        else:
            yield whole.problem(root, "is no mapping, expected an object with apiVersion and kind, write one")


def _infinities(whole: Document) -> Iterator[Problem]:
    """Find numbers that JSON, and so Kubernetes, cannot hold; only very large exponents lead there."""
    pending: list[tuple[Path, Any]] = [((), whole.data)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, float) and not math.isfinite(value):
            yield whole.problem(path, "is too large a number, expected one JSON can hold, put it in quotes")
        elif isinstance(value, dict):
            pending += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            pending += [((*path, position), each) for position, each in enumerate(value)]
