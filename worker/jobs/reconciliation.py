"""Comparisons of the books: of a connection as it is, and without what somebody has accepted as known."""

from calendar import monthrange
from datetime import date, timedelta

from models.admin import discrepancies
from models.admin.operations import Operation
from models.connections.repository import Connection
from sync.reconciliation.compare import reconcile as compare_at
from sync.reconciliation.report import ReconciliationReport
from worker.container import Container


def reconcile(container: Container, connection: Connection, first: date, last: date) -> ReconciliationReport:
    """Compare the invoices of these days, both included; nothing is written anywhere. Raises a SyncError."""
    return compare_at(container.open_context(connection, _refuse), first, last)


def without_accepted(
    container: Container, connection_id: int, report: ReconciliationReport
) -> ReconciliationReport:
    """Set apart what is known by now."""
    known = discrepancies.accepted(container.database, connection_id)
    return report.without_accepted({(key, acceptance.fingerprint) for key, acceptance in known.items()})


def report_of(container: Container, operation: Operation) -> ReconciliationReport | None:
    """Read what a comparison found, without what is known by now; None where it has not been made."""
    found = (operation.result or {}).get("report")
    return (
        without_accepted(container, operation.connection_id, ReconciliationReport.from_json(found))
        if found
        else None
    )


def month_of(day: date) -> tuple[date, date]:
    """Tell the first and the last day of the month around a day."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def last_month(today: date) -> date:
    """Tell a day of the month before."""
    return today.replace(day=1) - timedelta(days=1)


def _refuse() -> None:
    raise PermissionError("A comparison writes nothing.")
