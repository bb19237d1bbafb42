"""Does what the pages ask of the remote systems: looks a connection over, compares the books, and the like."""

from datetime import date

import structlog
from pydantic import SecretStr

from i18n.messages import msg
from models.admin.operations import Operation, OperationResult, OperationType
from models.database import DatabaseUnavailableError
from sync.diagnostics.findings import Finding, bad, failed
from sync.diagnostics.run_checks import DiagnosticsReport
from sync.errors import SyncError
from worker.container import Container
from worker.jobs import diagnostics, monthly_reconciliation, reconciliation, save_settings

log = structlog.get_logger()


def run(container: Container, operation_id: int) -> None:
    """Run one errand and write down its answer; nothing where it is gone or has been answered."""
    operation = container.operations.get(operation_id)
    if operation is None or operation.result is not None:
        return
    try:
        answer = _result(container, operation)
    except DatabaseUnavailableError:
        raise  # no answer could be written down; the next sweep has it run again
    except Exception:
        log.exception("operation_crashed", operation=operation_id)
        answer = as_result(DiagnosticsReport([_crashed()]))
    alert = (
        monthly_reconciliation.report_alert(container, operation, answer)
        if operation.type is OperationType.MONTHLY_RECONCILIATION
        else None
    )
    container.operations.complete(operation_id, answer, now=container.clock(), alert=alert)


def as_result(report: DiagnosticsReport) -> OperationResult:
    """Put what was found into what JSON can hold."""
    return {
        "findings": [finding.as_json() for finding in report.findings],
        "clients": [{"id": each.id, "name": each.client} for each in report.clients],
        "accounts": sorted(report.accounts),
    }


def _result(container: Container, operation: Operation) -> OperationResult:
    match operation.type:
        case OperationType.DIAGNOSTICS:
            return as_result(_diagnosed(container, operation))
        case OperationType.CLIENTS:
            return as_result(_reachable_clients(container, operation))
        case OperationType.SAVING:
            return save_settings.save(container, operation)
        case OperationType.RECONCILIATION | OperationType.MONTHLY_RECONCILIATION:
            return _reconciled(container, operation)


def _reconciled(container: Container, operation: Operation) -> OperationResult:
    connection = container.connections.get(operation.connection_id)
    first, last = (date.fromisoformat(operation.input[name]) for name in ("first", "last"))
    try:
        report = reconciliation.reconcile(container, connection, first, last)
    except SyncError as error:
        return as_result(DiagnosticsReport([failed(error)]))
    return {"findings": [], "report": report.as_json()}


def _diagnosed(container: Container, operation: Operation) -> DiagnosticsReport:
    return diagnostics.run_diagnostics(container, container.connections.get(operation.connection_id))


def _reachable_clients(container: Container, operation: Operation) -> DiagnosticsReport:
    """Ask which clients the login reaches that was typed; never with the password that is saved."""
    known = container.connections.get(operation.connection_id).settings
    login = {"username": operation.input["username"], "password": SecretStr(operation.input["password"])}
    erp = container.erp(known.model_copy(update={**login, "identity_id": ""}))
    try:
        usable = [identity for identity in erp.identities() if identity.usable]
    except SyncError as error:
        return DiagnosticsReport([failed(error)])
    return DiagnosticsReport([] if usable else [_wrong_login()], clients=usable)


def _wrong_login() -> Finding:
    return bad(
        msg("24SevenOffice refused the user name or password, or the login reaches no client that can be used."),
        msg("Correct user name and password."),
        setting="password",
    )


def _crashed() -> Finding:
    return bad(
        msg("The bridge itself failed on this."),
        msg("Please tell whoever runs the bridge; the log says more."),
    )
