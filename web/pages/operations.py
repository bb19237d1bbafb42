"""The result of an operation; the page reloads until a worker has finished it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response, status

from i18n.messages import msg
from models.admin import discrepancies, related_records
from models.admin.discrepancies import Acceptance
from models.admin.operations import RECONCILIATIONS, Operation, OperationEndedError, OperationType
from models.enums import EntityType, Record, titled
from sync.reconciliation.compare import recorded_report
from sync.reconciliation.report import Discrepancy, ReconciliationReport
from sync.rules.normalization import clean
from web.dependencies import MAX_ID, Form, text
from web.downloads import send_file
from web.security.auth import Operator, Reader, UserContext
from web.views.connection_tabs import TAB_BY_OPERATION, tab_values
from web.views.diagnostics import OperationView
from web.views.reconciliation_export import export_reconciliation
from web.views.settings_form import TITLES
from worker import dispatch

router = APIRouter()

DONE = {
    "saved": msg("Settings saved."),
    "sent": msg("Queued for syncing. Anything already in the ledger isn't posted again."),
    "busy": msg("This invoice is being processed right now, so nothing was done. Try again in a minute."),
    "brought": msg("Queued for syncing. We check Moment first, so nothing is created twice."),
    "voucher-busy": msg("This voucher is being processed right now, so nothing was done. Try again in a minute."),
    "accepted": msg("Accepted. It is shown as a difference again if it changes."),
    "withdrawn": msg("No longer accepted. It is shown as a difference again."),
    "gone": msg("Nothing was done: this is no longer a difference, or it can't be sent."),
}
UNEXPLAINED = msg("Enter a reason to accept this difference.")
MAX_REASON_LENGTH = 200
MAX_SHOWN = 200
"""Differences shown on a page; the command line lists all."""

TEMPLATES = {
    OperationType.DIAGNOSTICS: "operation.html",
    OperationType.SAVING: "save-settings.html",
    OperationType.RECONCILIATION: "reconciliation.html",
    OperationType.MONTHLY_RECONCILIATION: "reconciliation.html",
    OperationType.INITIAL_MATCHING: "matching.html",
    OperationType.BACKFILL: "backfill.html",
    OperationType.BACKFILL_PREVIEW: "backfill.html",
}
"""The types that have a page, with its template."""

ONBOARDING = (OperationType.INITIAL_MATCHING, OperationType.BACKFILL, OperationType.BACKFILL_PREVIEW)
"""The types that can be cancelled on their page."""

OperationId = Annotated[int, Path(le=MAX_ID)]


@router.get("/operations/{operation_id}")
def show(context: Reader, operation_id: OperationId) -> Response:
    """Show a result; viewers, such as auditors, may see reconciliations only."""
    operation = _operation(
        context, operation_id, *(TEMPLATES if context.current_user.is_operator else RECONCILIATIONS)
    )
    if operation.type is OperationType.SAVING and operation.actor != context.actor:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return _page(context, operation)


def _page(context: UserContext, operation: Operation, *, unexplained: str = "") -> Response:
    """Show an operation; ``unexplained`` is the key of a difference that was to be accepted without a reason."""
    report = recorded_report(context.database, operation)
    connection = context.connections.get_even_unreadable(operation.connection_id)
    return context.render(
        TEMPLATES[operation.type],
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if unexplained else status.HTTP_200_OK,
        view=OperationView(operation),
        is_running=operation.result is None,
        period=_period(operation),
        **tab_values(context.current_user, connection, TAB_BY_OPERATION[operation.type]),
        titles=TITLES,
        done=DONE.get(context.take_notice(keep=operation.result is None).code),
        report=report,
        job_ids=_job_ids(context, operation, report),
        accepted=discrepancies.acceptances_in(context.database, operation),
        max_shown=MAX_SHOWN,
        unexplained=unexplained,
        errors={"why": UNEXPLAINED} if unexplained else {},
    )


@router.post("/operations/{operation_id}/cancel")
def cancel(context: Operator, operation_id: OperationId) -> Response:
    """Cancel an initial matching or a backfill. What it has done so far stays."""
    _operation(context, operation_id, *ONBOARDING)
    with suppress(OperationEndedError):  # then its page shows the result
        context.operations.cancel(operation_id, actor=context.actor, now=context.now)
    return context.redirect(f"/operations/{operation_id}")


@router.post("/operations/{operation_id}/resolve")
def resolve(context: Operator, operation_id: OperationId, form: Form) -> Response:
    """Send or resend the record of a discrepancy, accept the discrepancy as known, or withdraw an acceptance."""
    operation = _operation(context, operation_id, *RECONCILIATIONS)
    report, key = recorded_report(context.database, operation), text(form, "key")
    if text(form, "action") == "withdraw":
        return context.redirect(f"/operations/{operation_id}", _withdraw(context, operation, report, key))
    discrepancy = next((each for each in (report.all_discrepancies if report else ()) if each.key == key), None)
    if discrepancy is None:
        done = "gone"
    elif text(form, "action") == "send":
        done = _send(context, operation, discrepancy)
    elif why := clean(text(form, "why"), max_length=MAX_REASON_LENGTH):
        acceptance = Acceptance(discrepancy.fingerprint, context.actor, why, context.now)
        discrepancies.accept(context.database, operation, key, acceptance, name=_name(discrepancy))
        done = "accepted"
    else:
        return _page(context, operation, unexplained=key)
    return context.redirect(f"/operations/{operation_id}", done)


@router.get("/reconciliations/{operation_id}/export")
def export(context: Reader, operation_id: OperationId) -> Response:
    """Send a reconciliation for Excel: its original findings and the acceptances recorded in it."""
    operation = _operation(context, operation_id, *RECONCILIATIONS)
    report = recorded_report(context.database, operation)
    if report is None:
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    name = context.connections.get_even_unreadable(operation.connection_id).name
    accepted = discrepancies.acceptances_in(context.database, operation)
    lines = export_reconciliation(
        report, operation, accepted, connection=name, language=context.current_user.language
    )
    file_name = f"reconciliation-{operation_id}-{report.first}-{report.last}.csv"
    return send_file(context, lines, name=file_name, media_type="text/csv; charset=utf-8")


def request_operation(
    context: UserContext, type_: OperationType, connection_id: int, *, input_: Mapping[str, str] | None = None
) -> int:
    operation_id = context.operations.request(
        type_, connection_id, input_=input_, actor=context.actor, now=context.now
    )
    dispatch.dispatch_operations([operation_id])
    return operation_id


def request_diagnostics(context: UserContext, connection_id: int, *, done: str = "") -> Response:
    operation_id = request_operation(context, OperationType.DIAGNOSTICS, connection_id)
    return context.redirect(f"/operations/{operation_id}", done)


def _period(operation: Operation) -> tuple[date, date] | None:
    days = [operation.input.get(name) for name in ("first", "last")]
    return (date.fromisoformat(days[0]), date.fromisoformat(days[1])) if days[0] and days[1] else None


def _send(context: UserContext, operation: Operation, discrepancy: Discrepancy) -> str:
    if not discrepancy.can_be_sent:
        return "gone"
    record = _record(discrepancy)
    assert record  # noqa: S101 - can_be_sent implies a record
    sent, busy = ("brought", "voucher-busy") if discrepancy.expense else ("sent", "busy")
    acted = discrepancies.resend(
        context.database,
        operation.connection_id,
        record,
        name=_name(discrepancy),
        actor=context.actor,
        now=context.now,
        expense=discrepancy.expense_to_unlink,
    )
    dispatch.dispatch_lanes(acted.lanes)
    return sent if acted.count else busy


def _record(discrepancy: Discrepancy) -> Record | None:
    """Return the record of a discrepancy; None for an entry that is only in the ledger."""
    if discrepancy.expense:
        return Record(EntityType.EXPENSE, discrepancy.vouchers[0]) if discrepancy.vouchers else None
    return Record(EntityType.INVOICE, discrepancy.moment_id) if discrepancy.moment_id else None


def _job_ids(context: UserContext, operation: Operation, report: ReconciliationReport | None) -> Mapping[str, int]:
    """Return the jobs of the records that differ, by the key of the discrepancy."""
    parts = [each for each in (report, report.expenses if report else None) if each]
    shown = [each for part in parts for each in (*part.discrepancies[:MAX_SHOWN], *part.accepted)]
    records = {each.key: record for each in shown if (record := _record(each))}
    found = related_records.job_ids(context.database, operation.connection_id, set(records.values()))
    return {key: found[record] for key, record in records.items() if record in found}


def _withdraw(context: UserContext, operation: Operation, report: ReconciliationReport | None, key: str) -> str:
    known = report.all_accepted if report else ()
    discrepancy = next((each for each in known if each.key == key), None)
    if discrepancy is None:
        return "gone"
    withdrawn = discrepancies.withdraw(
        context.database, operation, key, name=_name(discrepancy), actor=context.actor, now=context.now
    )
    return "withdrawn" if withdrawn else "gone"


def _name(discrepancy: Discrepancy) -> str:
    if discrepancy.moment_id and not discrepancy.expense:
        return titled(EntityType.INVOICE, discrepancy.number or discrepancy.moment_id)
    return msg("Voucher {name}", name=discrepancy.voucher_names)


def _operation(context: UserContext, operation_id: int, *types: OperationType) -> Operation:
    operation = context.operations.get(operation_id)
    if operation is None or operation.type not in types or not context.scope.allows(operation.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return operation
