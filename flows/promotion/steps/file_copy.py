"""copy: copy a file or a directory within the working directory, over what is there.

`.git` and symbolic links are never copied, and nothing is written through a link.
"""

import shutil
from pathlib import Path

from pydantic import Field

from blocks.errors import Invalid, NotFound, Refused
from flows.model import Model
from flows.promotion.files import MOST_FILES, files_below, ignore_spec
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False


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
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    copied = 0
    for copied, path in enumerate(files_below(source, root, ignore_spec(config.ignore)), 1):
        if copied > MOST_FILES:
            raise Refused(f"{config.in_path!r} holds more than {MOST_FILES} files, the limit of one copy")
        _copy(path, target / path.relative_to(source) if source.is_dir() else target, ctx)
    return Succeeded(message=f"copied {copied} files")


def _copy(source: Path, target: Path, ctx: StepContext) -> None:
    inside = ctx.path(str(target.relative_to(ctx.work_dir.resolve())))
    if inside != target or target.is_symlink():
        raise Refused(f"{target.name!r} lies behind a symbolic link: nothing is written through one")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
