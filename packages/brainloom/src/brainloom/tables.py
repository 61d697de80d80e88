"""What the commands have in common: tables, JSON, and warnings that a table says anyway."""

import json
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

__all__ = ["AsJson", "Row", "quiet_plugin_warnings", "show"]

Row = dict[str, Any]  # of a table: what to show, by column

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show(rows: Sequence[Row], as_json: bool, columns: Sequence[str] | None = None) -> None:
    """Print rows as a table, or whole as JSON.

    Args:
        rows: Values by column.
        as_json: Whether to print JSON.
        columns: Those of the table; all of the first row if not given.
    """
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    columns = columns or (list(rows[0]) if rows else [])
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, (tuple, list)) else str(value)


def quiet_plugin_warnings() -> None:
    """The tables say what failed; a warning above them would say it twice."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="brainloom_core")
