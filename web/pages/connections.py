"""The connections: which there are, and what people do with one. Its own page is in :mod:`.connection`."""

import re
from datetime import date
from urllib.parse import urlencode

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from i18n.messages import msg
from models.admin.operations import OperationType
from models.connections import repository as connections
from models.connections.repository import (
    MAX_NAME_LENGTH,
    MAX_REASON_LENGTH,
    NOT_STARTED,
    CompanyTakenError,
    NameTakenError,
)
from models.connections.settings import ConnectionSettings
from sync.reconciliation.compare import last_month, month_of
from sync.rules.normalization import clean
from web.dependencies import Form, text
from web.pages.confirmation import confirm_identity
from web.pages.operations import request_diagnostics, request_operation
from web.security.auth import Administrator, AdministratorEverywhere, Operator, Reader, UserContext
from web.views import settings_form
from web.views.settings_form import Errors, Typed

router = APIRouter(prefix="/connections")

MONTH = re.compile(r"20[0-9]{2}-[0-9]{2}")
PAGE_SIZE = 50
"""Connections of a page."""


@router.get("")
def show_all(context: Reader, name: str = "", after: str = "") -> Response:
    name, after = (clean(text, max_length=MAX_NAME_LENGTH) for text in (name, after))
    found = connections.summaries(context.database, context.scope, like=name, after=after, limit=PAGE_SIZE + 1)
    further = None
    if len(found) > PAGE_SIZE:
        further = f"?{urlencode({'name': name, 'after': found[PAGE_SIZE - 1].name})}"
    return context.render(
        "connections.html",
        connections=found[:PAGE_SIZE],
        name=name,
        first=f"?{urlencode({'name': name})}" if after else None,
        further=further,
        not_started=NOT_STARTED,
    )


@router.get("/new")
def new_form(context: AdministratorEverywhere) -> Response:
    return _new(context, dict.fromkeys(("name", *settings_form.REQUIRED), ""), {})


@router.post("/new")
def add(context: AdministratorEverywhere, form: Form) -> Response:
    """Add a connection that is not started yet, and have it tested."""
    confirm_identity(context, form)
    name = clean(text(form, "name"), max_length=MAX_NAME_LENGTH)
    typed = settings_form.typed(form) | {"name": name}
    entered, errors = settings_form.read(typed, known={}, names=settings_form.REQUIRED)
    if not name:
        errors["name"] = settings_form.REQUIRED_MESSAGE
    if errors:
        return _new(context, typed, errors)
    settings = ConnectionSettings.model_validate(entered)
    try:
        added, _ = context.connections.add(name, settings, actor=context.actor, now=context.now, started=False)
    except NameTakenError as error:
        return _new(context, typed, {"name": error.args[0]})
    except CompanyTakenError as error:
        return _new(context, typed, {"moment_company": error.args[0]})
    return request_diagnostics(context, added.id, done="added")


@router.post("/{connection_id}/test")
def test(context: Operator, connection_id: int) -> Response:
    context.connections.get_shown(connection_id)
    return request_diagnostics(context, connection_id)


@router.post("/{connection_id}/pause")
def pause(context: Operator, connection_id: int, form: Form) -> Response:
    because = clean(text(form, "because"), max_length=MAX_REASON_LENGTH) or msg("No reason given.")
    context.connections.pause(connection_id, because, actor=context.actor, now=context.now)
    return _back(connection_id, "paused")


@router.post("/{connection_id}/resume")
def resume(context: Operator, connection_id: int) -> Response:
    """Let the connection work again, or for the first time."""
    try:
        context.connections.resume(connection_id, actor=context.actor, now=context.now)
    except CompanyTakenError:
        return _back(connection_id, "taken")
    return _back(connection_id, "resumed")


@router.post("/{connection_id}/token")
def token(context: Administrator, connection_id: int, form: Form) -> Response:
    """Give the webhook a new address and show it: now or never, since only its hash is kept, hence no redirect."""
    connection = context.connections.get_shown(connection_id)
    confirm_identity(context, form)
    made = context.connections.new_token(connection_id, actor=context.actor, now=context.now)
    address = f"{context.container.settings.public_url}/webhooks/moment/{made}"
    return context.render("webhook.html", connection=connection, address=address)


@router.post("/{connection_id}/compare")
def reconcile(context: Operator, connection_id: int, form: Form) -> Response:
    """Have the ledgers of a month compared, of the last one where the month cannot be read."""
    context.connections.get_shown(connection_id)
    first, last = month_of(_day_of(text(form, "month")) or last_month(context.now.date()))
    days = {"first": first.isoformat(), "last": last.isoformat()}
    operation_id = request_operation(context, OperationType.RECONCILIATION, connection_id, input_=days)
    return RedirectResponse(f"/operations/{operation_id}", status.HTTP_303_SEE_OTHER)


def _day_of(month: str) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if MONTH.fullmatch(month) else None
    except ValueError:
        return None


def _new(context: UserContext, typed: Typed, errors: Errors) -> Response:
    return context.render(
        "connection-new.html",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK,
        form=settings_form.without_secrets(typed),
        errors=errors,
        titles=settings_form.TITLES,
    )


def _back(connection_id: int, done: str) -> Response:
    return RedirectResponse(f"/connections/{connection_id}?done={done}", status.HTTP_303_SEE_OTHER)
