"""The settings of a connection, for administrators: edited, saved and tested."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import RedirectResponse

from i18n.formatting import OSLO
from i18n.messages import msg
from models.admin.operations import OPERATION_TIMEOUT, OperationType
from models.connections.repository import SECRET_FIELDS, ConcurrentUpdateError, Connection, SettingRefusedError
from models.connections.settings import (
    ConnectionSettings,
    first_days_to_confirm,
    may_open_other_data,
    secrets_to_reenter,
)
from web.dependencies import MAX_ID, Form, text
from web.pages.confirmation import confirm_identity
from web.pages.connection import known_clients, render_tab, start_test
from web.pages.operations import request_operation
from web.security.auth import Administrator, UserContext
from web.views import settings_form
from web.views.diagnostics import OperationView, known_accounts
from web.views.settings_form import Errors, Typed
from worker import dispatch

router = APIRouter(prefix="/connections")

LOGIN = ("username", "password")
UNPROVEN = msg(
    "Enter the password again. For security, the available clients are only shown to people who know it."
)
FROM_WHICH_DAY = msg("From which date? Anything dated earlier is skipped. Save again to confirm this date.")
OperationId = Annotated[int, Query(ge=0, le=MAX_ID)]


@dataclass(frozen=True, slots=True)
class Draft:
    """The contents of the form, the version of the settings that it started from, and its errors.

    ``clients`` is the operation that looks up the clients of a login that is typed but not saved.
    ``asks_first_day`` is set while the user must confirm the first day of newly synced types.
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


@router.get("/{connection_id}/settings")
def show(context: Administrator, connection_id: int, operation: OperationId = 0) -> Response:
    """Show the settings, or the input of an ``operation`` of this user: a client lookup or a refused save."""
    connection = context.connections.get_even_unreadable(connection_id)
    draft = _draft_of_operation(context, connection_id, operation)
    if draft is None:
        draft = Draft(settings_form.as_form(connection.settings), _version(connection))
    return _page(context, connection, draft)


@router.post("/{connection_id}/settings")
def save(context: Administrator, connection_id: int, form: Form) -> Response:
    """Save the settings and request a test, unless there are errors or another user saved first.

    A worker tries settings that may open another client before it saves them. Administrators of all connections
    skip that, unless there are links: a new login for the same client keeps them.
    """
    connection, typed = context.connections.get_even_unreadable(connection_id), settings_form.typed(form)
    draft = Draft(settings_form.without_secrets(typed), text(form, "version"))
    again = partial(_page, context, connection)
    if draft.version != _version(connection):
        return again(replace(draft, outdated=True), posted=True)
    entered, errors = _read_form(context, connection, typed)
    if not errors and text(form, "first_day") != "confirmed":
        days = first_days_to_confirm(connection.settings, entered)
        today = context.now.astimezone(OSLO).date().isoformat()
        draft = replace(draft, form=draft.form | dict.fromkeys(days, today), asks_first_day=bool(days))
        errors = dict.fromkeys(days, FROM_WHICH_DAY)
    if errors:
        return again(replace(draft, errors=errors), posted=True)
    if may_open_other_data(connection.settings, entered) or not SECRET_FIELDS.isdisjoint(entered):
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
        return start_test(context, connection, done="saved")
    dispatch.dispatch_operations([saving])
    return RedirectResponse(f"/operations/{saving}", status.HTTP_303_SEE_OTHER)


@router.post("/{connection_id}/clients")
def fetch_clients(context: Administrator, connection_id: int, form: Form) -> Response:
    """Request the clients that the typed login reaches, and redirect back to the form with its input.

    The saved password is used only for administrators of all connections.
    """
    connection, typed = context.connections.get_even_unreadable(connection_id), settings_form.typed(form)
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
        f"/connections/{connection_id}/settings?operation={operation_id}#identity", status.HTTP_303_SEE_OTHER
    )


def _page(context: UserContext, connection: Connection, draft: Draft, *, posted: bool = False) -> Response:
    known = known_clients(context, connection)
    last = context.operations.latest(connection.id, OperationType.SAVING)
    is_saving = last and last.result is None and last.requested_at > context.now - OPERATION_TIMEOUT
    # Only administrators of all connections may see which clients the saved login reaches.
    clients = known.reached if context.current_user.administers_all else []
    shown = draft.clients.clients if draft.clients else clients
    # Other clients are named only if this user may see them.
    names = {connection.settings.identity_id.lower(): known.own_name}
    names |= {each["id"].lower(): each["name"] for each in shown}
    return render_tab(
        context,
        connection,
        "settings",
        status=draft.status if posted else status.HTTP_200_OK,
        saving=last if is_saving else None,
        clients=shown,
        chosen_client=names.get(draft.form["identity_id"].lower(), ""),
        draft=draft,
        titles=settings_form.TITLES,
    )


def _draft_of_operation(context: UserContext, connection_id: int, operation_id: int) -> Draft | None:
    """Return what this user had typed when they requested the operation; None if they did not request it."""
    if not operation_id:
        return None
    operation = context.operations.get(operation_id)
    if operation is None or (operation.connection_id, operation.actor) != (connection_id, context.actor):
        return None
    if operation.type not in (OperationType.CLIENTS, OperationType.SAVING) or not operation.input:
        return None
    result, typed = OperationView(operation), settings_form.without_secrets(operation.input)
    draft = Draft(typed, typed.pop("version", ""))
    if operation.type is OperationType.CLIENTS:
        return replace(draft, clients=result, errors=result.errors)
    return replace(draft, errors=result.errors, outdated=result.is_outdated)


def _read_form(context: UserContext, connection: Connection, typed: Typed) -> tuple[dict[str, Any], Errors]:
    known = dict(connection.settings)
    entered, errors = settings_form.read(typed, known=known)
    if not context.current_user.administers_all:
        errors |= secrets_to_reenter(connection.settings, entered)
    if errors:
        return entered, errors
    after = ConnectionSettings.model_validate({**known, **entered})
    chart = known_accounts(context.operations, connection, after, now=context.now)
    return entered, settings_form.unknown_accounts(connection.settings, after, chart)


def _version(connection: Connection) -> str:
    return connection.updated_at.isoformat()
