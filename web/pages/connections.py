"""The list of connections, and actions on one. Its own page is in :mod:`.connection`."""

from fastapi import APIRouter, Response, status

from i18n.messages import msg
from models.admin import connection_health
from models.admin.connection_actions import ConnectionAction
from models.admin.connection_health import HealthColumn
from models.admin.operations import TESTS
from models.connections.repository import (
    MAX_NAME_LENGTH,
    MAX_REASON_LENGTH,
    CompanyTakenError,
    Connection,
    FailedTestError,
    NameTakenError,
    UnprovenError,
)
from models.connections.settings import ConnectionSettings
from models.inbox.leases import JobsRunningError
from sync.errors import UnavailableError
from sync.rules.normalization import clean
from web.dependencies import Form, page_number, text
from web.pages.confirmation import confirm_identity
from web.pages.connection import start_test
from web.pages.operations import request_diagnostics
from web.security.auth import Administrator, AdministratorEverywhere, Operator, Reader, UserContext
from web.views import settings_form
from web.views.connection_filter import IDLE_DAYS, ConnectionUrlFilter
from web.views.diagnostics import OperationView
from web.views.settings_form import Errors, Typed
from worker import dispatch

router = APIRouter(prefix="/connections")

DONE = {"erased": msg("Connection erased. Nothing was changed in Moment or 24SevenOffice.")}
OTHER_NAME = msg("Enter the connection's name exactly as above. Nothing was erased.")
JOBS_RUNNING = msg("Records of this connection are being processed. It is paused now: try again in a few minutes.")


@router.get("")
def show_all(context: Reader, page: str = "") -> Response:
    """List the connections with what an operator of many steers by."""
    asked, budget = ConnectionUrlFilter.read(context.request.query_params), context.container.budget
    number = page_number(page)
    # The requests of all connections are shown only to users who see all of them.
    requests = budget.requests_today() if context.scope.connections is None else None
    lines, total = connection_health.page(
        context.database,
        context.scope,
        now=context.now,
        connection_filter=asked.connection_filter,
        sort=asked.order,
        number=number,
        requests=requests,
    )
    notice = context.take_notice()
    return context.render(
        "connections.html",
        connections=lines,
        total=total,
        first_number=(number - 1) * connection_health.PAGE_SIZE + 1,
        number=number,
        more=number * connection_health.PAGE_SIZE < total,
        filter=asked,
        requests=requests,
        all_requests=sum(requests.values()) if requests else 0,
        done=DONE.get(notice.code),
        acted=notice if notice.code in set(ConnectionAction) else None,
        columns=HealthColumn,
        idle_days=IDLE_DAYS,
    )


@router.get("/new")
def new_form(context: AdministratorEverywhere) -> Response:
    return _new_page(context, dict.fromkeys(("name", *settings_form.REQUIRED), ""), {})


@router.post("/new")
def add(context: AdministratorEverywhere, form: Form) -> Response:
    """Add a connection without starting it, and request a test."""
    confirm_identity(context, form)
    name = clean(text(form, "name"), max_length=MAX_NAME_LENGTH)
    typed = settings_form.typed(form) | {"name": name}
    entered, errors = settings_form.read(typed, known={}, names=settings_form.REQUIRED)
    if not name:
        errors = {"name": settings_form.REQUIRED_MESSAGE, **errors}  # errors in the order of the form
    if errors:
        return _new_page(context, typed, errors)
    settings = ConnectionSettings.model_validate(entered)
    try:
        added, _ = context.connections.add(name, settings, actor=context.actor, now=context.now, started=False)
    except NameTakenError as error:
        return _new_page(context, typed, {"name": error.args[0]})
    except CompanyTakenError as error:
        return _new_page(context, typed, {"moment_company": error.args[0]})
    return start_test(context, added, done="added")


@router.get("/{connection_id}/manage")
def manage_form(context: AdministratorEverywhere, connection_id: int) -> Response:
    return _manage_page(context, context.connections.get_even_unreadable(connection_id))


