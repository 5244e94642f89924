"""How results look: tables for people, JSON and YAML in Kargo's shapes for programs."""

import io
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from blocks.ledger.records import PromotionRecord

Json = dict[str, Any]
FORMATS = ("table", "json", "yaml")


def check_format(output: str) -> None:
    """End with 2 when the format is unknown."""
    if output not in FORMATS:
        raise typer.BadParameter(f"{output!r} is none of {', '.join(FORMATS)}", param_hint="--output")


def print_objects(objects: Sequence[Json], output: str, *, single: bool) -> None:
    """Print Kargo-shaped objects as JSON or YAML: one alone, or a list under `items`."""
    shape: Json = objects[0] if single else {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    if output == "json":
        print(json.dumps(shape, indent=2, ensure_ascii=False))
        return
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(json.loads(json.dumps(shape)), text)
    print(text.getvalue(), end="")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print a plain table, wide enough for a pipe to cut nothing."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 1000
    console.print(table, soft_wrap=not console.is_terminal)


def say_phase(record: "PromotionRecord") -> None:
    """Tell a person who waits what a Promotion has come to."""
    print(
        f"{record.kind.lower()}/{record.name} {record.phase}" + (f": {record.message}" if record.message else ""),
        file=sys.stderr,
    )
