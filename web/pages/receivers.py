"""Event receivers: only for administrators of all connections, as a receiver's URL decides where data is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from fastapi import APIRouter, HTTPException, Response, status
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from i18n.formatting import OSLO
from i18n.messages import Message, msg
from models.admin import connection_list
from models.enums import Scope
from models.invalid_input import InvalidInputError
from models.pagination import Key
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES, DeliveryProblem, DeliveryState, DisabledBecause, EventType
from models.receivers.repository import Receiver
from web.dependencies import Form, chosen_connections, text
from web.pages.confirmation import confirm_identity
from web.security.auth import AdministratorEverywhere, UserContext
from web.views.settings_form import DATE_MESSAGE
from worker import dispatch

router = APIRouter(prefix="/receivers")


@dataclass(frozen=True)
class Entered:
    url: str
    event_types: Sequence[EventType]
    scope: Scope


NEW = Entered("", EVENT_TYPES, Scope())

DONE = {
    "changed": msg("Saved."),
    "not_tested": msg("Test event not sent, because the receiver is disabled."),
    "tested": msg("Test event queued. The result appears in the log below."),
    "replayed": msg("Resending failed events. The results appear in the log below."),
    "nothing": msg("There's nothing to resend."),
    "enabled": msg("Receiver enabled. It gets new events from now on. You can resend events that failed earlier."),
    "disabled": msg("Receiver disabled. It no longer gets events."),
}
EVENTS = {
    EventType.JOB_DONE: msg("Record synced"),
    EventType.JOB_NEEDS_ATTENTION: msg("Record needs attention"),
    EventType.JOB_RECOVERED: msg("Record resolved"),
    EventType.JOB_DISMISSED: msg("Record dismissed"),
    EventType.CONNECTION_PAUSED: msg("Connection paused"),
    EventType.CONNECTION_DOWN: msg("Connection interrupted"),
    EventType.CONNECTION_RECOVERED: msg("Connection recovered"),
    EventType.RECONCILIATION_FINISHED: msg("Reconciliation finished"),
    EventType.RECEIVER_TEST: msg("Test"),
}
PROBLEMS = {
    DeliveryProblem.TIMEOUT: msg("No response within 15 seconds"),
    DeliveryProblem.NO_CONNECTION: msg("Unreachable"),
    DeliveryProblem.PRIVATE_ADDRESS: msg(
        "The host name resolves to a non-public address, and RECEIVER_PRIVATE_NETWORKS is not set"
    ),
    DeliveryProblem.TLS: msg("Invalid certificate"),
    DeliveryProblem.UNREADABLE: msg("Unreadable response"),
    DeliveryProblem.SECRET_UNREADABLE: msg("The secret can't be decrypted. Generate a new one"),
    DeliveryProblem.NOT_WANTED: msg("The receiver no longer subscribes to this event"),
}
STATES: dict[DeliveryState, tuple[str, Message]] = {
    DeliveryState.PENDING: ("waits", msg("Queued")),
    DeliveryState.DELIVERED: ("good", msg("Delivered")),
    DeliveryState.FAILED: ("bad", msg("Failed permanently")),
}
BECAUSE = {
    DisabledBecause.BY_HAND: msg("Disabled manually."),
    DisabledBecause.GONE: msg("The receiver responded that it no longer exists (410 Gone)."),
    DisabledBecause.FAILING: msg("All deliveries failed for five days."),
    DisabledBecause.RESTORED: msg("The database was restored from a backup."),
}


@router.get("")
def show_all(context: AdministratorEverywhere) -> Response:
    names = connection_list.names(context.database, Scope())
    return context.render(
        "receivers.html", receivers=context.container.receivers.all(), names=names, total=len(EVENT_TYPES)
    )


@router.get("/new")
def new_form(context: AdministratorEverywhere) -> Response:
    return _form(context, "receiver-new.html", NEW)


@router.post("/new")
def add(context: AdministratorEverywhere, form: Form) -> Response:
    """Add a receiver and show its secret, without a redirect: it is shown only once."""
    confirm_identity(context, form)
    entered = _read_form(form)
    try:
        receiver, secret = context.container.receivers.add(
            entered.url, entered.event_types, entered.scope, **context.as_actor
        )
    except InvalidInputError as error:
        return _form(context, "receiver-new.html", entered, error.errors)
    return context.render("receiver-secret.html", receiver=receiver, secret=secret)


@router.get("/{receiver_id}")
def show(context: AdministratorEverywhere, receiver_id: int, page: str = "") -> Response:
    return _receiver_page(context, context.container.receivers.get(receiver_id), page=page)


@router.post("/{receiver_id}")
def update(context: AdministratorEverywhere, receiver_id: int, form: Form) -> Response:
    confirm_identity(context, form)
    before, entered = context.container.receivers.get(receiver_id), _read_form(form)
    try:
        context.container.receivers.update(
            receiver_id, entered.url, entered.event_types, entered.scope, **context.as_actor
        )
    except InvalidInputError as error:
        return _receiver_page(context, before, entered=entered, errors=error.errors)
    return _redirect(context, receiver_id, "changed")


@router.post("/{receiver_id}/rotate")
def rotate(context: AdministratorEverywhere, receiver_id: int, form: Form) -> Response:
    """Give a receiver a new secret and show it, as for a new receiver."""
    receiver = context.container.receivers.get(receiver_id)
    confirm_identity(context, form)
    secret = context.container.receivers.rotate(receiver_id, **context.as_actor)
    return context.render("receiver-secret.html", receiver=receiver, secret=secret)


@router.post("/{receiver_id}/test")
def test(context: AdministratorEverywhere, receiver_id: int) -> Response:
    if not context.container.receivers.test(receiver_id, now=context.now):
        return _redirect(context, receiver_id, "not_tested")
    dispatch.dispatch_receivers([receiver_id])
    return _redirect(context, receiver_id, "tested")


@router.post("/{receiver_id}/replay")
def replay(context: AdministratorEverywhere, receiver_id: int, form: Form) -> Response:
    """Send again what failed since the beginning of a day in Oslo."""
    receiver = context.container.receivers.get(receiver_id)
    try:
        since = datetime.combine(date.fromisoformat(text(form, "since")), time(), OSLO)
    except ValueError:
        return _receiver_page(context, receiver, errors={"since": DATE_MESSAGE})
    count = deliveries.replay(context.database, receiver_id, since=since, now=context.now)
    return _redirect_after_replay(context, receiver_id, count)


@router.post("/{receiver_id}/deliveries/{delivery_id}/replay")
def replay_one(context: AdministratorEverywhere, receiver_id: int, delivery_id: int) -> Response:
    context.container.receivers.get(receiver_id)
    count = deliveries.replay(context.database, receiver_id, delivery_id=delivery_id, now=context.now)
    return _redirect_after_replay(context, receiver_id, count)


@router.post("/{receiver_id}/enable")
def enable(context: AdministratorEverywhere, receiver_id: int) -> Response:
    context.container.receivers.enable(receiver_id, **context.as_actor)
    return _redirect(context, receiver_id, "enabled")


@router.post("/{receiver_id}/disable")
def disable(context: AdministratorEverywhere, receiver_id: int) -> Response:
    context.container.receivers.disable(receiver_id, **context.as_actor)
    return _redirect(context, receiver_id, "disabled")


@router.post("/{receiver_id}/remove")
def remove(context: AdministratorEverywhere, receiver_id: int, form: Form) -> Response:
    context.container.receivers.get(receiver_id)
    confirm_identity(context, form)
    context.container.receivers.remove(receiver_id, **context.as_actor)
    return RedirectResponse("/receivers", status.HTTP_303_SEE_OTHER)


def _read_form(form: FormData) -> Entered:
    """Read a receiver's form. Responds with 400 to input that our page cannot have sent."""
    try:
        types = [EventType(str(each)) for each in form.getlist("event_types")]
    except ValueError:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    return Entered(text(form, "url"), types, chosen_connections(form))


