"""One connection: how it does, what a test has found, and its settings for those who may change them."""

import re
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import RedirectResponse

from i18n.formatting import OSLO
from i18n.messages import joined, msg
from models.admin import connection_list
from models.admin.connection_list import POLLS_SHOWN_AFTER
from models.admin.operations import RECONCILIATIONS, WORTHWHILE, Operation, OperationType
from models.connections.repository import (
    NOT_STARTED,
    SECRET_FIELDS,
    ConcurrentUpdateError,
    Connection,
    SettingRefusedError,
)
from models.connections.settings import ConnectionSettings, first_days_to_ask, opens_others, unproven
from models.enums import EntityType, Scope, plural_of
from models.inbox import cursors, missed_webhooks, webhook_intake
from models.pagination import Key, Page
from sync.polling import stalled
from sync.reconciliation.compare import last_month, month_of
from sync.reconciliation.report import ReconciliationReport
from web.dependencies import Form, text
from web.pages.confirmation import confirm_identity
from web.pages.operations import report_of, request_diagnostics, request_operation
from web.security.auth import Administrator, Operator, Reader, UserContext
from web.views import settings_form
from web.views.diagnostics import OperationView, known_accounts
from web.views.settings_form import Errors, Typed
from worker import dispatch

router = APIRouter(prefix="/connections")

DONE = {
    "paused": msg("Connection paused. New records are queued."),
    "renamed": msg("Connection renamed."),
    "resumed": msg("Connection resumed. Queued records are being processed."),
    "taken": msg("There is already a connection for this Moment company. Contact your system administrator."),
}
WEBHOOK_TYPES = (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE)
"""What Moment has a webhook for."""

