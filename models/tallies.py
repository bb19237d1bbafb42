"""Tallies: what became of the attempts of each hour and each day, counted as they are settled, for the charts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from models.tables import TallyRow
from models.wanted import within
from models.words import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.dialects.postgresql import Insert
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.words import Scope

TALLIES = TallyRow.metadata.tables["tallies"]

OSLO = ZoneInfo("Europe/Oslo")


class Span(StrEnum):
    """What a tally counts: an hour, or a day of Oslo."""

    HOUR = "hour"
    DAY = "day"

    def begin(self, at: datetime) -> datetime:
        """Tell when the hour or day began that an instant is in, in Oslo's time."""
        hour = at.astimezone(OSLO).replace(minute=0, second=0, microsecond=0)
        return hour if self is Span.HOUR else hour.replace(hour=0, fold=0)

    def last(self, number: int, *, now: datetime) -> Sequence[datetime]:
        """Tell when each of the last so many began, the oldest first and the present one last."""
        present, back = self.begin(now), reversed(range(number))
        if self is Span.DAY:
            return [present - timedelta(days=n) for n in back]  # by the calendar: a day may have 23 hours
        return [(present.astimezone(UTC) - timedelta(hours=n)).astimezone(OSLO) for n in back]


KEPT = {Span.HOUR: timedelta(days=7), Span.DAY: timedelta(days=400)}
"""How long they are kept."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many attempts ended how in a span that ``begins``; ``seconds`` adds up what those synced took."""

    begins: datetime
    synced: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0
    longest: float = 0

    @property
    def mean(self) -> float:
        """How many seconds passed between an event and its outcome on the average, 0 where nothing was synced."""
        return self.seconds / self.synced if self.synced else 0


def add(
    session: Session, connection_id: int, ended: Sequence[tuple[Outcome, timedelta]], *, now: datetime
) -> None:
    """Count how attempts ended, and how long after the event; last in a transaction, since other lanes wait."""
    if not ended:
        return
    counts = Counter(outcome for outcome, _ in ended)
    waits = [max(wait.total_seconds(), 0) for outcome, wait in ended if outcome is Outcome.SYNCED]
    values: dict[str, Any] = {outcome: counts[outcome] for outcome in Outcome}
    values |= {"connection_id": connection_id, "seconds": sum(waits), "longest": max(waits, default=0)}
    session.execute(_ADD, [{**values, "span": span, "begins": span.begin(now)} for span in Span])


def _adding() -> Insert:
    """Make the statement of :func:`add`, which is the same each time."""
    fresh = insert(TALLIES)
    sums = {name: TALLIES.c[name] + fresh.excluded[name] for name in (*Outcome, "seconds")}
    longest = func.greatest(TALLIES.c.longest, fresh.excluded.longest)
    key = ["connection_id", "span", "begins"]
    return fresh.on_conflict_do_update(index_elements=key, set_={**sums, "longest": longest})


_ADD = _adding()


def last(database: Database, span: Span, number: int, *, scope: Scope, now: datetime) -> Sequence[Tally]:
    """Tell how the last hours or days went at all connections of a scope together, the oldest first."""
    begins = span.last(number, now=now)
    sums = [func.sum(getattr(TallyRow, name)) for name in ("synced", "unchanged", "skipped", "failed", "seconds")]
    query = (
        select(TallyRow.begins, *sums, func.max(TallyRow.longest))
        .where(TallyRow.span == span, TallyRow.begins >= begins[0], within(scope, TallyRow.connection_id))
        .group_by(TallyRow.begins)
    )
    with database.transaction() as session:
        counted = {begin: numbers for begin, *numbers in session.execute(query)}
    return [Tally(begin, *counted.get(begin, ())) for begin in begins]


def forget(database: Database, *, now: datetime) -> None:
    """Drop what nobody looks at any more."""
    old = (and_(TallyRow.span == span, TallyRow.begins < now - kept) for span, kept in KEPT.items())
    with database.transaction() as session:
        session.execute(delete(TallyRow).where(or_(*old)))
