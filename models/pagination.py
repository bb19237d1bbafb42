"""Lists by key: each page starts where the one before ended, so that the thousandth is as fast as the first."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, Self, TypeVar, TypeVarTuple

from sqlalchemy import ColumnElement, Select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute

OrderColumns = Sequence[InstrumentedAttribute[Any] | ColumnElement[Any]]
"""What lines are in order of, mostly an instant, and the id; or the id, where ids follow the order of time."""

T = TypeVar("T")
Columns = TypeVarTuple("Columns")

SIZE = 50
"""Lines of a page."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITTEN = re.compile(r"([on])(?:i(-?\d{1,16})|(\d{1,16}))-(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """A line of a list, by its instant and its id, from which to go on: to what is older, or newer.

    In a list that is in order of something else, ``at`` is that. Of a day an address holds the number.
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
        """Read what an address holds; None, for the first page, where that is no key."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            return None
        at = int(written[2]) if written[2] else _EPOCH + int(written[3]) * _MICROSECOND
        return cls(at, int(written[4]), newer=written[1] == "n")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some lines of a list, the newest first, and the keys of the pages beside it; None where there is none.

    In a list that is ``ascending``, or in order of something else, ``newer`` leads to the page before.
    """

    lines: Sequence[T]
    newer: Key | None = None
    older: Key | None = None


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
    """Put the page together that begins at a key; ``at`` tells the instant and the id of a line.

    ``fetch`` tells up to so many lines that follow a key, the nearest to it first; without a key the newest.
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
