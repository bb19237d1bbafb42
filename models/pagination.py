"""Keyset pagination: each page starts where the one before ended, so the thousandth is as fast as the first."""

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
"""Runs a query that counts, and returns None if it takes too long."""


SIZE = 50
"""Rows of a page."""

MAX_COUNTED = 10_000
"""Maximum number of lines that are counted, and only if that is quick: long lists are as fast as short ones."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITTEN = re.compile(r"([on])(?:i(-?\d{1,16})|(\d{1,16}))-(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """A row of a list, by its instant and id, where a page begins: with older rows, or newer ones.

    In a list with another order, ``at`` is the value sorted by. In a URL, a day is written as its number.
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
        """Parse a key from a URL; None, for the first page, if it is no key."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            return None
        at = int(written[2]) if written[2] else _EPOCH + int(written[3]) * _MICROSECOND
        return cls(at, int(written[4]), newer=written[1] == "n")


@dataclass(frozen=True, slots=True)
class PagePlace:
    """The position of a page in its list; ``first`` counts from 1. None means that counting takes too long."""

    first: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, newest first, and the keys of the pages beside it; None if there is none.

    In a list that is ``ascending``, or has another order, ``newer`` leads to the previous page.
    """

    lines: Sequence[T]
    newer: Key | None = None
    older: Key | None = None
    place: PagePlace | None = None


def placed(
    page: Page[T], lines: Callable[[Key | None], Select[Any] | CompoundSelect[Any]], in_time: InTime
) -> Page[T]:
    """Return the page with its position in the list, if that is quick to count.

    ``lines`` makes the query of all lines, or of those that a key leads to.
    """

    def count(key: Key | None) -> int | None:
        some = lines(key).limit(MAX_COUNTED + 1).subquery()
        rows = in_time(select(func.count()).select_from(some))
        return rows[0][0] if rows and rows[0][0] <= MAX_COUNTED else None

    alone = not page.newer and not page.older
    total = len(page.lines) if alone else count(None)
    before = 0 if not page.newer else total and count(page.newer)
    return replace(page, place=PagePlace(None if before is None else before + 1, total))


def placed_by_id(
    page: Page[T], query: Select[*tuple[Any, ...]], id_: InstrumentedAttribute[int], in_time: InTime
) -> Page[T]:
    """Do the same for a list in the order of its ids."""
    ids = query.with_only_columns(id_)
    return placed(page, lambda key: ids.where(beyond((id_,), key)), in_time)


def following(query: Select[*Columns], place: OrderColumns, *, key: Key | None) -> Select[*Columns]:
    return query.where(beyond(place, key)).order_by(*nearest_first(place, key))


def beyond(place: OrderColumns, key: Key | None, *, ascending: bool = False) -> ColumnElement[bool]:
    if key is None:
        return true()
    there = (key.at, key.id)[-len(place) :]
    return tuple_(*place) > there if key.newer != ascending else tuple_(*place) < there


def nearest_first(place: OrderColumns, key: Key | None, *, ascending: bool = False) -> OrderColumns:
    upwards = (key is not None and key.newer) != ascending
    return place if upwards else [column.desc() for column in place]


def paged(
    fetch: Callable[[Key | None, int], Sequence[T]],
    *,
    key: Key | None,
    at: Callable[[T], tuple[datetime | date | int, int]],
    size: int = SIZE,
) -> Page[T]:
    """Build the page that begins at a key; ``at`` returns the instant and the id of a row.

    ``fetch`` returns up to so many rows after a key, the nearest first; without a key the newest.
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
