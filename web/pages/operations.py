"""What became of a test, a comparison or settings to be saved; the page asks again until a worker has answered."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response, status
from fastapi.responses import RedirectResponse

from i18n.messages import msg
from models.admin import discrepancies
from models.admin.discrepancies import Acceptance
from models.admin.operations import Operation, OperationType
from models.enums import EntityType, Record, titled
from sync.reconciliation.report import Discrepancy
from sync.rules.normalization import clean
from web.security.auth import CurrentUser, Operator
from web.security.csrf import Form, text
from web.views.diagnostics import OperationView
from web.views.settings_form import TITLES
from web.views.templates import render
from worker import dispatch
from worker.container import clock, get_container
from worker.jobs import reconciliation

router = APIRouter()

DONE = {
    "saved": msg("The settings are saved."),
    "added": msg("The connection is added. Nothing travels before you start it."),
    "sent": msg("It is on its way. What is in the ledger already is not posted again."),
    "busy": msg("A worker has this invoice in hand just now: nothing was done. Try again in a minute."),
    "brought": msg("It is on its way. Moment is looked at first, so that nothing is made twice."),
    "voucher-busy": msg("A worker has this voucher in hand just now: nothing was done. Try again in a minute."),
    "accepted": msg("It is known from now on, and no difference as long as it stays as it is."),
    "unexplained": msg("Nothing was done: say why it is accepted as known."),
    "gone": msg("Nothing was done: this is no difference any more, or it cannot be sent."),
}
MAX_ID = 2**63 - 1
MAX_REASON_LENGTH = 200
MAX_SHOWN = 200
"""Differences on a page; the command line tells all."""

RECONCILIATIONS = (OperationType.RECONCILIATION, OperationType.MONTHLY_RECONCILIATION)
OperationId = Annotated[int, Path(le=MAX_ID)]


@router.get("/operations/{operation_id}")
def show(request: Request, current_user: Operator, operation_id: OperationId, done: str = "") -> Response:
    """Show what was found, or that it is being looked at."""
    operation = _operation(
        current_user, operation_id, OperationType.DIAGNOSTICS, OperationType.SAVING, *RECONCILIATIONS
    )
    if operation.type is OperationType.SAVING and operation.actor != current_user.email:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    compared = operation.type in RECONCILIATIONS
    return render(
        request,
        current_user,
        "reconciliation.html"
        if compared
        else "save-settings.html"
        if operation.type is OperationType.SAVING
        else "operation.html",
        view=OperationView(operation),
        connection=get_container().connections.get(operation.connection_id),
        titles=TITLES,
        done=DONE.get(done),
        report=reconciliation.report_of(get_container(), operation) if compared else None,
        accepted=discrepancies.accepted(get_container().database, operation.connection_id) if compared else {},
        max_shown=MAX_SHOWN,
    )


@router.post("/operations/{operation_id}/resolve")
def resolve(current_user: Operator, operation_id: OperationId, form: Form) -> Response:
    """Send the invoice or voucher of a difference (again), or accept the difference as known."""
    operation = _operation(current_user, operation_id, *RECONCILIATIONS)
    report = reconciliation.report_of(get_container(), operation)
    key = text(form, "key")
    discrepancy = next((each for each in (report.all_discrepancies if report else ()) if each.key == key), None)
    if discrepancy is None:
        done = "gone"
    elif text(form, "action") == "send":
        done = _send(current_user, operation, discrepancy)
    else:
        done = _accept(
            current_user, operation, discrepancy, why=clean(text(form, "why"), max_length=MAX_REASON_LENGTH)
        )
    return RedirectResponse(f"/operations/{operation_id}?done={done}", status.HTTP_303_SEE_OTHER)


def _send(current_user: CurrentUser, operation: Operation, discrepancy: Discrepancy) -> str:
    if not discrepancy.can_be_sent:
        return "gone"
    if discrepancy.expense:
        record, sent, busy = Record(EntityType.EXPENSE, discrepancy.vouchers[0]), "brought", "voucher-busy"
    else:
        record, sent, busy = Record(EntityType.INVOICE, discrepancy.moment_id), "sent", "busy"
    acted = discrepancies.resend(
        get_container().database,
        operation.connection_id,
        record,
        name=_name(discrepancy),
        actor=current_user.email,
        now=clock(),
        expense=discrepancy.expense_to_unlink,
    )
    dispatch.dispatch_lanes(acted.lanes)
    return sent if acted.count else busy


def _accept(current_user: CurrentUser, operation: Operation, discrepancy: Discrepancy, *, why: str) -> str:
    if not why:
        return "unexplained"
    acceptance = Acceptance(discrepancy.fingerprint, current_user.email, why, clock())
    name = _name(discrepancy)
    discrepancies.accept(get_container().database, operation.connection_id, discrepancy.key, acceptance, name=name)
    return "accepted"


def _name(discrepancy: Discrepancy) -> str:
    if discrepancy.moment_id and not discrepancy.expense:
        return titled(EntityType.INVOICE, discrepancy.number or discrepancy.moment_id)
    return msg("Voucher {name}", name=discrepancy.voucher_names)


def _operation(current_user: CurrentUser, operation_id: int, *asked: OperationType) -> Operation:
    operation = get_container().operations.get(operation_id)
    if operation is None or operation.type not in asked or not current_user.scope.allows(operation.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return operation
