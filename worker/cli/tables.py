"""Lists: a table for people, JSON or CSV for programs. docs/commands.md describes each one."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any

import click

from i18n.formatting import OSLO
from i18n.sheets import Sheet, as_text, plain
from sync.money import format_kroner
from worker.cli import Command

SHEETS = ("csv", "excel")
"""The formats with one line per row: for programs, and for Norwegian Excel."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and the text that tables show for it."""

    value: Any
    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a list: each key in JSON and CSV with its heading, None if tables omit it.

    Instants are in UTC. ``amounts`` are in øre: JSON keeps øre, CSV has kroner with a dot.
    """

    columns: Mapping[str, str | None]
    amounts: frozenset[str] = frozenset()
    empty: str = "Nothing."

    def print(self, rows: Iterable[Mapping[str, Any]], output: str) -> None:
        """Print rows in the format of ``--output``."""
        formats: dict[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
            "json": self._json,
            "csv": partial(self._sheet, for_excel=False),
            "excel": partial(self._sheet, for_excel=True),
            "table": self.text,
        }
        click.echo(formats[output](list(rows)), nl=output not in SHEETS)

    def records(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows in their JSON form."""
        return [{key: plain(_value_of(row[key])) for key in self.columns} for row in rows]

    def _json(self, rows: Sequence[Mapping[str, Any]]) -> str:
        return to_json(self.records(rows))

    def _sheet(self, rows: Sequence[Mapping[str, Any]], *, for_excel: bool) -> str:
        sheet = Sheet(columns={key: key for key in self.columns}, amounts=self.amounts, for_excel=for_excel)
        return "".join(sheet.lines({key: _value_of(row[key]) for key in self.columns} for row in rows))

    def text(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """Return a table of the non-empty columns."""
        rows = list(rows)
        cells = {key: [self._cell(key, row[key]) for row in rows] for key in self.columns}
        keys = [key for key, heading in self.columns.items() if heading is not None and any(cells[key])]
        if not keys:
            return self.empty
        headings = [str(self.columns[key]) for key in keys]
        return aligned(
            [headings, *zip(*(_align_right(cells[key], key in self.amounts) for key in keys), strict=True)]
        )

    def _cell(self, key: str, value: object) -> str:
        match value:
            case Cell():
                return value.text
            case int() if key in self.amounts:
                return format_kroner(value)
            case bool():
                return "yes" if value else ""
            case datetime():
                return format_instant(value)
        return " ".join(as_text(value).split())


def output_option(command: Command) -> Command:
    return output_option_of("table")(command)


def output_option_of(default: str) -> Callable[[Command], Command]:
    return click.option(
        "--output",
        type=click.Choice(["table", "json", *SHEETS]),
        default=default,
        show_default=True,
        help="Output format",
    )


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar if standard error is a terminal; yield a function that adds completed items."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=length, label=label, show_pos=True, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


class Instant(click.ParamType[datetime]):
    """An instant as in these lists: ``2026-11-30T12:00:00Z``. Without a zone, a day or time is in Oslo."""

    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not an instant such as 2026-11-30T12:00:00Z, 2026-11-30 or 2026-11-30T12:00.",
                param,
                ctx,
            )
        return instant if instant.tzinfo else instant.replace(tzinfo=OSLO)


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def format_instant(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Align cells in columns; the last cell of a row may be of any length."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def _align_right(cells: Sequence[str], numbers: bool) -> Sequence[str]:  # noqa: FBT001 (it has one caller)
    width = max(map(len, cells)) if numbers else 0
    return [each.rjust(width) for each in cells]


def _value_of(value: Any) -> Any:  # noqa: ANN401 (whatever a row holds)
    return value.value if isinstance(value, Cell) else value
