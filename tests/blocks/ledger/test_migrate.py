"""The schema: built by revisions, the same as the tables say, safe to build by two at once."""

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from blocks.errors import Refused
from blocks.ledger import migrate as module
from blocks.ledger.database import Database
from blocks.ledger.ledger import Ledger
from blocks.ledger.migrate import HEAD, migrate
from blocks.ledger.tables import metadata
from tests.blocks.ledger.worker import answer, spawn


async def test_the_newest_revision_is_the_one_named():
    """`HEAD` is what Alembic finds."""
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_the_migrated_schema_is_what_the_tables_say(empty_url):
    """Alembic finds no difference in tables, columns, types, indices and constraints."""
    database = Database(empty_url)
    await migrate(database)

    async with database.read() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )

    await database.close()
    assert difference == []


async def test_conditions_of_indices_are_what_the_tables_say(empty_url, tmp_path, postgres_server):
    """Which rows a partial index covers, which Alembic does not compare."""
    database = Database(empty_url)
    await migrate(database)
    migrated = await _indices(database)
    async with database.write() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)

    assert migrated == await _indices(database)
    assert sum("WHERE" in index for index in migrated) == 14

    await database.close()


async def _indices(database: Database) -> list[str]:
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    if database.sqlite:
        query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    async with database.read() as connection:
        return sorted((await connection.execute(sa.text(query))).scalars())


async def test_an_up_to_date_ledger_opens_with_one_query(url, count_statements):
    """Opening again asks for the version and nothing else."""
    await (await Ledger.open(url)).close()

    with count_statements() as statements:
        ledger = await Ledger.open(url)

    asked = [s for s in statements if "alembic_version" in s]
    await ledger.close()
    assert asked == ["SELECT version_num FROM alembic_version"]
    assert not [s for s in statements if "CREATE" in s or "ALTER" in s]


async def test_a_newer_ledger_is_refused(url):
    """A schema this version does not know is left alone, with a sentence."""
    ledger = await Ledger.open(url)
    async with ledger.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await ledger.close()

    with pytest.raises(Refused, match=r"newer Drayage.*9999"):
        await Ledger.open(url)


async def test_two_processes_and_two_tasks_migrate_at_once(empty_url):
    """All of them find the ledger ready."""
    processes = [spawn(empty_url, "opened") for _ in range(2)]
    ledgers = await asyncio.gather(*(Ledger.open(empty_url) for _ in range(3)))
    places = {await asyncio.to_thread(answer, process) for process in processes}

    assert places == {ledgers[0].database.where}
    for ledger in ledgers:
        assert await ledger.promotions.list("p") == []
        await ledger.close()


async def test_a_migration_that_was_killed_is_begun_again(empty_url):
    """Its transaction left nothing, so the next opening migrates from the start."""
    database = Database(empty_url)
    await migrate(database)
    async with database.write() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.execute(sa.text("DROP TABLE alembic_version"))
        if not database.sqlite:
            await connection.execute(sa.text("DROP FUNCTION audit_is_append_only"))
    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
            raise ZeroDivisionError

    await migrate(database)

    async with database.read() as connection:
        assert (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar() == HEAD
    await database.close()


async def test_the_trail_is_found_by_what_it_said_before(empty_url):
    """Lines of an older ledger get their places from what they say; afterwards none can be changed again."""
    database = Database(empty_url)
    config = module._config()
    lines = [
        ("Promotion/a", '{"stage": "test", "freight": "f1"}'),
        ("PromotionRequest/b", '{"stage": "test"}'),
        ("Freight/f2", '{"stage": "prod", "promotion": "a"}'),
        ("Stage/prod", '{"origin": "web"}'),
    ]
    if database.sqlite:
        database.path.parent.mkdir(parents=True, exist_ok=True)
        await database.prepare_file()
    async with database.write() as connection:
        config.attributes["connection"] = connection.sync_connection
        await connection.run_sync(lambda _: command.upgrade(config, "0012"))
        for subject, data in lines:
            said = sa.text(
                "INSERT INTO audit (project, type, subject, actor, message, at, data) "
                "VALUES ('p', 'Odd', :subject, 'ann', 'm', '2026-03-01 12:00:00', :data)"
            )
            await connection.execute(said.bindparams(sa.bindparam("data", type_=sa.JSON)), _line(subject, data))
    await migrate(database)

    async with database.read() as connection:
        found = await connection.execute(sa.text("SELECT stage, freight, promotion FROM audit ORDER BY id"))
        assert [tuple(row) for row in found] == [
            ("test", "f1", "a"),
            ("test", "", ""),
            ("prod", "f2", "a"),
            ("prod", "", ""),
        ]
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(sa.text("UPDATE audit SET actor = 'nobody'"))
    await database.close()


def _line(subject, data):
    return {"subject": subject, "data": json.loads(data)}
