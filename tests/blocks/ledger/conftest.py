"""Every test of the ledger runs on SQLite and on PostgreSQL."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from blocks.ledger.ledger import Ledger
from tests.blocks.ledger.samples import stock
from tests.servers.postgres import fresh_database, postgres_ledger_url, postgres_server, postgres_url

__all__ = ["postgres_ledger_url", "postgres_server", "postgres_url"]


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty' / 'ledger.db'}"
        return
    async with fresh_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database for one test's ledger."""
    return request.getfixturevalue("sqlite_ledger_url" if request.param == "sqlite" else "postgres_ledger_url")


@pytest_asyncio.fixture
async def ledger(url: str) -> AsyncIterator[Ledger]:
    """An open ledger without content."""
    opened = await Ledger.open(url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def stocked(ledger: Ledger) -> None:
    """Freight for a test's promotions."""
    await stock(ledger)


@pytest.fixture
def count_statements() -> Callable[[], contextlib.AbstractContextManager[list[str]]]:
    """Collect the statements any connection executes, without those that only begin a transaction."""

    @contextlib.contextmanager
    def counting() -> Iterator[list[str]]:
        seen: list[str] = []

        def listen(_: Any, __: Any, statement: str, *___: Any) -> None:
            if not statement.startswith("BEGIN"):
                seen.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", listen)
        try:
            yield seen
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", listen)

    return counting
