"""A ledger on SQLite for each test that asks, copied from one that was migrated once per session."""

import asyncio
import shutil
from pathlib import Path

import pytest

from blocks.ledger.ledger import Ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a ledger that has its tables and nothing in them."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"

    async def build() -> None:
        await (await Ledger.open(f"sqlite:///{path}")).close()

    asyncio.run(build())
    return path


@pytest.fixture
def sqlite_ledger_url(empty_ledger: Path, tmp_path: Path) -> str:
    """The URL of an empty ledger of one's own, in the test's folder."""
    path = tmp_path / "ledger.db"
    shutil.copyfile(empty_ledger, path)
    return f"sqlite:///{path}"
