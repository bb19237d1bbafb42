"""The connections: which there are, and what people do with one. Its own page is in :mod:`.setup`."""

import re
from datetime import date
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from i18n.messages import msg
from models.admin.operations import OperationType
from models.connections import repository as connections
from models.connections.repository import MAX_NAME_LENGTH, MAX_REASON_LENGTH, NOT_STARTED, NameTakenError
from models.connections.settings import ConnectionSettings
from sync.rules.normalization import clean
from web.security.auth import Administrator, AdministratorEverywhere, CurrentUser, Operator, Reader
from web.security.csrf import Form, text
from web.views import settings_form
from web.views.settings_form import Errors, Typed
from web.views.templates import render
from worker import dispatch
from worker.container import clock, get_container
from worker.jobs import reconciliation

router = APIRouter(prefix="/connections")

MONTH = re.compile(r"20[0-9]{2}-[0-9]{2}")
PAGE_SIZE = 50
"""Connections of a page."""


@router.get("")
def show_all(request: Request, current_user: Reader, name: str = "", after: str = "") -> Response:
    """List the connections that somebody sees, by name, a page after the other."""
    name, after = (clean(text, max_length=MAX_NAME_LENGTH) for text in (name, after))
    found = connections.summaries(
        get_container().database, current_user.scope, like=name, after=after, limit=PAGE_SIZE + 1
    )
    return render(
        request,
        current_user,
        "connections.html",
        connections=found[:PAGE_SIZE],
        name=name,
        first=f"?{urlencode({'name': name})}" if after else None,
        further=f"?{urlencode({'name': name, 'after': found[PAGE_SIZE - 1].name})}"
        if len(found) > PAGE_SIZE
        else None,
        not_started=NOT_STARTED,
    )


@router.get("/new")
def new_form(request: Request, current_user: AdministratorEverywhere) -> Response:
    """Ask for what it takes to get into both systems."""
    return _new(request, current_user, dict.fromkeys(("name", *settings_form.REQUIRED), ""), {})


@router.post("/new")
def add(request: Request, current_user: AdministratorEverywhere, form: Form) -> Response:
    """Add a connection that is not started yet, and have it tested."""
    name = clean(text(form, "name"), max_length=MAX_NAME_LENGTH)
    typed = settings_form.typed(form) | {"name": name}
    entered, errors = settings_form.read(typed, known={}, names=settings_form.REQUIRED)
    if not name:
        errors["name"] = settings_form.REQUIRED_MESSAGE
    if errors:
        return _new(request, current_user, typed, errors)
    settings = ConnectionSettings.model_validate(entered)
    try:
        added, _ = get_container().connections.add(
            name, settings, actor=current_user.email, now=clock(), started=False
        )
    except NameTakenError as error:
        return _new(request, current_user, typed, {"name": error.args[0]})
    return request_diagnostics(current_user, added.id, done="added")


@router.post("/{connection_id}/test")
def test(current_user: Operator, connection_id: int) -> Response:
    """Have the connection tested."""
    get_container().connections.get(connection_id)
    return request_diagnostics(current_user, connection_id)


@router.post("/{connection_id}/pause")
def pause(current_user: Operator, connection_id: int, form: Form) -> Response:
    """Stop the connection's work until somebody resumes it."""
    because = clean(text(form, "because"), max_length=MAX_REASON_LENGTH) or msg("It was paused by hand.")
    get_container().connections.pause(connection_id, because, actor=current_user.email, now=clock())
    return _back(connection_id, "paused")


@router.post("/{connection_id}/resume")
def resume(current_user: Operator, connection_id: int) -> Response:
    """Let the connection work again, or for the first time."""
    get_container().connections.resume(connection_id, actor=current_user.email, now=clock())
    return _back(connection_id, "resumed")


@router.post("/{connection_id}/token")
def token(request: Request, current_user: Administrator, connection_id: int) -> Response:
    """Give the webhook a new address and show it: now or never, since only its hash is kept, hence no redirect."""
    connection = get_container().connections.get(connection_id)
    made = get_container().connections.new_token(connection_id, actor=current_user.email, now=clock())
    address = f"{get_container().settings.public_url}/webhooks/moment/{made}"
    return render(request, current_user, "webhook.html", connection=connection, address=address)


@router.post("/{connection_id}/compare")
def reconcile(current_user: Operator, connection_id: int, form: Form) -> Response:
    """Have the books of a month compared, of the last one where the month cannot be read."""
    get_container().connections.get(connection_id)
    first, last = reconciliation.month_of(
        _day_of(text(form, "month")) or reconciliation.last_month(clock().date())
    )
    typed = {"first": first.isoformat(), "last": last.isoformat()}
    errand = get_container().operations.request(
        OperationType.RECONCILIATION, connection_id, input_=typed, actor=current_user.email, now=clock()
    )
    dispatch.dispatch_operations([errand])
    return RedirectResponse(f"/operations/{errand}", status.HTTP_303_SEE_OTHER)


def request_diagnostics(current_user: CurrentUser, connection_id: int, *, done: str = "") -> Response:
    """Have a worker test a connection, and lead to where its answer will stand."""
    errand = get_container().operations.request(
        OperationType.DIAGNOSTICS, connection_id, actor=current_user.email, now=clock()
    )
    dispatch.dispatch_operations([errand])
    query = f"?done={done}" if done else ""
    return RedirectResponse(f"/operations/{errand}{query}", status.HTTP_303_SEE_OTHER)


def _day_of(month: str) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if MONTH.fullmatch(month) else None
    except ValueError:
        return None


def _new(request: Request, current_user: CurrentUser, typed: Typed, errors: Errors) -> Response:
    return render(
        request,
        current_user,
        "connection-new.html",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK,
        form=settings_form.without_secrets(typed),
        errors=errors,
        titles=settings_form.TITLES,
    )


def _back(connection_id: int, done: str) -> Response:
    return RedirectResponse(f"/connections/{connection_id}?done={done}", status.HTTP_303_SEE_OTHER)
