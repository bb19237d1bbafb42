"""Days and instants: the API speaks of both in one type, and of unset ones in a value."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


def instant(value: datetime) -> datetime:
    """Read a moment from a request as an instant: one without a time zone is UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def day(value: datetime) -> date:
    """Read a moment from a request as a day: one with a time zone is the day that it is in Oslo then."""
    return value.astimezone(OSLO).date() if value.tzinfo else value.date()


def midnight(of: date) -> datetime:
    """Write a day as the moment that the API has for it."""
    return datetime.combine(of, time())


def local(value: datetime) -> datetime:
    """Read a moment from a request as one to compare with :func:`midnight`."""
    return value.astimezone(OSLO).replace(tzinfo=None) if value.tzinfo else value
