"""copy: copy a file or a directory within the working directory, over what is there.

`.git` and symbolic links are never copied, and nothing is written through a link.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec
from pydantic import Field

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

MOST_FILES = 100_000
"""Files of one copy, at most."""


class Config(Model):
    """What to copy where."""

    in_path: str = Field(min_length=1, description="File or directory, relative to the working directory.")
    out_path: str = Field(min_length=1, description="Its copy; directories are merged, files overwritten.")
    ignore: str = Field(default="", description="What to leave out, as the text of a .gitignore.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Copy what is not ignored."""
    source, target = ctx.path(config.in_path), ctx.path(config.out_path)
    if not source.exists():
        raise NotFound(f"there is no file or directory {config.in_path!r} to copy")
    if source.is_dir() and source in target.parents:
        raise Invalid(f"{config.out_path!r} is inside {config.in_path!r}: a directory cannot be copied into itself")
    root = source if source.is_dir() else source.parent
    # The rule about .git is ours, so a later `!.git` does not bring it back.
    ignored = GitIgnoreSpec.from_lines([*config.ignore.splitlines(), ".git"])
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    copied = 0
    for copied, path in enumerate(_files(source, root, ignored), 1):
        if copied > MOST_FILES:
            raise Refused(f"{config.in_path!r} holds more than {MOST_FILES} files, the limit of one copy")
        _copy(path, target / path.relative_to(source) if source.is_dir() else target, ctx)
    return Succeeded(message=f"copied {copied} files")


def _files(path: Path, root: Path, ignored: GitIgnoreSpec) -> Iterator[Path]:
    """Walk in order; an ignored directory is not entered, as with Git."""
    relative = path.relative_to(root).as_posix()
    if path.is_symlink() or (path != root and ignored.match_file(f"{relative}/" if path.is_dir() else relative)):
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _files(child, root, ignored)
    elif path.is_file():
        yield path


def _copy(source: Path, target: Path, ctx: StepContext) -> None:
    inside = ctx.path(str(target.relative_to(ctx.work_dir.resolve())))
    if inside != target or target.is_symlink():
        raise Refused(f"{target.name!r} lies behind a symbolic link: nothing is written through one")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
