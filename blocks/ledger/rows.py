"""Between records and rows: columns are named as the records' fields."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
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


async def first(connection: AsyncConnection, record: type[R], query: sa.Executable) -> R | None:
    """Run a query by `columns` and return its first record, or None."""
    row = (await connection.execute(query)).first()
    return None if row is None else record(**row._mapping)


async def every(connection: AsyncConnection, record: Callable[..., R], query: sa.Executable) -> list[R]:
    """Run a query by `columns` and return its records; what has a default may be left out of the columns."""
    found = await connection.execute(query)
    names = tuple(found.keys())
    return [record(**dict(zip(names, row, strict=True))) for row in found]


def insert(connection: AsyncConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that knows ON CONFLICT, which the two databases word alike."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def changed(connection: AsyncConnection, statement: sa.Executable) -> bool:
    """Run a statement and say whether it changed a row."""
    return (await connection.execute(statement)).rowcount > 0


def word(column: sa.Column[Any], *words: Any) -> sa.ColumnElement[bool]:
    """Whether a column has one of some words, in the order given, which are written out in the statement.

    SQLite uses a partial index only for a condition that is worded as the index's own.
    """
    if len(words) == 1:
        return column == sa.bindparam(None, words[0], literal_execute=True, unique=True)
    return column.in_(sa.bindparam(None, list(words), expanding=True, literal_execute=True, unique=True))


def given(
    connection: AsyncConnection, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], lines: Sequence[Any]
) -> sa.CTE:
    """A table of given values, text, truths and times, as one parameter however many lines there are."""
    text = sa.literal(json.dumps([[_plain(each, connection) for each in line] for line in lines]), sa.Text)
    if connection.dialect.name == "sqlite":
        line = sa.func.json_each(text).table_valued("value", name=f"{name}_lines").c.value
        read = [sa.func.json_extract(line, f"$[{place}]") for place in range(len(columns))]
        typed: list[sa.ColumnElement[Any]] = [
            sa.type_coerce(each, kind) for each, kind in zip(read, columns.values(), strict=True)
        ]
    else:
        lines_of = sa.func.json_array_elements(sa.cast(text, sa.JSON)).table_valued("value", name=f"{name}_lines")
        read = [sa.func.json_extract_path_text(lines_of.c.value, str(place)) for place in range(len(columns))]
        typed = [sa.cast(each, kind) for each, kind in zip(read, columns.values(), strict=True)]
    table = sa.select(*(each.label(column) for each, column in zip(typed, columns, strict=True))).cte(name)
    # PostgreSQL would read the text again wherever a value is compared.
    return table.prefix_with("MATERIALIZED", dialect="postgresql")


def _plain(value: Any, connection: AsyncConnection) -> Any:
    """A value as JSON, times as the database writes them."""
    if not isinstance(value, datetime):
        return value
    there = value.astimezone(UTC)
    if connection.dialect.name == "sqlite":
        return there.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return there.isoformat()


def batches(items: Sequence[R]) -> Iterator[Sequence[R]]:
    """Cut a list for `IN`."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
