"""Bringing a ledger's schema up to date, by Alembic revisions that travel with the package."""

import asyncio
import fcntl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from blocks.errors import NotFound, Refused
from blocks.ledger.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0017"
"""The newest revision. Named here so that an up-to-date ledger opens with one query and without Alembic."""

# Alembic keeps its context in a module: two migrations in one process take turns.
_turn = threading.Lock()


async def migrate(database: Database) -> None:
    """Bring the schema to `HEAD`; two processes may do so at once.

    Raises Refused when a newer Drayage has written the schema.
    """
    if await _version(database) == HEAD:
        return
    async with _in_turn(), _alone(database):
        version = await _version(database)
        if version == HEAD:
            return
        config = _config()
        _refuse_newer(config, version, database.where)
        async with database.write(lock="migrate") as connection:
            config.attributes["connection"] = connection.sync_connection
            await connection.run_sync(lambda _: _upgrade(config))


async def _version(database: Database) -> str | None:
    if database.sqlite and not database.path.is_file():
        return None
    try:
        async with database.read() as connection:
            found: str | None = (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar()
            return found
    except DBAPIError:  # there is no such table yet
        return None


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _refuse_newer(config: "Config", version: str | None, where: str) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise Refused(f"{where} was written by a newer Drayage (schema {version}, this one knows {HEAD}); upgrade it")


def _upgrade(config: "Config") -> None:
    from alembic import command

    command.upgrade(config, "head")


@asynccontextmanager
async def _in_turn() -> AsyncIterator[None]:
    while not _turn.acquire(blocking=False):  # noqa: ASYNC110 - the other migration may be in another event loop
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _turn.release()


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """Keep other processes from creating a SQLite file at once: switching it to WAL does not wait for locks."""
    if not database.sqlite:
        yield
        return
    with await asyncio.to_thread(_open_beside, database) as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        await database.prepare_file()
        yield


def _open_beside(database: Database) -> IO[str]:
    path = database.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        raise NotFound(f"tried to open {database.where}; {error}; check the path and its permissions") from error
