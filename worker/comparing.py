"""Comparisons of the books: of a connection as it is, and without what somebody has accepted as known."""

from __future__ import annotations

from calendar import monthrange
from datetime import timedelta
from typing import TYPE_CHECKING

from models import mending
from sync.books.comparing import compare as compare_at
from sync.books.differences import Report

if TYPE_CHECKING:
    from datetime import date

    from models.connections import Connection
    from models.errands import Errand
    from worker.wiring import Bridge


def compare(bridge: Bridge, connection: Connection, first: date, last: date) -> Report:
    """Compare the invoices of these days, both included; nothing is written anywhere. Raises a SyncError."""
    return compare_at(bridge.open_desk(connection, _refuse), first, last)


def without_known(bridge: Bridge, connection_id: int, report: Report) -> Report:
    """Set apart what is known by now."""
    known = mending.accepted(bridge.database, connection_id)
    return report.without({(key, acceptance.fingerprint) for key, acceptance in known.items()})


def told(bridge: Bridge, errand: Errand) -> Report | None:
    """Read what a comparison found, without what is known by now; None where it has not been made."""
    found = (errand.answer or {}).get("report")
    return without_known(bridge, errand.connection_id, Report.from_json(found)) if found else None


def month_of(day: date) -> tuple[date, date]:
    """Tell the first and the last day of the month around a day."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def last_month(today: date) -> date:
    """Tell a day of the month before."""
    return today.replace(day=1) - timedelta(days=1)


def _refuse() -> None:
    raise PermissionError("A comparison writes nothing.")