LOGIN = ("username", "password")
UNPROVEN = msg(
    "Enter the password again. For security, the available clients are only shown to people who know it."
)
FROM_WHICH_DAY = msg("From which date? Anything dated earlier is skipped. Save again to confirm this date.")
FUTURE_MONTH = msg("Choose a month that has begun.")
A_MONTH = msg("Enter a month, such as 2026-01.")
MONTH = re.compile(r"20[0-9]{2}-[0-9]{2}")
RECONCILIATIONS_SHOWN = 12
MAX_ID = 2**63 - 1
OperationId = Annotated[int, Query(ge=0, le=MAX_ID)]


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, which version of the settings it was made from, and what is wrong with it.

    ``clients`` is what was asked about a login that is typed but not saved. What a worker did not save stands here
    with what is wrong, under the address that names its operation. It ``asks_first_day`` of types switched on.
    """

    form: Typed
    version: str
    errors: Errors = field(default_factory=dict)
    outdated: bool = False
    clients: OperationView | None = None
    asks_first_day: bool = False

    @property
    def status(self) -> int:
        if self.outdated:
            return status.HTTP_409_CONFLICT
        return status.HTTP_422_UNPROCESSABLE_CONTENT if self.errors else status.HTTP_200_OK


@router.get("/{connection_id}")
def show(context: Reader, connection_id: int, operation: OperationId = 0) -> Response:
    """Show a connection; ``operation`` is what a worker is asked about what somebody has typed here."""
    connection = context.connections.get_shown(connection_id)
    draft = _draft_of_operation(context, connection_id, operation)
    if draft is None:
        draft = Draft(settings_form.as_form(connection.settings), _version(connection))
    return _page(context, connection, draft)


@router.post("/{connection_id}")
def save(context: Administrator, connection_id: int, form: Form) -> Response:
    """Save the settings and have them tested, unless something does not fit or somebody else was faster.

    Those that may open another client a worker saves, once it has tried them; administrators of all connections
    need not wait for it, unless there are links, which another login for the same client keeps.
    """
    connection, typed = context.connections.get_shown(connection_id), settings_form.typed(form)
    draft = Draft(settings_form.without_secrets(typed), text(form, "version"))
    again = partial(_page, context, connection)
    if draft.version != _version(connection):
        return again(replace(draft, outdated=True), posted=True)
    entered, errors = _entered(context, connection, typed)
    if not errors and text(form, "first_day") != "confirmed":
        days = first_days_to_ask(connection.settings, entered)
        today = context.now.astimezone(OSLO).date().isoformat()
        draft = replace(draft, form=draft.form | dict.fromkeys(days, today), asks_first_day=bool(days))
        errors = dict.fromkeys(days, FROM_WHICH_DAY)
    if errors:
        return again(replace(draft, errors=errors), posted=True)
    if opens_others(connection.settings, entered) or not SECRET_FIELDS.isdisjoint(entered):
        confirm_identity(context, form)
    try:
        saving = context.container.save_settings(
            connection,
            entered,
            actor=context.actor,
            administers_all=context.current_user.administers_all,
            typed=typed,
        )
    except ConcurrentUpdateError:
        return again(replace(draft, outdated=True), posted=True)
    except SettingRefusedError as error:
        return again(replace(draft, errors={error.setting: error.args[0]}), posted=True)
    if saving is None:
        return request_diagnostics(context, connection_id, done="saved")
    dispatch.dispatch_operations([saving])
    return RedirectResponse(f"/operations/{saving}", status.HTTP_303_SEE_OTHER)


@router.post("/{connection_id}/clients")
def fetch_clients(context: Administrator, connection_id: int, form: Form) -> Response:
    """Ask which clients the login reaches that is typed in the form, and lead back to the form as it stands.

    The password that is known is tried for administrators of all connections only.
    """
    connection, typed = context.connections.get_shown(connection_id), settings_form.typed(form)
    version, password = text(form, "version"), typed["password"]
    if not password and context.current_user.administers_all:
        password = connection.settings.password.get_secret_value()
    _, errors = settings_form.read(typed, known=dict(connection.settings), names=LOGIN)
    wrong = {name: error for name, error in errors.items() if name in LOGIN}
    if not password:
        wrong["password"] = UNPROVEN
    if wrong:
        draft = Draft(settings_form.without_secrets(typed), version, wrong)
        return _page(context, connection, draft, posted=True)
    asked = typed | {"version": version, "password": password}
    operation_id = request_operation(context, OperationType.CLIENTS, connection_id, input_=asked)
    return RedirectResponse(
        f"/connections/{connection_id}?operation={operation_id}#identity", status.HTTP_303_SEE_OTHER
    )


@router.post("/{connection_id}/compare")
def reconcile(context: Operator, connection_id: int, form: Form) -> Response:
    """Have the ledgers of a month compared, of the last one where none is named."""
    connection, month = context.connections.get_shown(connection_id), text(form, "month").strip()
    today = context.now.astimezone(OSLO).date()
    day = _day_of(month) if month else last_month(today)
    if day is None or day > today:
        draft = Draft(settings_form.as_form(connection.settings), _version(connection))
        return _page(context, connection, draft, month=month, month_error=FUTURE_MONTH if day else A_MONTH)
    first, last = month_of(day)
    days = {"first": first.isoformat(), "last": last.isoformat()}
    operation_id = request_operation(context, OperationType.RECONCILIATION, connection_id, input_=days)
    return RedirectResponse(f"/operations/{operation_id}", status.HTTP_303_SEE_OTHER)


def _page(
    context: UserContext,
    connection: Connection,
    draft: Draft,
    *,
    posted: bool = False,
    month: str = "",
    month_error: str = "",
) -> Response:
    last = context.operations.latest(connection.id, OperationType.DIAGNOSTICS)
    (summary,) = connection_list.summaries(context.database, Scope(frozenset({connection.id})), now=context.now)
    failing = cursors.failing(context.database, connection.id, before=context.now - POLLS_SHOWN_AFTER)
    limited = connection.webhook_limited_until
    notified = webhook_intake.latest_activity(context.database, connection.id)
    missed = missed_webhooks.count(context.database, connection.id, now=context.now)
    tested = OperationView(last).clients if last and last.requested_at >= connection.updated_at else []
    # Which clients the saved login reaches is for administrators of all connections to know.
    clients = tested if context.current_user.administers_all else []
    shown, own = draft.clients.clients if draft.clients else clients, connection.settings.identity_id
    client_name = connection.client_name or next((each["name"] for each in tested if each["id"] == own), "")
    # Of other clients only those are named that this person is shown.
    names = {own.lower(): client_name} | {each["id"].lower(): each["name"] for each in shown}
    notice, today = context.take_notice(), context.now.astimezone(OSLO).date()
    return context.render(
        "connection.html",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if month_error else draft.status if posted else 200,
        connection=connection,
        summary=summary,
        failing_polls=[stalled.told(poll) for poll in failing] if not connection.paused_because else [],
        reconciliations=_reconciliations(context, connection),
        month=month or last_month(today).strftime("%Y-%m"),
        last=OperationView(last) if last else None,
        saving=_saving(context, connection),
        clients=shown,
        client=client_name,
        chosen_client=names.get(draft.form["identity_id"].lower(), ""),
        webhooks=[(plural_of(each), notified.get(each), missed.get(each, 0)) for each in WEBHOOK_TYPES],
        webhook_limited=bool(limited and limited > context.now),
        draft=draft,
        entity_types=joined(
            *(plural_of(each) for each in EntityType if each in connection.settings.entity_types), between=", "
        ),
        titles=settings_form.TITLES,
        not_started=NOT_STARTED,
        done=DONE.get(notice.code),
        refused=notice.code == "taken",
        month_errors={"month": month_error} if month_error else {},
    )


def _draft_of_operation(context: UserContext, connection_id: int, operation_id: int) -> Draft | None:
    """Return what somebody had typed when they asked for clients, or had it saved; None where they did not."""
    if not (operation_id and context.current_user.is_administrator):
        return None
    operation = context.operations.get(operation_id)
    if operation is None or (operation.connection_id, operation.actor) != (connection_id, context.actor):
        return None
    if operation.type not in (OperationType.CLIENTS, OperationType.SAVING) or not operation.input:
        return None
    told, typed = OperationView(operation), settings_form.without_secrets(operation.input)
    draft = Draft(typed, typed.pop("version", ""))
    if operation.type is OperationType.CLIENTS:
        return replace(draft, clients=told, errors=told.errors)
    return replace(draft, errors=told.errors, outdated=told.is_outdated)


def _reconciliations(
    context: UserContext, connection: Connection
) -> Page[tuple[Operation, ReconciliationReport | None]]:
    scope, key = Scope(frozenset({connection.id})), Key.parse(context.request.query_params.get("page", ""))
    found = context.operations.page(scope, types=RECONCILIATIONS, key=key, size=RECONCILIATIONS_SHOWN)
    return Page([(each, report_of(context, each)) for each in found.lines], newer=found.newer, older=found.older)


def _saving(context: UserContext, connection: Connection) -> Operation | None:
    last = context.operations.latest(connection.id, OperationType.SAVING)
    return last if last and last.result is None and last.requested_at > context.now - WORTHWHILE else None


def _entered(context: UserContext, connection: Connection, typed: Typed) -> tuple[dict[str, Any], Errors]:
    known = dict(connection.settings)
    entered, errors = settings_form.read(typed, known=known)
    if not context.current_user.administers_all:
        errors |= unproven(connection.settings, entered)
    if errors:
        return entered, errors
    after = ConnectionSettings.model_validate({**known, **entered})
    chart = known_accounts(context.operations, connection, after, now=context.now)
    return entered, settings_form.unknown_accounts(connection.settings, after, chart)


def _day_of(month: str) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if MONTH.fullmatch(month) else None
    except ValueError:
        return None


def _version(connection: Connection) -> str:
    return connection.updated_at.isoformat()
