"""Reaching the database: URLs, failures in our words, secrets, transactions."""

import asyncio
import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from blocks.errors import Conflict, Invalid, NotFound, Unauthorized, Unreachable
from blocks.ledger.database import Database
from blocks.ledger.ledger import Ledger
from tests.blocks.ledger.samples import at

SECRET = "hush-hush"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        pytest.param("sqlite:////tmp/x/ledger.db", "the ledger /tmp/x/ledger.db", id="sqlite"),
        pytest.param("sqlite+aiosqlite:///x.db", "the ledger x.db", id="sqlite-with-driver"),
        pytest.param(f"postgresql://u:{SECRET}@db:6000/d", "the ledger 'd' on db:6000", id="postgresql"),
        pytest.param(f"postgresql+asyncpg://u:{SECRET}@db/d?sslmode=require", "the ledger 'd' on db:5432", id="ssl"),
        pytest.param(f"postgres://u:{SECRET}@db/d", "the ledger 'd' on db:5432", id="old-word"),
    ],
)
async def test_a_url_is_read_and_its_password_never_shown(url, where):
    """Both databases' URLs are understood; what is shown has no credentials."""
    database = Database(url)

    assert database.where == where
    assert repr(database) == f"Database({where})"
    assert SECRET not in repr(database)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite://", id="memory"),
        pytest.param("sqlite:///:memory:", id="memory-in-words"),
        pytest.param(f"mysql://u:{SECRET}@db/d", id="another-database"),
        pytest.param(f"{SECRET} is no URL", id="no-url"),
        pytest.param(f"postgresql://u:{SECRET}@db:port/d", id="no-port"),
    ],
)
def test_any_other_url_is_refused_without_repeating_it(url):
    """The sentence says what to give instead."""
    with pytest.raises(Invalid, match="sqlite:///PATH") as caught:
        Database(url)

    assert SECRET not in str(caught.value)


async def test_a_server_that_is_not_there_is_unreachable():
    """Nothing listens: retryable, with the place and without the password."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}") as caught:
            await Ledger.open(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d")

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"password": SECRET}, Unauthorized, id="password"),
        pytest.param({"username": "nobody-known", "password": SECRET}, Unauthorized, id="user"),
        pytest.param({"database": "nowhere"}, NotFound, id="database"),
    ],
)
async def test_a_wrong_url_is_terminal(postgres_url, change, error):
    """Wrong credentials or a missing database need a person."""
    wrong = sa.make_url(postgres_url).set(**change).render_as_string(hide_password=False)

    with pytest.raises(error, match="correct the ledger's URL") as caught:
        await Ledger.open(wrong)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("place", ["folder", "text/ledger.db", "text"])
async def test_a_place_where_no_ledger_can_be(tmp_path: Path, place):
    """A folder, a path below a file, and a file of another kind are each told with the path."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database, but long enough to have a header of its own" * 20)

    with pytest.raises(NotFound, match=f"{place}.*check the path"):
        await Ledger.open(f"sqlite:///{tmp_path / place}")


async def test_a_block_that_raises_leaves_nothing(ledger):
    """A transaction is rolled back as a whole."""
    with pytest.raises(ZeroDivisionError):
        async with ledger.database.write() as connection:
            values = "VALUES ('a', 'o', '2026-01-01 00:00:00.000000')"
            await connection.execute(sa.text(f"INSERT INTO leases (name, owner, until) {values}"))
            raise ZeroDivisionError

    assert await ledger.leases.take("a", "other", at(1), at(0))


async def test_a_fault_of_ours_surfaces_without_its_values(ledger):
    """An error that is no failure of the database is not disguised, and does not print what was written."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        async with ledger.database.write() as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:value)"), {"value": SECRET})

    assert SECRET not in str(caught.value)


async def test_readers_do_not_wait_for_a_writer(ledger):
    """While a transaction writes, others read what was before."""
    async with ledger.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM leases"))
        assert await asyncio.wait_for(ledger.promotions.list("p"), 5) == []


async def test_a_constraint_is_a_conflict(ledger):
    """Who breaks a unique constraint was slower than somebody."""
    line = sa.text("INSERT INTO holds VALUES ('p', 's', 'o', 'f', 'n', 'a', '2026-01-01 00:00:00.000000')")

    with pytest.raises(Conflict, match="look again"):
        async with ledger.database.write() as connection:
            await connection.execute(line)
            await connection.execute(line)


def test_one_ledger_serves_several_event_loops(tmp_path: Path):
    """Each loop gets connections of its own, one after the other as well as at once."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")

    async def use() -> bool:
        ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
        shared = Ledger(database)
        await shared.leases.take("a", "o", at(1), at(0))
        await ledger.close()
        return await shared.leases.take("a", "other", at(1), at(0))

    assert [asyncio.run(use()) for _ in range(2)] == [False, False]


async def test_a_connection_the_server_closed_is_replaced(postgres_ledger_url):
    """After the server has cut every connection the next call works."""
    ledger = await Ledger.open(postgres_ledger_url)
    other = Database(postgres_ledger_url)
    assert await ledger.promotions.list("p") == []
    async with other.write() as connection:
        await connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    assert await ledger.promotions.list("p") == []

    await ledger.close()
    await other.close()


async def test_a_connection_cut_in_the_middle_is_unreachable(postgres_ledger_url):
    """What was going on is retryable."""
    database = Database(postgres_ledger_url)
    with pytest.raises(Unreachable, match="connection broke"):
        async with database.write() as connection:
            await connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            await connection.execute(sa.text("SELECT 1"))
    await database.close()
