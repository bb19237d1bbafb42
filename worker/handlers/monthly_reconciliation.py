"""The monthly reconciliation that beat requests, and the mail with its result."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from i18n.formatting import OSLO
from i18n.messages import Day, Message, from_json, joined, msg
from models.admin.operations import REPEATED, Operation, OperationResult, OperationType
from models.connections.alert_outbox import Alert, AlertType
from sync.reconciliation.compare import last_month, month_of, without_accepted
from sync.reconciliation.report import ReconciliationReport
from worker.container import Container

RETRY_AFTER = timedelta(minutes=45)
"""Time until a failed reconciliation may be requested again: less than the hour between two calls of ``due``."""

FIRST_DAY = 3
"""Day of the month from which the previous month is compared: its last invoices have then been synced."""


def due(container: Container) -> Iterator[int]:
    """Request last month's reconciliations, again if they failed. Yields the operations without a result."""
    today = container.clock().astimezone(OSLO).date()
    if today.day < FIRST_DAY:
        return
    since = datetime.combine(today.replace(day=1), time(), OSLO)
    first, last = month_of(last_month(today))
    typed = {"first": first.isoformat(), "last": last.isoformat()}
    for connection in container.connections.all():
        if connection.settings.monthly_reconciliation:
            again = container.clock() - RETRY_AFTER if connection.is_available(container.clock()) else None
            asked = container.operations.request_once(
                OperationType.MONTHLY_RECONCILIATION,
                connection.id,
                input_=typed,
                since=since,
                again=again,
                now=container.clock(),
            )
            if asked:
                yield asked


def report_alert(container: Container, operation: Operation, result: OperationResult) -> Alert | None:
    """Return the mail about a reconciliation, with a link to its report; a failure is mailed only once."""
    if "report" not in result and REPEATED in operation.input:
        return None
    connection = container.connections.get_even_unreadable(operation.connection_id)
    return Alert(
        type=AlertType.RECONCILIATION,
        title=msg("Reconciliation of {connection}", connection=connection.name),
        message=_summary(container, operation, result),
        remedy=msg(
            "View the reconciliation: {address}",
            address=f"{container.settings.public_url}/operations/{operation.id}",
        ),
        recipients=connection.settings.error_emails,
    )


def _summary(container: Container, operation: Operation, result: OperationResult) -> Message:
    if "report" not in result:
        why = joined(*(from_json(each["message"]) for each in result["findings"]))
        return msg("The reconciliation couldn't be run. {why} It is retried every hour.", why=why)
    report = without_accepted(
        container.database, operation.connection_id, ReconciliationReport.from_json(result["report"])
    )
    of_invoices = msg(
        "{first} to {last}: {equal} invoices match the ledger, {different} differ.",
        first=Day(report.first),
        last=Day(report.last),
        equal=report.count("equal"),
        different=len(report.discrepancies),
    )
    if report.expenses is None:
        return of_invoices
    of_expenses = msg(
        "Expenses: {equal} match the ledger, {different} differ.",
        equal=report.expenses.count("equal"),
        different=len(report.expenses.discrepancies),
    )
    return joined(of_invoices, of_expenses, between=" ")
