"""Reads and writes files of the working directory: bounded, and whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pathspec import GitIgnoreSpec

from blocks.errors import Invalid, NotFound, Refused
from flows.promotion.result import StepContext

LARGEST = 16 * 1024 * 1024
"""Bytes of the largest file a step reads into memory."""

MOST_FILES = 100_000
"""Files of one copy or archive, at most."""


def read_text(ctx: StepContext, relative: str) -> str:
    """Read a UTF-8 file of the working directory. Raises NotFound, or Invalid when it is too large or no text."""
    path = ctx.path(relative)
    if not path.is_file():
        raise NotFound(f"there is no file {relative!r} in the promotion's working directory")
    if path.stat().st_size > LARGEST:
        raise Invalid(f"file {relative!r} is larger than {LARGEST} bytes, the limit")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise Invalid(f"file {relative!r} is not UTF-8 text") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace or make a file in one move, so that nobody sees half of it; an existing file keeps its mode."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    with draft(path) as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), mode)


@contextmanager
def draft(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place when the block ends, and goes when the block raises."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".drayage-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def ignore_spec(text: str) -> GitIgnoreSpec:
    """Read the text of a .gitignore. That `.git` is left out is our rule, which no `!.git` lifts."""
    return GitIgnoreSpec.from_lines([*text.splitlines(), ".git"])


def files_below(path: Path, root: Path, ignored: GitIgnoreSpec) -> Iterator[Path]:
    """Walk over files in order, links left out; an ignored directory is not entered, as with Git."""
    relative = path.relative_to(root).as_posix()
    if path.is_symlink() or (path != root and ignored.match_file(f"{relative}/" if path.is_dir() else relative)):
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from files_below(child, root, ignored)
    elif path.is_file():
        yield path


def check_links(directory: Path, work_dir: Path) -> None:
    """Raise Refused for a link that leads outside, wherever below: charts and plugins read what no text names."""
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = Path(parent, name)
            if path.is_symlink() and work_dir not in path.resolve().parents:
                raise Refused(f"{name!r} in {Path(parent).name!r} is a link to something outside the promotion")
