"""Between records and rows: columns are named as the records' fields."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

R = TypeVar("R")

BATCH = 5_000
"""Names in one `IN` list: below both databases' limit of 32,766 parameters."""


def columns(table: sa.Table, record: type[Any]) -> list[sa.Column[Any]]:
    """The columns a record is made of."""
    return [table.c[field.name] for field in fields(record)]


def values(record: Any) -> dict[str, Any]:
    """A record's fields as column values."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def read(record: type[R], row: sa.Row[Any]) -> R:
    """Make a record of a row selected by `columns`."""
    return record(**row._mapping)


async def first(connection: AsyncConnection, record: type[R], query: sa.Executable) -> R | None:
    """Run a query by `columns` and return its first record, or None."""
    row = (await connection.execute(query)).first()
    return None if row is None else read(record, row)


async def every(connection: AsyncConnection, record: type[R], query: sa.Executable) -> list[R]:
    """Run a query by `columns` and return its records."""
    return [read(record, row) for row in await connection.execute(query)]


def insert(connection: AsyncConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that knows ON CONFLICT, which the two databases word alike."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def changed(connection: AsyncConnection, statement: sa.Executable) -> bool:
    """Run a statement and say whether it changed a row."""
    return (await connection.execute(statement)).rowcount > 0


def batches(items: Sequence[R]) -> Iterator[Sequence[R]]:
    """Cut a list for `IN`."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
