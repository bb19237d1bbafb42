"""Dates with a time in 24SevenOffice: instants, or days whose time has no meaning, with or without a zone."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from i18n.formatting import OSLO


def instant_of(written: datetime) -> datetime:
    """Read an instant, in UTC if it has no zone."""
    return _at(written, UTC) if written.tzinfo else written.replace(tzinfo=UTC)


MIDNIGHT = time()

CLOCKS = (OSLO, ZoneInfo("Europe/Helsinki"))
"""Zones in which 24SevenOffice may read an instant without a zone (S52); it fails in an hour that they skip."""


def day_of(written: datetime) -> date:
    """Read a day: as written if it has no zone or is midnight, otherwise the day in Oslo."""
    if written.tzinfo is None or written.time() == MIDNIGHT:  # at any offset: 24SevenOffice uses Helsinki's
        return written.date()
    return _at(written, OSLO).date()


def without_zone(instant: datetime, *, ends: bool = False) -> datetime:
    """Return an instant in UTC without a zone, moved out of an hour that a clock skips.

    It is moved two hours back, or forward if it ``ends`` a period.
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
    except (OverflowError, ValueError):  # an end of the calendar, or an impossible offset
        return written.replace(tzinfo=zone)
