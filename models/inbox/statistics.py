"""Statistics: the attempts of each hour and day by outcome, counted as they are completed.

:mod:`models.admin.dashboard` reads them for the charts.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, func, or_
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from i18n.formatting import OSLO
from models.database import Database
from models.enums import Outcome
from models.schema.tables import StatisticsRow

STATISTICS = StatisticsRow.metadata.tables["statistics"]


class Granularity(StrEnum):
    HOUR = "hour"
    DAY = "day"

    def start_of(self, at: datetime) -> datetime:
        """Return the start of the hour or day of an instant, in Oslo's time."""
        hour = at.astimezone(OSLO).replace(minute=0, second=0, microsecond=0)
        return hour if self is Granularity.HOUR else hour.replace(hour=0, fold=0)

    def last(self, number: int, *, now: datetime) -> Sequence[datetime]:
        present, back = self.start_of(now), reversed(range(number))
        if self is Granularity.DAY:
            return [present - timedelta(days=n) for n in back]  # calendar days: a day may have 23 hours
        return [(present.astimezone(UTC) - timedelta(hours=n)).astimezone(OSLO) for n in back]


RETENTION = {Granularity.HOUR: timedelta(days=7), Granularity.DAY: timedelta(days=400)}
"""How long the statistics are kept."""


def count_attempts(
    session: Session, connection_id: int, ended: Sequence[tuple[Outcome, timedelta]], *, now: datetime
) -> None:
    """Count attempts by outcome and time since the event.

    Call it last in a transaction, because other lanes wait for it.
    """
    if not ended:
        return
    counts = Counter(outcome for outcome, _ in ended)
    waits = [max(wait.total_seconds(), 0) for outcome, wait in ended if outcome is Outcome.SYNCED]
    values: dict[str, Any] = {outcome: counts[outcome] for outcome in Outcome}
    values |= {"connection_id": connection_id, "total_seconds": sum(waits), "max_seconds": max(waits, default=0)}
    session.execute(
        _UPSERT, [{**values, "granularity": each, "starts_at": each.start_of(now)} for each in Granularity]
    )


def _upsert() -> Insert:
    insertion = insert(STATISTICS)
    sums = {name: STATISTICS.c[name] + insertion.excluded[name] for name in (*Outcome, "total_seconds")}
    longest = func.greatest(STATISTICS.c.max_seconds, insertion.excluded.max_seconds)
    key = ["connection_id", "granularity", "starts_at"]
    return insertion.on_conflict_do_update(index_elements=key, set_={**sums, "max_seconds": longest})


_UPSERT = _upsert()


def delete_old(database: Database, *, now: datetime) -> None:
    old = (
        and_(StatisticsRow.granularity == granularity, StatisticsRow.starts_at < now - kept)
        for granularity, kept in RETENTION.items()
    )
    database.execute(delete(StatisticsRow).where(or_(*old)))