def _receiver_page(
    context: UserContext,
    receiver: Receiver,
    *,
    entered: Entered | None = None,
    errors: Mapping[str, str] | None = None,
    page: str = "",
) -> Response:
    log = deliveries.log_page(context.database, receiver.id, key=Key.parse(page), with_place=True)
    notice = context.take_notice().code
    return _form(
        context,
        "receiver.html",
        entered or receiver,
        errors,
        receiver=receiver,
        page=log,
        because=BECAUSE,
        done=DONE.get(notice),
        refused=notice == "not_tested",
        problems=PROBLEMS,
        states=STATES,
        today=context.now.astimezone(OSLO).date(),
        now=context.now,
    )


def _form(
    context: UserContext,
    template: str,
    entered: Entered | Receiver,
    errors: Mapping[str, str] | None = None,
    **values: object,
) -> Response:
    return context.render(
        template,
        status=None,
        entered=entered,
        errors=errors or {},
        events=EVENTS,
        event_types=EVENT_TYPES,
        names=connection_list.names(context.database, Scope()),
        **values,
    )


def _redirect_after_replay(context: UserContext, receiver_id: int, count: int) -> Response:
    dispatch.dispatch_receivers([receiver_id] if count else [])
    return _redirect(context, receiver_id, "replayed" if count else "nothing")


def _redirect(context: UserContext, receiver_id: int, what: str) -> Response:
    return context.redirect(f"/receivers/{receiver_id}", what)
