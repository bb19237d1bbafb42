"""Runs operations: what the pages ask of the remote systems, such as diagnostics or a reconciliation."""

from collections.abc import Mapping
from datetime import date

import structlog
from pydantic import SecretStr

from i18n.messages import msg
from models.admin.operations import Operation, OperationResult, OperationType
from models.connections.settings import ConnectionSettings
from models.database import DatabaseUnavailableError
from sync.diagnostics.findings import Finding, bad, failed
from sync.diagnostics.run_checks import DiagnosticsReport
from sync.errors import SyncError
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from worker.container import Container
from worker.jobs import diagnostics, monthly_reconciliation, save_settings

log = structlog.get_logger()


def run(container: Container, operation_id: int) -> None:
    """Run one operation and save its result; nothing where it is gone or has one."""
    operation = container.operations.get(operation_id)
    if operation is None or operation.result is not None:
        return
    try:
        result = _result(container, operation)
    except SyncError as error:
        result = as_result(DiagnosticsReport([failed(error)]))
    except DatabaseUnavailableError:
        raise  # no result could be saved; the next sweep has it run again
    except Exception:
        log.exception("operation_crashed", operation=operation_id)
        result = as_result(DiagnosticsReport([_crashed()]))
    alert = None
    if operation.type is OperationType.MONTHLY_RECONCILIATION:
        alert = monthly_reconciliation.report_alert(container, operation, result)
    container.operations.complete(operation_id, result, now=container.clock(), alert=alert)


def as_result(report: DiagnosticsReport) -> OperationResult:
    return {
        "findings": [finding.as_json() for finding in report.findings],
        "clients": [{"id": each.id, "name": each.client} for each in report.clients],
        "accounts": sorted(report.accounts),
    }


def _result(container: Container, operation: Operation) -> OperationResult:
    connection = container.connections.get(operation.connection_id)
    match operation.type:
        case OperationType.DIAGNOSTICS:
            return as_result(diagnostics.run_diagnostics(container, connection))
        case OperationType.CLIENTS:
            return as_result(_reachable_clients(container, connection.settings, operation.input))
        case OperationType.SAVING:
            return save_settings.save(container, operation)
        case OperationType.RECONCILIATION | OperationType.MONTHLY_RECONCILIATION:
            first, last = (date.fromisoformat(operation.input[name]) for name in ("first", "last"))
            report = reconcile(container.open_context(connection, refuse_writes), first, last)
            return {"findings": [], "report": report.as_json()}


def _reachable_clients(
    container: Container, settings: ConnectionSettings, typed: Mapping[str, str]
) -> DiagnosticsReport:
    """Ask which clients the login reaches that was typed; never with the saved password. Raises SyncError."""
    login = {"username": typed["username"], "password": SecretStr(typed["password"])}
    erp = container.erp(settings.model_copy(update={**login, "identity_id": ""}))
    usable = [identity for identity in erp.identities() if identity.usable]
    return DiagnosticsReport([] if usable else [_wrong_login()], clients=usable)


def _wrong_login() -> Finding:
    return bad(
        msg("24SevenOffice refused the user name or password, or the login reaches no client that can be used."),
        msg("Correct user name and password."),
        setting="password",
    )


def _crashed() -> Finding:
    return bad(
        msg("The bridge itself failed on this."), msg("Please tell whoever runs the bridge; the log says more.")
    )
