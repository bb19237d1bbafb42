"""Onboarding: matching the customers and projects of both systems, and backfilling earlier records."""

from collections.abc import Mapping
from datetime import date

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from i18n.formatting import OSLO
from i18n.messages import Message, msg
from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.connections.settings import FIRST_DAY
from models.enums import EntityType
from sync.onboarding.backfill import ENTITY_TYPES
from web.dependencies import Form, text
from web.pages.connection import render_tab
from web.pages.operations import request_operation
from web.security.auth import Operator, UserContext
from web.views.settings_form import DATE_MESSAGE, REQUIRED_MESSAGE

router = APIRouter(prefix="/connections")

PREVIEW = "preview"
"""The action of the button that only shows what would happen."""

LAST_DAY = date(2100, 12, 31)
NO_SUCH_DATE = msg("Enter a date between 2000 and 2100.")
WRONG_ORDER = msg("The period ends before it starts.")
NO_TYPE = msg("Choose at least one type.")


@router.get("/{connection_id}/matching")
def show_matching(context: Operator, connection_id: int) -> Response:
    connection = context.connections.get_even_unreadable(connection_id)
    last = context.operations.latest(connection_id, OperationType.INITIAL_MATCHING)
    return render_tab(context, connection, "overview", template="matching-new.html", last=last)


@router.post("/{connection_id}/matching")
def match(context: Operator, connection_id: int, form: Form) -> Response:
    context.connections.get_even_unreadable(connection_id)
    asked = {
        "dry_run": "yes" if text(form, "action") == PREVIEW else "",
        "create": "yes" if text(form, "create") else "",
    }
    return _request(context, OperationType.INITIAL_MATCHING, connection_id, asked)


@router.get("/{connection_id}/backfill")
def show_backfill(context: Operator, connection_id: int) -> Response:
    connection, today = context.connections.get_even_unreadable(connection_id), context.now.astimezone(OSLO).date()
    entered = {"first": today.replace(month=1, day=1).isoformat(), "last": today.isoformat()}
    synced = [each for each in ENTITY_TYPES if each in connection.settings.entity_types]
    return _backfill_form(context, connection, entered, synced, {})


@router.post("/{connection_id}/backfill")
def backfill(context: Operator, connection_id: int, form: Form) -> Response:
    connection = context.connections.get_even_unreadable(connection_id)
    entered = {name: text(form, name).strip() for name in ("first", "last")}
    given = {str(each) for each in form.getlist("entity_types")}
    chosen = [each for each in ENTITY_TYPES if each in given and each in connection.settings.entity_types]
    if errors := _errors(entered, chosen):
        return _backfill_form(context, connection, entered, chosen, errors)
    is_preview = text(form, "action") == PREVIEW
    type_ = OperationType.BACKFILL_PREVIEW if is_preview else OperationType.BACKFILL
    return _request(context, type_, connection_id, {**entered, "entity_types": ",".join(sorted(chosen))})


def _request(
    context: UserContext, type_: OperationType, connection_id: int, asked: Mapping[str, str]
) -> RedirectResponse:
    operation_id = request_operation(context, type_, connection_id, input_=asked)
    return RedirectResponse(f"/operations/{operation_id}", status.HTTP_303_SEE_OTHER)


def _backfill_form(
    context: UserContext,
    connection: Connection,
    entered: Mapping[str, str],
    chosen: list[EntityType],
    errors: Mapping[str, Message],
) -> Response:
    return render_tab(
        context,
        connection,
        "overview",
        template="backfill-new.html",
        entered=entered,
        chosen=chosen,
        synced=[each for each in ENTITY_TYPES if each in connection.settings.entity_types],
        errors=errors,
        last=context.operations.latest(connection.id, OperationType.BACKFILL),
    )


def _errors(entered: Mapping[str, str], chosen: list[EntityType]) -> dict[str, Message]:
    days = {name: _day(value) for name, value in entered.items()}
    errors = {name: each for name, each in days.items() if isinstance(each, Message)}
    if not errors and str(days["first"]) > str(days["last"]):
        errors["last"] = WRONG_ORDER
    return errors if chosen else errors | {"entity_types": NO_TYPE}


def _day(value: str) -> date | Message:
    """Read the date of a form; return the error if it is not valid."""
    if not value:
        return REQUIRED_MESSAGE
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return DATE_MESSAGE
    return day if FIRST_DAY <= day <= LAST_DAY else NO_SUCH_DATE
