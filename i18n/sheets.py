"""Sheets: rows as CSV for programs, or as Norwegian Excel opens them."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from i18n.formatting import OSLO

FORMULA = re.compile(r"(^|[,;\t\r\n])(?=[=+@\t\r\N{FULLWIDTH EQUALS SIGN}-])")
"""Text that a spreadsheet would read as a formula. It may split cells at the separators of both formats."""

MONTHS = "jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|o[kc]t|nov|de[sc]"
AS_WRITTEN = re.compile(r"0|[1-9]\d{0,14}")
SPACES = "\N{SPACE}\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
CONVERTED = re.compile(
    rf"[{SPACES}]*\d[\d{SPACES}./,:%e+-]*"
    rf"|\d{{1,4}}[ ./-]*(?:{MONTHS})[a-z]*\.?[ ./-]*\d{{0,4}}"
    rf"|(?:{MONTHS})[a-z]*\.?[ ./-]*\d{{1,4}}",
    re.IGNORECASE,
)
"""Text that Excel turns into a number, date or time, and so displays differently, such as 9/2026, 1.10 or 007.

It contains no quotation mark and nothing else that could form a formula. A plain whole number stays as it is.
"""

BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark by which Excel recognizes UTF-8."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The columns of a sheet: the key of each in a row, and its heading.

    Instants in a row are in UTC and ``amounts`` in hundredths. CSV for programs has commas, decimal points and ISO
    8601. ``for_excel`` is for Excel set to Norwegian: semicolons, decimal commas, Oslo time, a byte order mark.
    Text that Excel would turn into a number or date is written as a formula that returns it (="9/2026").
    """

    columns: Mapping[str, str]
    amounts: frozenset[str] = frozenset()
    for_excel: bool = False

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield the headings and then each row, each with its line ending."""
        yield (BYTE_ORDER_MARK if self.for_excel else "") + self._line([*self.columns.values()])
        for row in rows:
            yield self._line([self._cell(key, row[key]) for key in self.columns])

    def _line(self, cells: Sequence[str]) -> str:
        text = StringIO(newline="")
        csv.writer(text, delimiter=";" if self.for_excel else ",").writerow(cells)
        return text.getvalue()

    def _cell(self, key: str, value: object) -> str:
        match value:
            case bool():
                return str(value).lower()
            case int() if key in self.amounts:
                kroner = f"{Decimal(value) / 100:.2f}"
                return kroner.replace(".", ",") if self.for_excel else kroner
            case datetime() if self.for_excel:
                return f"{value.astimezone(OSLO):%d.%m.%Y %H:%M:%S}"
            case date() if self.for_excel:
                return f"{value:%d.%m.%Y}"
            case str() | list() | tuple() | set() | frozenset() | dict():
                return self._text(as_text(plain(value)))
        return as_text(plain(value))

    def _text(self, text: str) -> str:
        if self.for_excel and CONVERTED.fullmatch(text) and not AS_WRITTEN.fullmatch(text):
            return f'="{text}"'
        return FORMULA.sub(r"\1'", text)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Return a value in a form that JSON can hold."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case frozenset() | set():
            return sorted(value)
        case tuple():
            return list(value)
    return value


def as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case dict():
            return ", ".join(f"{key}={as_text(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(map(as_text, value))
        case set() | frozenset():
            return ", ".join(sorted(map(str, value)))
    return str(value)
