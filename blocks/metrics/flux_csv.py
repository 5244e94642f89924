"""Annotated CSV, in which InfluxDB answers Flux queries: tables with a line each for data types and defaults."""

import csv
from collections.abc import Callable, Iterator
from typing import Any

READ: dict[str, Callable[[str], Any]] = {
    "double": float,
    "long": int,
    "unsignedLong": int,
    "boolean": lambda text: {"true": True, "false": False}[text],
}
"""Values of other types stay text."""


class FluxError(Exception):
    """What InfluxDB says when a query fails after its answer has begun."""


def column(text: str, name: str) -> Iterator[Any]:
    """Yield one column of all tables; None where a row, or its table, has no value.

    Raises FluxError, and ValueError for what is no annotated CSV.
    """
    types: list[str] = []
    defaults: list[str] = []
    header: list[str] | None = None
    for row in csv.reader(text.splitlines(), strict=True):
        if not row:
            header = None
        elif row[0] == "#datatype":
            types, defaults, header = row, [""] * len(row), None
        elif row[0] == "#default":
            defaults = row
        elif row[0].startswith("#"):
            continue
        elif header is None:
            header = _checked(row, types)
        else:
            cells = dict(zip(header, zip(row, types, defaults, strict=True), strict=True))
            if "error" in cells and "reference" in cells:
                raise FluxError(cells["error"][0])
            yield _value(*cells[name]) if name in cells else None


def _checked(row: list[str], types: list[str]) -> list[str]:
    if len(row) == len(types) or {"error", "reference"} <= set(row):
        return row
    raise ValueError("columns without types")


def _value(cell: str, type_: str, default: str) -> Any:
    text = cell or default
    if not text and type_ != "string":
        return None
    try:
        return READ.get(type_, str)(text)
    except KeyError:
        raise ValueError(text) from None
