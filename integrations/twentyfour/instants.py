"""What 24SevenOffice writes as a date with a time: an instant, or a day of which the time says nothing.

Either may come with a zone or without, also in one answer. All that is compared goes through here first.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from i18n.formatting import OSLO


def instant_of(written: datetime) -> datetime:
    """Read an instant, in UTC where it names no zone."""
    return _at(written, UTC) if written.tzinfo else written.replace(tzinfo=UTC)


MIDNIGHT = time()

CLOCKS = (OSLO, ZoneInfo("Europe/Helsinki"))
"""By which 24SevenOffice may read what comes without a zone (S52); it fails on an hour that they skip."""


def day_of(written: datetime) -> date:
    """Read a day: as it is written where it names no zone or is midnight there, else that of Oslo."""
    if written.tzinfo is None or written.time() == MIDNIGHT:  # at any offset: 24SevenOffice runs on Helsinki's
        return written.date()
    return _at(written, OSLO).date()


def without_zone(instant: datetime, *, ends: bool = False) -> datetime:
    """Write an instant as requests have it: in UTC, without a zone.

    One that no clock shows is moved by two hours, earlier or, where a span of time ``ends``, later.
    """
    written = instant.astimezone(UTC).replace(tzinfo=None)
    if any(_is_skipped(written, clock) for clock in CLOCKS):
        written += timedelta(hours=2 if ends else -2)
    return written


def _is_skipped(written: datetime, clock: tzinfo) -> bool:
    there = written.replace(tzinfo=clock)
    return there.astimezone(UTC).astimezone(clock).replace(tzinfo=None) != written


def _at(written: datetime, zone: tzinfo) -> datetime:
    try:
        return written.astimezone(zone)
    except (OverflowError, ValueError):  # an end of the calendar, or an offset that no place has
        return written.replace(tzinfo=zone)
