"""The connections: which there are, and what people do with one. Its own page is in :mod:`.setup`."""

import re
from datetime import date
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from language.said import say
from models import connections
from models.connections import LONGEST_NAME, LONGEST_REASON, NOT_STARTED, NameTaken
from models.errands import Asked
from models.settings import ConnectionSettings
from sync.cleaning import clean
from web import settings_form
from web.forms import Form, text
from web.rendering import render
from web.settings_form import Errors, Typed
from web.visitors import Administrator, AdministratorEverywhere, Operator, Reader, Visitor
from worker import comparing, dispatch
from worker.wiring import bridge, clock

router = APIRouter(prefix="/connections")

MONTH = re.compile(r"20[0-9]{2}-[0-9]{2}")
MOST = 50
"""Connections of a page."""


@router.get("")
def show_all(request: Request, visitor: Reader, name: str = "", after: str = "") -> Response:
    """List the connections that somebody sees, by name, a page after the other."""
    name, after = (clean(text, longest=LONGEST_NAME) for text in (name, after))
    found = connections.listing(bridge().database, visitor.scope, like=name, after=after, most=MOST + 1)
    return render(
        request,
        visitor,
        "connections.html",
        connections=found[:MOST],
        name=name,
        first=f"?{urlencode({'name': name})}" if after else None,
        further=f"?{urlencode({'name': name, 'after': found[MOST - 1].name})}" if len(found) > MOST else None,
        not_started=NOT_STARTED,
    )


@router.get("/new")
def ask(request: Request, visitor: AdministratorEverywhere) -> Response:
    """Ask for what it takes to get into both systems."""
    return _new(request, visitor, dict.fromkeys(("name", *settings_form.REQUIRED), ""), {})


@router.post("/new")
def add(request: Request, visitor: AdministratorEverywhere, form: Form) -> Response:
    """Add a connection that is not started yet, and have it tested."""
    name = clean(text(form, "name"), longest=LONGEST_NAME)
    typed = settings_form.typed(form) | {"name": name}
    entered, errors = settings_form.read(typed, known={}, names=settings_form.REQUIRED)
    if not name:
        errors["name"] = settings_form.FILL_IN
    if errors:
        return _new(request, visitor, typed, errors)
    settings = ConnectionSettings.model_validate(entered)
    try:
        added, _ = bridge().connections.add(name, settings, who=visitor.email, now=clock(), started=False)
    except NameTaken as error:
        return _new(request, visitor, typed, {"name": error.args[0]})
    return examine(visitor, added.id, done="added")


@router.post("/{connection_id}/test")
def try_out(visitor: Operator, connection_id: int) -> Response:
    """Have the connection tested."""
    bridge().connections.get(connection_id)
    return examine(visitor, connection_id)


@router.post("/{connection_id}/pause")
def pause(visitor: Operator, connection_id: int, form: Form) -> Response:
    """Stop the connection's work until somebody resumes it."""
    because = clean(text(form, "because"), longest=LONGEST_REASON) or say("It was paused by hand.")
    bridge().connections.pause(connection_id, because, who=visitor.email, now=clock())
    return _back(connection_id, "paused")


@router.post("/{connection_id}/resume")
def resume(visitor: Operator, connection_id: int) -> Response:
    """Let the connection work again, or for the first time."""
    bridge().connections.resume(connection_id, who=visitor.email, now=clock())
    return _back(connection_id, "resumed")


@router.post("/{connection_id}/token")
def token(request: Request, visitor: Administrator, connection_id: int) -> Response:
    """Give the webhook a new address and show it: now or never, since only its hash is kept, hence no redirect."""
    connection = bridge().connections.get(connection_id)
    made = bridge().connections.new_token(connection_id, who=visitor.email, now=clock())
    address = f"{bridge().settings.public_url}/hooks/moment/{made}"
    return render(request, visitor, "webhook.html", connection=connection, address=address)


@router.post("/{connection_id}/compare")
def compare(visitor: Operator, connection_id: int, form: Form) -> Response:
    """Have the books of a month compared, of the last one where the month cannot be read."""
    bridge().connections.get(connection_id)
    first, last = comparing.month_of(_day_of(text(form, "month")) or comparing.last_month(clock().date()))
    typed = {"first": first.isoformat(), "last": last.isoformat()}
    errand = bridge().errands.ask(Asked.COMPARISON, connection_id, typed=typed, who=visitor.email, now=clock())
    dispatch.nudge_errands([errand])
    return RedirectResponse(f"/errands/{errand}", status.HTTP_303_SEE_OTHER)


def examine(visitor: Visitor, connection_id: int, *, done: str = "") -> Response:
    """Have a worker test a connection, and lead to where its answer will stand."""
    errand = bridge().errands.ask(Asked.EXAMINATION, connection_id, who=visitor.email, now=clock())
    dispatch.nudge_errands([errand])
    query = f"?done={done}" if done else ""
    return RedirectResponse(f"/errands/{errand}{query}", status.HTTP_303_SEE_OTHER)


def _day_of(month: str) -> date | None:
    try:
        return date.fromisoformat(f"{month}-01") if MONTH.fullmatch(month) else None
    except ValueError:
        return None


def _new(request: Request, visitor: Visitor, typed: Typed, errors: Errors) -> Response:
    return render(
        request,
        visitor,
        "connection-new.html",
        status=status.HTTP_422_UNPROCESSABLE_CONTENT if errors else status.HTTP_200_OK,
        form=settings_form.without_secrets(typed),
        errors=errors,
        titles=settings_form.TITLES,
    )


def _back(connection_id: int, done: str) -> Response:
    return RedirectResponse(f"/connections/{connection_id}?done={done}", status.HTTP_303_SEE_OTHER)
