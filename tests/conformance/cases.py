"""Reads conformance cases: one JSON list per rule, from the copy here or from the folder DRAYAGE_CONFORMANCE names."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = dict[str, Any]


def cases(file: str, only: Callable[[Case], bool] = lambda case: True) -> list[Any]:
    """Return pytest parameters for the cases of a file; quirks of the reference are non-strict expected failures."""
    path = folder() / file
    loaded = json.loads(path.read_text()) if path.exists() else []
    return [pytest.param(case, id=case["id"], marks=_marks(case)) for case in loaded if only(case)]


def folder() -> Path:
    """The folder of case files."""
    return Path(os.environ.get("DRAYAGE_CONFORMANCE") or Path(__file__).parent / "vectors")


def _marks(case: Case) -> list[Any]:
    if case.get("quirk") or "quirk" in case.get("tags", []):
        return [pytest.mark.xfail(reason=str(case.get("quirk") or "quirk of the reference"), strict=False)]
    return []
