"""One ledger database, SQLite or PostgreSQL: connections, transactions and what their failures mean."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from blocks.errors import Invalid
from blocks.ledger.column_types import to_json
from blocks.ledger.failures import FAILURES, translate

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another process's transaction."""
CONNECT_SECONDS = 15
STATEMENT_SECONDS = 60
CONNECTIONS = 15
"""Most connections of one event loop to PostgreSQL; they are opened as they are needed."""


class Database:
    """A database by URL: `sqlite:///path` or `postgresql://user:password@host/name`.

    Each event loop gets connections of its own, so one Database serves flows that run in several loops.
    """

    def __init__(self, url: str) -> None:
        """Read the URL. Raises Invalid when it names neither a SQLite file nor a PostgreSQL database."""
        self._url = _read(url)
        self.sqlite = self._url.get_backend_name() == "sqlite"
        self._engines: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[AsyncEngine, asyncio.Lock]]
        self._engines = WeakKeyDictionary()

    def __repr__(self) -> str:
        """Name the database, never its credentials."""
        return f"Database({self.where})"

    @property
    def where(self) -> str:
        """The database in words, without credentials."""
        if self.sqlite:
            return f"the ledger {self.path}"
        return f"the ledger {self._url.database!r} on {self._url.host or 'localhost'}:{self._url.port or 5432}"

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(self._url.database or "")

    @asynccontextmanager
    async def read(self, snapshot: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads; by `snapshot` all its queries see one moment, as always on SQLite.

        Raises Unreachable, Unavailable or Conflict when the database did not answer, and Unauthorized or
        NotFound when its URL is wrong.
        """
        engine, _ = self._engine()
        async with self._failures(), engine.connect() as connection:
            if snapshot and not self.sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @asynccontextmanager
    async def write(self, lock: str = "", *, shared: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits at the end of the block and rolls back when the block raises.

        `lock` names what must not be written by two transactions at once; those that only rely on it take it
        `shared`, many at once, but none while another writes it. SQLite has one writer anyway;
        in-process writers queue in order instead of polling the file. Raises as `read`.
        """
        engine, turn = self._engine()
        if not self.sqlite:
            async with self._failures(), engine.begin() as connection:
                if lock:
                    take = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
                    await connection.execute(sa.select(take(sa.func.hashtext(lock))))
                yield connection
            return
        async with self._failures(), turn, engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def prepare_file(self) -> None:
        """Let readers and the writer of a SQLite file not block each other (WAL, which the file remembers)."""
        async with self._failures():
            await asyncio.to_thread(_remember_wal, self.path)

    async def close(self) -> None:
        """Close this loop's connections; those of other loops are let go."""
        here = self._engines.pop(asyncio.get_running_loop(), None)
        for engine, _ in self._engines.values():
            engine.sync_engine.dispose(close=False)
        self._engines.clear()
        if here:
            await here[0].dispose()

    def _engine(self) -> tuple[AsyncEngine, asyncio.Lock]:
        loop = asyncio.get_running_loop()
        if loop not in self._engines:
            self._engines[loop] = (self._connectable(), asyncio.Lock())
        return self._engines[loop]

    def _connectable(self) -> AsyncEngine:
        if self.sqlite:
            engine = create_async_engine(
                self._url, json_serializer=to_json, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
            )
            sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
            sa.event.listen(engine.sync_engine, "invalidate", _let_go_sqlite)
            return engine
        return create_async_engine(
            self._url,
            json_serializer=to_json,
            hide_parameters=True,
            pool_pre_ping=True,
            # None beyond these: what the pool opens beyond its size it closes when it is given back, and to open one
            # takes longer than many transactions.
            pool_size=CONNECTIONS,
            max_overflow=0,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": STATEMENT_SECONDS,
                "server_settings": {"application_name": "drayage"},
            },
        )

    @asynccontextmanager
    async def _failures(self) -> AsyncIterator[None]:
        try:
            yield
        except FAILURES as error:
            known = translate(error, self.where)
            if known is None:
                raise
            raise known from error


def _read(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise Invalid("the ledger's URL cannot be read; give sqlite:///PATH or postgresql://USER@HOST/NAME") from None
    if url.drivername in ("sqlite", "sqlite+aiosqlite"):
        if url.database in (None, "", ":memory:"):
            raise Invalid("the ledger needs a file: several connections share it; give sqlite:///PATH")
        return url.set(drivername="sqlite+aiosqlite")
    if url.drivername in ("postgres", "postgresql", "postgresql+asyncpg"):
        return _with_ssl(url.set(drivername="postgresql+asyncpg"))
    raise Invalid(f"the ledger cannot live in {url.drivername!r}; give sqlite:///PATH or postgresql://USER@HOST/NAME")


def _with_ssl(url: URL) -> URL:
    """Read libpq's `sslmode`, which the driver calls `ssl`."""
    mode = url.query.get("sslmode")
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode}) if mode else url


def _remember_wal(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` does, as the block asks.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that turns writer can fail at once however long it may wait, so writers say so first.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _let_go_sqlite(connection: Any, _: Any, __: BaseException | None) -> None:
    # A statement that was cancelled is still open, and with it a connection that is closed would keep its write lock.
    if connection is not None:
        with suppress(asyncio.CancelledError, sqlite3.Error):
            connection.run_async(lambda driver: asyncio.shield(driver.rollback()))
