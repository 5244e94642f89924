"""State that outlives the process: a JSON file that is replaced as a whole or not at all."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from deployments.sandbox.bell import Bell

COALESCE = 0.05
"""Seconds in which several changes become one write."""


@dataclass
class JsonFile:
    """One file and the function that says what belongs into it."""

    path: Path
    snapshot: Callable[[], Any]
    _written: str = field(default="", repr=False)
    _turn: Lock = field(default_factory=Lock, repr=False)

    def save(self, state: Any) -> None:
        """Write `state` beside the file and rename it into place; an unchanged state costs no write."""
        text = json.dumps(state)
        with self._turn:  # a cancelled `keep_saved` leaves a thread that still writes
            if text == self._written:
                return
            beside = self.path.with_suffix(".tmp")
            beside.write_text(text)
            beside.replace(self.path)
            self._written = text


def load(path: Path) -> Any:
    """Read the file's state; None when there is none yet."""
    return json.loads(path.read_text()) if path.exists() else None


async def save_all(files: Sequence[JsonFile]) -> None:
    """Write every file that changed."""
    for file in files:
        await asyncio.to_thread(file.save, file.snapshot())


async def keep_saved(files: Sequence[JsonFile], bell: Bell) -> None:
    """Write after every change, until cancelled."""
    heard = bell.rings
    while True:
        heard = await bell.wait(heard, timeout=60)
        await asyncio.sleep(COALESCE)
        await save_all(files)
