"""Where the download steps put what they bring: one file, whole or not at all, and only over another when told so."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

from blocks.errors import Invalid
from flows.promotion.files import draft
from flows.promotion.result import StepContext

LARGEST = 100 * 1024 * 1024
"""Bytes of one download, at most (Kargo)."""

Bring = Callable[[IO[bytes]], Awaitable[str]]
"""Writes what is wanted into a file and returns its digest: `await bring(file)`."""


def target(ctx: StepContext, out_path: str) -> Path:
    """The file to make. Raises Invalid when it cannot be one."""
    path = ctx.path(out_path)
    if path == ctx.work_dir.resolve() or path.is_dir():
        raise Invalid(f"{out_path!r} is a directory: name a file")
    return path


async def put(path: Path, out_path: str, overwrite: bool, bring: Bring) -> str:
    """Bring the file and return its digest. A file that is there stays if it is the same: an earlier attempt made it.

    Raises Invalid when another file is there and may not be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as stream:
        digest = await bring(stream)
        if not overwrite and await asyncio.to_thread(_digest, path) not in ("", digest):
            raise Invalid(f"file {out_path!r} is there already: set allowOverwrite to replace it")
    return digest


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
