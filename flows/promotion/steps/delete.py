"""delete: remove files and directories of the working directory; a link itself, never what it leads to."""

import shutil
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import Field, model_validator

from blocks.errors import Invalid, NotFound
from flows.model import Model
from flows.promotion.result import KEPT, StepContext, Succeeded

OUTWARD = False

MOST = 10_000
"""Paths one pattern may match."""


class Config(Model):
    """What to remove."""

    path: str = Field(default="", description="File or directory, relative to the working directory.")
    paths: list[str] = Field(default_factory=list, description="Several of them.")
    paths_are_globs: bool = Field(default=False, description="Whether they are patterns: `*`, `?`, `[…]`, `**`.")
    strict: bool = Field(default=False, description="Whether what is missing is an error.")

    @model_validator(mode="after")
    def _path_or_paths(self) -> Self:
        if bool(self.path) == bool(self.paths) or not all(self.paths):
            raise ValueError("exactly one of 'path' and 'paths' says what to delete")
        return self


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Remove what is there; run twice, the second finds nothing, which is an error only with `strict`."""
    removed = 0
    for pattern in config.paths or [config.path]:
        found = _matches(ctx, pattern) if config.paths_are_globs else _one(ctx, pattern)
        if config.strict and not found:
            raise NotFound(f"there is nothing at {pattern!r} to delete, and the step is strict")
        removed += sum(_remove(path) for path in found)
    return Succeeded(message=f"deleted {removed} files and directories")


def _one(ctx: StepContext, relative: str) -> list[Path]:
    path = _confined(ctx, relative)
    return [path] if path.is_symlink() or path.exists() else []


def _confined(ctx: StepContext, relative: str) -> Path:
    """Resolve all but the last part, so that a link is removed and not its target. Raises Invalid."""
    name = PurePosixPath(relative).name
    if name in ("", ".", ".."):
        raise Invalid(f"path {relative!r} names the working directory or what is above: name something in it")
    parent = ctx.path(str(PurePosixPath(relative).parent))
    ctx.path(str((parent / "_").relative_to(ctx.work_dir.resolve())))
    if name in KEPT:
        raise Invalid(f"path {relative!r} leads into {name!r}, which belongs to Git alone")
    return parent / name


def _matches(ctx: StepContext, pattern: str) -> list[Path]:
    parts = PurePosixPath(inside := pattern.lstrip("/")).parts
    if ".." in parts or not parts:
        raise Invalid(f"pattern {pattern!r} names nothing inside the promotion's working directory")
    root = ctx.work_dir.resolve()
    found: list[Path] = []
    for path in root.glob(inside):
        relative = path.relative_to(root)
        if path == root or KEPT.intersection(relative.parts):
            continue
        found.append(_confined(ctx, str(relative)))
        if len(found) > MOST:
            raise Invalid(f"pattern {pattern!r} matches more than {MOST} paths, the limit")
    return found


def _remove(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    if path.is_symlink() or path.exists():
        path.unlink()
        return True
    return False
