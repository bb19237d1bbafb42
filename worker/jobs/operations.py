"""Runs operations: what the pages ask of the remote systems, such as diagnostics or a reconciliation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import structlog
from pydantic import SecretStr

from i18n.messages import msg
from models.admin.operations import RECONCILIATIONS, Operation, OperationResult, OperationType
from models.connections.repository import Connection
from models.database import DatabaseUnavailableError
from models.receivers.outbox import EventType, OutgoingEvent
from sync.diagnostics.findings import Finding, bad, failed
from sync.diagnostics.run_checks import DiagnosticsReport
from sync.errors import SyncError
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile, without_accepted
from sync.reconciliation.report import ReconciliationReport
from worker.container import Container
from worker.jobs import diagnostics, monthly_reconciliation, save_settings
from worker.jobs.polls import SECRETS_UNREADABLE

log = structlog.get_logger()

LEASE = timedelta(seconds=90)
"""How long an operation is taken to run whose worker has gone silent."""

RENEW_SECONDS = 20


def run(container: Container, operation_id: int) -> bool:
    """Run one operation and save its result; nothing where it is gone or has one.

    Returns False where it is to be dispatched again: another worker runs it, or a comparison of its connection.
    """
    operation = container.operations.get(operation_id)
    if operation is None or operation.result is not None:
        return True
    now = container.clock()
    leased = container.operations.acquire(operation_id, now=now, until=now + LEASE)
    if leased is None:
        return False
    operation, lease_id = leased
    with _kept(container, operation_id, lease_id):
        _run(container, operation)
    return True


@contextmanager
def _kept(container: Container, operation_id: int, lease_id: UUID) -> Iterator[None]:
    """Renew the lease of an operation while it runs; what comes to no result may be run again at once.

    A worker that hangs or is killed renews nothing.
    """
    ended = Event()

    def renew() -> None:
        while not ended.wait(RENEW_SECONDS):
            with suppress(DatabaseUnavailableError):
                if not container.operations.renew(operation_id, lease_id, until=container.clock() + LEASE):
                    return

    renewing = Thread(target=renew, name=f"lease of operation {operation_id}", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with suppress(DatabaseUnavailableError):
            container.operations.release(operation_id, lease_id)


def _run(container: Container, operation: Operation) -> None:
    try:
        result = _result(container, operation)
    except SyncError as error:
        result = as_result(DiagnosticsReport([failed(error)]))
    except DatabaseUnavailableError:
        raise  # no result could be saved; the next sweep has it run again
    except Exception:
        log.exception("operation_crashed", operation=operation.id)
        result = as_result(DiagnosticsReport([_crashed()]))
    alert = None
    if operation.type is OperationType.MONTHLY_RECONCILIATION:
        alert = monthly_reconciliation.report_alert(container, operation, result)
    event = finished_event(container, operation, result) if operation.type in RECONCILIATIONS else None
    container.operations.complete(operation.id, result, now=container.clock(), alert=alert, event=event)


def finished_event(container: Container, operation: Operation, result: OperationResult) -> OutgoingEvent:
    """Say what receivers are told of a reconciliation: its days and counts, or that it could not be made."""
    days = {name: operation.input.get(name) for name in ("first", "last")}
    data: dict[str, Any] = {"id": operation.id, **days, "compared": False, "invoices": None, "expenses": None}
    if "report" in result:
        whole = ReconciliationReport.from_json(result["report"])
        report = without_accepted(container.database, operation.connection_id, whole)
        data |= {"compared": True, "invoices": _counts(report)}
        data["expenses"] = _counts(report.expenses) if report.expenses else None
    return OutgoingEvent(EventType.RECONCILIATION_FINISHED, data)


def _counts(report: ReconciliationReport) -> dict[str, int]:
    return {"equal": report.count("equal"), "discrepancies": len(report.discrepancies)}


def as_result(report: DiagnosticsReport) -> OperationResult:
    return {
        "findings": [finding.as_json() for finding in report.findings],
        "clients": [{"id": each.id, "name": each.client} for each in report.clients],
        "accounts": sorted(report.accounts),
    }


def _result(container: Container, operation: Operation) -> OperationResult:
    connection = container.connections.get_shown(operation.connection_id)
    if connection.unreadable and operation.type is not OperationType.SAVING:
        raise SECRETS_UNREADABLE
    match operation.type:
        case OperationType.DIAGNOSTICS:
            return as_result(diagnostics.run_diagnostics(container, connection))
        case OperationType.CLIENTS:
            return as_result(_reachable_clients(container, connection, operation.input))
        case OperationType.SAVING:
            return save_settings.save(container, operation)
        case OperationType.RECONCILIATION | OperationType.MONTHLY_RECONCILIATION:
            first, last = (date.fromisoformat(operation.input[name]) for name in ("first", "last"))
            report = reconcile(container.open_context(connection, refuse_writes), first, last)
            return {"findings": [], "report": report.as_json()}


def _reachable_clients(
    container: Container, connection: Connection, typed: Mapping[str, str]
) -> DiagnosticsReport:
    """Ask which clients the login reaches that was typed; never with the saved password. Raises SyncError."""
    login = {"username": typed["username"], "password": SecretStr(typed["password"])}
    settings = connection.settings.model_copy(update={**login, "identity_id": ""})
    erp = container.erp(settings, charged_to=connection.id)
    usable = [identity for identity in erp.identities() if identity.usable]
    wrong_login = bad(
        msg("24SevenOffice refused the user name or password, or the login reaches no client that can be used."),
        msg("Correct user name and password."),
        setting="password",
    )
    return DiagnosticsReport([] if usable else [wrong_login], clients=usable)


def _crashed() -> Finding:
    return bad(
        msg("The bridge itself failed on this."), msg("Please tell whoever runs the bridge; the log says more.")
    )
