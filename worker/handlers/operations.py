"""Operations: remote work that pages and programs request, such as diagnostics or a reconciliation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import structlog
from pydantic import SecretStr

from i18n.messages import msg
from models.admin import discrepancies
from models.admin.discrepancies import ACCEPTED
from models.admin.operations import RECONCILIATIONS, Operation, OperationResult, OperationType
from models.connections.repository import Connection
from models.database import DatabaseUnavailableError
from models.receivers.outbox import EventType, OutgoingEvent
from sync.diagnostics.findings import Finding, bad, failed, good
from sync.diagnostics.run_checks import DiagnosticsReport
from sync.engine.client_identity import choose_identity, verify_client
from sync.errors import SyncError
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile, without_accepted
from sync.reconciliation.report import ReconciliationReport
from worker.container import Container
from worker.handlers import diagnostics, monthly_reconciliation, onboarding, save_settings
from worker.handlers.polls import SECRETS_UNREADABLE_ERROR

log = structlog.get_logger()

LEASE = timedelta(seconds=90)
"""How long an operation counts as running after its worker stopped renewing the lease."""

RENEW_SECONDS = 20


def run(container: Container, operation_id: int) -> bool:
    """Run one operation and save its result. Returns False if it must be dispatched again."""
    operation = container.operations.get(operation_id)
    if operation is None or operation.result is not None:
        return True
    now = container.clock()
    leased = container.operations.acquire(operation_id, now=now, until=now + LEASE)
    if leased is None:
        return False
    operation, lease_id = leased
    with _renewing_lease(container, operation_id, lease_id):
        return _run(container, operation)


@contextmanager
def _renewing_lease(container: Container, operation_id: int, lease_id: UUID) -> Iterator[None]:
    """Renew the lease of an operation while it runs, then release it, so that an unfinished one can run again."""
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


def _run(container: Container, operation: Operation) -> bool:
    began = container.clock()
    try:
        result = _execute(container, operation)
        if result is None:
            return False
    except SyncError as error:
        result = _failure(container, operation, failed(error), began=began)
    except DatabaseUnavailableError:
        raise  # no result was saved, so the next sweep dispatches it again
    except Exception:
        log.exception("operation_crashed", operation=operation.id)
        crashed = bad(
            msg("An internal error occurred in the integration."),
            msg("Contact your system administrator. The log has the details."),
        )
        result = _failure(container, operation, crashed, began=began)
    alert = None
    if operation.type is OperationType.MONTHLY_RECONCILIATION:
        alert = monthly_reconciliation.report_alert(container, operation, result)
    event = finished_event(container, operation, result) if operation.type in RECONCILIATIONS else None
    container.operations.complete(operation.id, result, now=container.clock(), alert=alert, event=event)
    return True


def _failure(container: Container, operation: Operation, finding: Finding, *, began: datetime) -> OperationResult:
    """Record that a test or a login failed, and return the result."""
    if operation.type is OperationType.DIAGNOSTICS:
        container.connections.save_test_result(operation.connection_id, failed_checks=1, at=began)
    if operation.type is OperationType.VERIFICATION:
        container.connections.save_login_result(operation.connection_id, works=False, at=began)
    return as_result(DiagnosticsReport([finding]))


def finished_event(container: Container, operation: Operation, result: OperationResult) -> OutgoingEvent:
    """Return the event of a reconciliation for receivers: its days and counts, or that it failed."""
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


def _execute(container: Container, operation: Operation) -> OperationResult | None:
    """Run the operation; return None if it needs another turn. Raises SyncError."""
    connection = container.connections.get_even_unreadable(operation.connection_id)
    if connection.unreadable and operation.type is not OperationType.SAVING:
        raise SECRETS_UNREADABLE_ERROR
    return HANDLERS[operation.type](container, operation, connection)


def _reconcile(container: Container, operation: Operation, connection: Connection) -> OperationResult:
    first, last = (date.fromisoformat(operation.input[name]) for name in ("first", "last"))
    report = reconcile(container.open_context(connection, refuse_writes), first, last)
    known = discrepancies.acceptances(container.database, connection.id)
    return {"findings": [], "report": report.as_json(), ACCEPTED: discrepancies.as_json(known)}


def _verify_login(container: Container, _operation: Operation, connection: Connection) -> OperationResult:
    """Try the credentials in both systems, and save the client that they reach. Raises SyncError."""
    began = container.clock()
    identity = diagnostics.check_login(container, connection.settings)
    if identity.client_number:
        verify_client(container.connections, connection.id, connection.settings, identity.client_number)
    container.connections.save_login_result(connection.id, works=True, at=began)
    found = msg("Signed in to both systems (24SevenOffice client: {client}).", client=identity.client)
    return as_result(DiagnosticsReport([good(found, check="login.login")]))


def _list_clients(container: Container, operation: Operation, connection: Connection) -> OperationResult:
    """Return the clients that the entered login reaches; never uses the saved password. Raises SyncError."""
    typed = operation.input
    login = {"username": typed["username"], "password": SecretStr(typed["password"])}
    settings = connection.settings.model_copy(update={**login, "identity_id": ""})
    erp = container.erp(settings, charged_to=connection.id)
    identities = erp.identities()
    usable = [identity for identity in identities if identity.usable]
    if not usable:
        choose_identity(identities, "")  # raises the reason why none is usable
    return as_result(DiagnosticsReport([], clients=usable))


HANDLERS: Mapping[OperationType, Callable[[Container, Operation, Connection], OperationResult | None]] = {
    OperationType.DIAGNOSTICS: lambda container, _, connection: as_result(
        diagnostics.run_diagnostics(container, connection)
    ),
    OperationType.VERIFICATION: _verify_login,
    OperationType.CLIENTS: _list_clients,
    OperationType.SAVING: lambda container, operation, _: save_settings.save(container, operation),
    OperationType.RECONCILIATION: _reconcile,
    OperationType.MONTHLY_RECONCILIATION: _reconcile,
    OperationType.INITIAL_MATCHING: onboarding.run_initial_matching,
    OperationType.BACKFILL: onboarding.run_backfill_turn,
    OperationType.BACKFILL_PREVIEW: onboarding.preview_backfill,
}
