"""The reconciliations of a connection: their results, and the form that requests one for a month."""

import re
from datetime import date

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from i18n.formatting import OSLO
from i18n.messages import Message, msg
from models.admin.operations import RECONCILIATIONS, Operation, OperationType
from models.connections.repository import Connection
from models.enums import Scope
from models.pagination import Key, Page
from sync.reconciliation.compare import last_month, month_of, recorded_report
from sync.reconciliation.report import ReconciliationReport
from web.dependencies import Form, text
from web.pages.connection import render_tab
from web.pages.operations import request_operation
from web.security.auth import Operator, Reader, UserContext

router = APIRouter(prefix="/connections")

FUTURE_MONTH = msg("Choose a month that has begun.")
A_MONTH = msg("Enter a month, such as 2026-01.")
MONTH = re.compile(r"20[0-9]{2}-[0-9]{2}")
RECONCILIATIONS_SHOWN = 12


@router.get("/{connection_id}/reconciliation")
def show(context: Reader, connection_id: int) -> Response:
    today = context.now.astimezone(OSLO).date()
    month = last_month(today).strftime("%Y-%m")
    return _page(context, context.connections.get_even_unreadable(connection_id), month=month)


@router.post("/{connection_id}/compare")
def reconcile(context: Operator, connection_id: int, form: Form) -> Response:
    """Request the reconciliation of a month, by default the last one."""
    connection, month = context.connections.get_even_unreadable(connection_id), text(form, "month").strip()
    today = context.now.astimezone(OSLO).date()
    day = _day_of(month) if month else last_month(today)
    if day is None or day > today:
        return _page(context, connection, month=month, month_error=FUTURE_MONTH if day else A_MONTH)
    first, last = month_of(day)
    days = {"first": first.isoformat(), "last": last.isoformat()}
    operation_id = request_operation(context, OperationType.RECONCILIATION, connection_id, input_=days)
    return RedirectResponse(f"/operations/{operation_id}", status.HTTP_303_SEE_OTHER)


def _page(
    context: UserContext, connection: Connection, *, month: str, month_error: Message | None = None
) -> Response:
    return render_tab(
        context,
        connection,
        "reconciliation",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if month_error else status.HTTP_200_OK,
        reconciliations=_reconciliations(context, connection),
        month=month,
        month_errors={"month": month_error} if month_error else {},
    )


def _reconciliations(
    context: UserContext, connection: Connection
) -> Page[tuple[Operation, ReconciliationReport | None]]:
    scope, key = Scope(frozenset({connection.id})), Key.parse(context.request.query_params.get("page", ""))
    found = context.operations.page(
        scope, types=RECONCILIATIONS, key=key, size=RECONCILIATIONS_SHOWN, with_place=True
    )
    return Page(
        [(each, recorded_report(context.database, each)) for each in found.lines],
        newer=found.newer,
        older=found.older,
        place=found.place,
    )


def _day_of(month: str) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if MONTH.fullmatch(month) else None
    except ValueError:
        return None
