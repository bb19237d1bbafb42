"""One connection: how it does, what a test has found, and its settings for those who may change them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import RedirectResponse

from language.said import listed, say
from models import connections, finds, notifications
from models.connections import NOT_STARTED, SECRET_FIELDS, ChangedMeanwhile, Connection
from models.errands import WORTHWHILE, Asked, Errand
from models.settings import ConnectionSettings, opens_others, unproven
from models.words import Kind, Scope, several
from web import settings_form
from web.findings import Told
from web.forms import Form, text
from web.pages.connections import examine
from web.pages.errands import COMPARISONS
from web.rendering import render
from web.settings_form import Errors, Typed
from web.visitors import Administrator, Reader, Visitor
from worker import comparing, dispatch
from worker.wiring import bridge, clock

router = APIRouter(prefix="/connections")

DONE = {
    "paused": say("The connection is paused. What comes in meanwhile waits."),
    "resumed": say("The connection works. What waited goes through now."),
}
KNOWN_FOR = timedelta(days=1)
"""How long a chart of accounts that was read is held against what is entered."""

NOTIFIED = (Kind.CUSTOMER, Kind.PROJECT, Kind.INVOICE)
"""The kinds that Moment has a webhook for."""

LOGIN = ("username", "password")
UNPROVEN = say("Enter the password again: only those who know it are shown which clients its login reaches.")
LARGEST = 2**63 - 1
ErrandId = Annotated[int, Query(ge=0, le=LARGEST)]


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form, which version of the settings it was made from, and what is wrong with it.

    ``clients`` is what was asked about a login that is typed but not saved. What a worker did not save stands here
    with what is wrong, under the address that names its errand.
    """

    form: Typed
    version: str
    errors: Errors = field(default_factory=dict)
    outdated: bool = False
    clients: Told | None = None

    @property
    def status(self) -> int:
        """How the page is answered with."""
        if self.outdated:
            return status.HTTP_409_CONFLICT
        return status.HTTP_422_UNPROCESSABLE_CONTENT if self.errors else status.HTTP_200_OK


@router.get("/{connection_id}")
def show(request: Request, visitor: Reader, connection_id: int, done: str = "", errand: ErrandId = 0) -> Response:
    """Show a connection; ``errand`` is what a worker is asked about what somebody has typed here."""
    connection = bridge().connections.get(connection_id)
    draft = _asked(visitor, connection_id, errand)
    if draft is None:
        draft = Draft(settings_form.shown(connection.settings), _version(connection))
    return _page(request, visitor, connection, draft, done=done)


@router.post("/{connection_id}")
def save(request: Request, visitor: Administrator, connection_id: int, form: Form) -> Response:
    """Save the settings and have them tested, unless something does not fit or somebody else was faster.

    Those that may open other books a worker saves, once it has tried them; administrators of all connections
    need not wait for it.
    """
    connection, typed = bridge().connections.get(connection_id), settings_form.typed(form)
    draft = Draft(settings_form.without_secrets(typed), text(form, "version"))
    if draft.version != _version(connection):
        return _page(request, visitor, connection, replace(draft, outdated=True))
    entered, errors = _entered(visitor, connection, typed)
    if errors:
        return _page(request, visitor, connection, replace(draft, errors=errors))
    if not visitor.administers_all and opens_others(connection.settings, entered):
        return _have_saved(visitor, connection, typed | {"version": draft.version}, entered)
    try:
        bridge().change(connection_id, entered, who=visitor.email, seen=connection.updated_at)
    except ChangedMeanwhile:
        return _page(request, visitor, connection, replace(draft, outdated=True))
    return examine(visitor, connection_id, done="saved")


@router.post("/{connection_id}/clients")
def ask_clients(request: Request, visitor: Administrator, connection_id: int, form: Form) -> Response:
    """Ask which clients the login reaches that is typed in the form, and lead back to the form as it stands.

    The password that is known is tried for administrators of all connections only.
    """
    connection, typed = bridge().connections.get(connection_id), settings_form.typed(form)
    version, password = text(form, "version"), typed["password"]
    if not password and visitor.administers_all:
        password = connection.settings.password.get_secret_value()
    _, errors = settings_form.read(typed, known=_known(connection), names=LOGIN)
    wrong = {name: error for name, error in errors.items() if name in LOGIN}
    if not password:
        wrong["password"] = UNPROVEN
    if wrong:
        return _page(request, visitor, connection, Draft(settings_form.without_secrets(typed), version, wrong))
    asked = typed | {"version": version, "password": password}
    errand = bridge().errands.ask(Asked.CLIENTS, connection_id, typed=asked, who=visitor.email, now=clock())
    dispatch.nudge_errands([errand])
    return RedirectResponse(f"/connections/{connection_id}?errand={errand}#identity", status.HTTP_303_SEE_OTHER)


