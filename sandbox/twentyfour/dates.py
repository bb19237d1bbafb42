"""Days and instants: the API has one type for both, and a value for unset ones."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


def instant(value: datetime) -> datetime:
    """Read a moment of a request as an instant; without a time zone it is UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def day(value: datetime) -> date:
    """Read a moment of a request as a day; with a time zone, it is the day in Oslo at that instant."""
    return value.astimezone(OSLO).date() if value.tzinfo else value.date()


def midnight(of: date) -> datetime:
    """Write a day as the API's moment."""
    return datetime.combine(of, time())


def local(value: datetime) -> datetime:
    """Read a moment of a request as one to compare with :func:`midnight`."""
    return value.astimezone(OSLO).replace(tzinfo=None) if value.tzinfo else value
