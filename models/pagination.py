"""Keyset pagination: each page starts where the previous one ended, so page 1000 is as fast as the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, Self, TypeVar, TypeVarTuple

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, func, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute

OrderColumns = Sequence[InstrumentedAttribute[Any] | ColumnElement[Any]]
"""The sort keys of a list: usually an instant and the id, or only the id where ids follow time."""

T = TypeVar("T")
Columns = TypeVarTuple("Columns")
InTime = Callable[[Select[int]], Sequence[Row[int]] | None]
"""Runs a counting query, and returns None if it takes too long."""


PAGE_SIZE = 50
"""Rows on a page."""

MAX_COUNTED = 10_000
"""The most lines of a list that are counted, and only if that is quick: a long list is as fast as a short one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEY_PATTERN = re.compile(r"([on])(?:i(-?\d{1,16})|(\d{1,16}))-(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """The row of a list, by its instant and id, after which a page begins with older rows, or with newer ones.

    In a list with another order, ``at`` is the sorted value. In a URL, a day is written as its ordinal.
    """

    at: datetime | date | int
    id: int
    newer: bool = False

    def __str__(self) -> str:
        match self.at:
            case datetime():
                at = str((self.at - _EPOCH) // _MICROSECOND)
            case date():
                at = f"i{self.at.toordinal()}"
            case int():
                at = f"i{self.at}"
        return f"{'n' if self.newer else 'o'}{at}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a key from a URL; None, for the first page, if it is not a key."""
        written = _KEY_PATTERN.fullmatch(text)
        if written is None:
            return None
        at = int(written[2]) if written[2] else _EPOCH + int(written[3]) * _MICROSECOND
        return cls(at, int(written[4]), newer=written[1] == "n")


@dataclass(frozen=True, slots=True)
class PagePlace:
    """The position of a page in its list: the number of its ``first`` line, from 1, and the ``total`` of lines.

    Each is None if it is more than :data:`MAX_COUNTED` or takes too long to count.
    """

    first: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, newest row first, and the keys of the pages before and after it; None if there is none.

    In a list that is ascending or has another order, ``newer`` is the key of the previous page.
    """

    lines: Sequence[T]
    newer: Key | None = None
    older: Key | None = None
    place: PagePlace | None = None


def with_position(
    page: Page[T],
    lines: Callable[[Key | None], Select[Any] | CompoundSelect[Any]],
    in_time: InTime,
    *,
    total: Callable[[], int | None] | None = None,
) -> Page[T]:
    """Add the position to a page, if it is quick to count.

    ``lines`` returns the query of all lines, or of the lines after a key. ``total`` replaces the first count.
    """

    def count(key: Key | None) -> int | None:
        counted = lines(key).limit(MAX_COUNTED + 1).subquery()
        rows = in_time(select(func.count()).select_from(counted))
        return rows[0][0] if rows and rows[0][0] <= MAX_COUNTED else None

    is_only_page = not page.newer and not page.older
    number = len(page.lines) if is_only_page else total() if total else count(None)
    before = 0 if not page.newer else number and count(page.newer)
    return replace(page, place=PagePlace(None if before is None else before + 1, number))


def with_position_by_id(
    page: Page[T], query: Select[*tuple[Any, ...]], id_: InstrumentedAttribute[int], in_time: InTime
) -> Page[T]:
    """Add the position to a page of a list that is sorted by id."""
    ids = query.with_only_columns(id_)
    return with_position(page, lambda key: ids.where(after_key((id_,), key)), in_time)


def following(query: Select[*Columns], columns: OrderColumns, *, key: Key | None) -> Select[*Columns]:
    return query.where(after_key(columns, key)).order_by(*nearest_first(columns, key))


def after_key(columns: OrderColumns, key: Key | None, *, ascending: bool = False) -> ColumnElement[bool]:
    """Return the condition for rows after a key, or before it if the key asks for newer rows."""
    if key is None:
        return true()
    values = (key.at, key.id)[-len(columns) :]
    return tuple_(*columns) > values if key.newer != ascending else tuple_(*columns) < values


def nearest_first(columns: OrderColumns, key: Key | None, *, ascending: bool = False) -> OrderColumns:
    upwards = (key is not None and key.newer) != ascending
    return columns if upwards else [column.desc() for column in columns]


def paged(
    fetch: Callable[[Key | None, int], Sequence[T]],
    *,
    key: Key | None,
    at: Callable[[T], tuple[datetime | date | int, int]],
    size: int = PAGE_SIZE,
) -> Page[T]:
    """Build the page after a key; ``at`` returns the instant and the id of a row.

    ``fetch`` takes a key and a limit, and returns the rows after that key, nearest first; without a key, the
    newest.
    """
    lines = fetch(key, size + 1)
    more, lines = len(lines) > size, lines[:size]
    if key and key.newer:
        if not more:
            return paged(fetch, key=None, at=at, size=size)
        lines = lines[::-1]
        return Page(lines, Key(*at(lines[0]), newer=True), Key(*at(lines[-1])))
    newer = Key(*at(lines[0]), newer=True) if key and lines else None
    return Page(lines, newer, Key(*at(lines[-1])) if more else None)