def _have_saved(visitor: Visitor, connection: Connection, typed: Typed, entered: dict[str, Any]) -> Response:
    after = ConnectionSettings.model_validate({**_known(connection), **entered})
    changes = after.model_dump_json(include=set(entered) - SECRET_FIELDS)
    asked = typed | {"changes": changes}
    errand = bridge().errands.ask(Asked.SAVING, connection.id, typed=asked, who=visitor.email, now=clock())
    dispatch.nudge_errands([errand])
    return RedirectResponse(f"/errands/{errand}", status.HTTP_303_SEE_OTHER)


def _page(request: Request, visitor: Visitor, connection: Connection, draft: Draft, *, done: str = "") -> Response:
    last = bridge().errands.latest(connection.id, Asked.EXAMINATION)
    (standing,) = connections.listing(bridge().database, Scope(frozenset({connection.id})))
    notified = notifications.latest(bridge().database, connection.id)
    missed = finds.count(bridge().database, connection.id, now=clock())
    return render(
        request,
        visitor,
        "connection.html",
        status=draft.status if request.method == "POST" else status.HTTP_200_OK,
        connection=connection,
        standing=standing,
        comparison=bridge().errands.latest(connection.id, *COMPARISONS),
        month=comparing.last_month(clock().date()).strftime("%Y-%m"),
        last=Told(last) if last else None,
        saving=_saving(connection),
        clients=_clients(visitor, connection, draft, last),
        client=_client(connection, last),
        notified=[(several(kind), notified.get(kind), missed.get(kind, 0)) for kind in NOTIFIED],
        draft=draft,
        travelling=listed(*(several(kind) for kind in Kind if kind in connection.settings.kinds), between=", "),
        titles=settings_form.TITLES,
        not_started=NOT_STARTED,
        done=DONE.get(done),
    )


def _clients(visitor: Visitor, connection: Connection, draft: Draft, last: Errand | None) -> list[dict[str, str]]:
    """Tell the clients to choose from: of the login that was typed, else of the saved one, if it was tested.

    Which clients the saved one reaches is for administrators of all connections to know.
    """
    if draft.clients:
        return draft.clients.clients
    if not visitor.administers_all or last is None or last.asked_at < connection.updated_at:
        return []
    return Told(last).clients


def _client(connection: Connection, last: Errand | None) -> str:
    """Tell what a test of these settings says that the client is called; empty where there is none."""
    if last is None or last.asked_at < connection.updated_at:
        return ""
    known = {each["id"]: each["name"] for each in Told(last).clients}
    return known.get(connection.settings.identity_id, "")


def _asked(visitor: Visitor, connection_id: int, errand_id: int) -> Draft | None:
    """Tell what a visitor had typed when they asked for clients, or had it saved; None where they did not."""
    errand = bridge().errands.get(errand_id) if errand_id and visitor.administers else None
    if errand is None or (errand.connection_id, errand.who) != (connection_id, visitor.email):
        return None
    if errand.asked not in (Asked.CLIENTS, Asked.SAVING) or not errand.typed:
        return None
    told, typed = Told(errand), settings_form.without_secrets(errand.typed)
    draft = Draft(typed, typed.pop("version", ""))
    if errand.asked is Asked.CLIENTS:
        return replace(draft, clients=told)
    return replace(draft, errors=told.errors, outdated=told.is_outdated)


def _saving(connection: Connection) -> Errand | None:
    """Tell of settings that a worker is still to save."""
    last = bridge().errands.latest(connection.id, Asked.SAVING)
    return last if last and last.answer is None and last.asked_at > clock() - WORTHWHILE else None


def _entered(visitor: Visitor, connection: Connection, typed: Typed) -> tuple[dict[str, Any], Errors]:
    known = _known(connection)
    entered, errors = settings_form.read(typed, known=known)
    if not visitor.administers_all:
        errors |= unproven(connection.settings, entered)
    if errors:
        return entered, errors
    after = ConnectionSettings.model_validate({**known, **entered})
    return entered, settings_form.unknown_accounts(connection.settings, after, _chart(connection, after))


def _known(connection: Connection) -> dict[str, Any]:
    return {name: getattr(connection.settings, name) for name in ConnectionSettings.model_fields}


def _chart(connection: Connection, entered: ConnectionSettings) -> list[int]:
    """Tell the accounts that the last test found; none where it did not get there, or in other books."""
    last = bridge().errands.latest(connection.id, Asked.EXAMINATION)
    if last is None or last.answered_at is None or last.answered_at < clock() - KNOWN_FOR:
        return []
    before, told = connection.settings, Told(last)
    identity_id = before.identity_id or next((each["id"] for each in told.clients), "")
    seen, wanted = (before.username, before.password, identity_id), (entered.username, entered.password)
    return told.accounts if seen == (*wanted, entered.identity_id or identity_id) else []


def _version(connection: Connection) -> str:
    return connection.updated_at.isoformat()
