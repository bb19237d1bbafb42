"""What 24SevenOffice writes as a date with a time: an instant, or a day of which the time says nothing.

Either may come with a zone or without, also in one answer. All that is compared goes through here first.
"""

from datetime import UTC, date, datetime, tzinfo

from i18n.formatting import OSLO


def instant_of(written: datetime) -> datetime:
    """Read an instant, in UTC where it names no zone."""
    return _at(written, UTC) if written.tzinfo else written.replace(tzinfo=UTC)


def day_of(written: datetime) -> date:
    """Read a day of Oslo, which it is already where it names no zone."""
    return (_at(written, OSLO) if written.tzinfo else written).date()


def without_zone(instant: datetime) -> datetime:
    """Write an instant as requests have it: in UTC, without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def _at(written: datetime, zone: tzinfo) -> datetime:
    try:
        return written.astimezone(zone)
    except (OverflowError, ValueError):  # an end of the calendar, or an offset that no place has
        return written.replace(tzinfo=zone)
