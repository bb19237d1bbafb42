"""Comparisons of the ledgers of a connection as it is."""

from datetime import date

from models.connections.repository import Connection
from sync.reconciliation.compare import reconcile as compare_at
from sync.reconciliation.report import ReconciliationReport
from worker.container import Container


def reconcile(container: Container, connection: Connection, first: date, last: date) -> ReconciliationReport:
    """Compare the invoices of these days, both included; nothing is written anywhere. Raises a SyncError."""
    return compare_at(container.open_context(connection, _refuse), first, last)


def _refuse() -> None:
    raise PermissionError("A comparison writes nothing.")