@router.post("/{connection_id}/rename")
def rename(context: AdministratorEverywhere, connection_id: int, form: Form) -> Response:
    connection = context.connections.get_even_unreadable(connection_id)
    name = clean(text(form, "name"), max_length=MAX_NAME_LENGTH)
    if not name:
        return _manage_page(context, connection, name=name, errors={"name": settings_form.REQUIRED_MESSAGE})
    try:
        context.connections.rename(connection_id, name, actor=context.actor, now=context.now)
    except NameTakenError as error:
        return _manage_page(context, connection, name=name, errors={"name": error.args[0]})
    return _redirect(context, connection_id, "renamed")


@router.post("/{connection_id}/erase")
def erase(context: AdministratorEverywhere, connection_id: int, form: Form) -> Response:
    """Erase a connection and all its data, once the user has typed its name."""
    connection = context.connections.get_even_unreadable(connection_id)
    confirm_identity(context, form)
    if clean(text(form, "confirmed_name"), max_length=MAX_NAME_LENGTH) != connection.name:
        return _manage_page(context, connection, errors={"confirmed_name": OTHER_NAME})
    try:
        context.container.erase_connection(connection, actor=context.actor)
    except JobsRunningError:
        return _manage_page(context, connection, errors={"confirmed_name": JOBS_RUNNING})
    except UnavailableError as error:
        return _manage_page(context, connection, errors={"confirmed_name": error.message})
    dispatch.forget(connection_id)
    return context.redirect("/connections", "erased")


@router.post("/{connection_id}/test")
def test(context: Operator, connection_id: int) -> Response:
    context.connections.get_even_unreadable(connection_id)
    return request_diagnostics(context, connection_id)


@router.post("/{connection_id}/pause")
def pause(context: Operator, connection_id: int, form: Form) -> Response:
    because = clean(text(form, "because"), max_length=MAX_REASON_LENGTH)
    context.connections.pause(connection_id, because, actor=context.actor, now=context.now)
    return _redirect(context, connection_id, "paused")


@router.post("/{connection_id}/resume")
def resume(context: Operator, connection_id: int, form: Form) -> Response:
    """Start or resume a connection.

    Asks first if the last test failed, or if it paused itself and no test has passed since.
    """
    try:
        context.connections.resume(
            connection_id,
            actor=context.actor,
            now=context.now,
            despite_failed_test=bool(text(form, "despite_failed_test")),
        )
    except FailedTestError as error:
        return _ask_before_resume(context, connection_id, error.failed_checks)
    except UnprovenError:
        return _ask_before_resume(context, connection_id, 0)
    except CompanyTakenError:
        return _redirect(context, connection_id, "taken")
    return _redirect(context, connection_id, "resumed")


@router.post("/{connection_id}/token")
def token(context: Administrator, connection_id: int, form: Form) -> Response:
    """Give the webhook a new URL and show it, without a redirect: only its hash is stored, so it is shown once."""
    connection = context.connections.get_even_unreadable(connection_id)
    confirm_identity(context, form)
    made = context.connections.regenerate_token(connection_id, actor=context.actor, now=context.now)
    return context.render("webhook.html", connection=connection, address=context.container.webhook_url(made))


def _ask_before_resume(context: UserContext, connection_id: int, failed_checks: int) -> Response:
    last = context.operations.latest(connection_id, *TESTS)
    return context.render(
        "resume-anyway.html",
        status=status.HTTP_409_CONFLICT,
        connection=context.connections.get_even_unreadable(connection_id),
        failed_checks=failed_checks,
        last=OperationView(last) if last else None,
        titles=settings_form.TITLES,
    )


def _manage_page(
    context: UserContext, connection: Connection, *, name: str | None = None, errors: Errors | None = None
) -> Response:
    return context.render(
        "connection-manage.html",
        connection=connection,
        name=connection.name if name is None else name,
        errors=errors or {},
    )


def _new_page(context: UserContext, typed: Typed, errors: Errors) -> Response:
    return context.render(
        "connection-new.html",
        form=settings_form.without_secrets(typed),
        errors=errors,
        titles=settings_form.TITLES,
    )


def _redirect(context: UserContext, connection_id: int, done: str) -> Response:
    return context.redirect(f"/connections/{connection_id}", done)
