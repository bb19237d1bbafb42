"""The tabs of a connection: overview, webhooks, last test and history.

Its settings are in :mod:`.connection_settings`, its reconciliations in :mod:`.reconciliation`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Response, status
from fastapi.responses import RedirectResponse

from i18n.messages import joined, msg
from models.admin import audit_log, connection_health, dashboard
from models.admin.connection_health import HealthSort
from models.admin.connection_list import NO_FILTER, POLLS_SHOWN_AFTER
from models.admin.operations import OPERATION_NAMES, RECONCILIATIONS, Operation, OperationType
from models.connections.repository import NOT_STARTED, Connection
from models.enums import EntityType, Scope, plural_of
from models.inbox import cursors, missed_webhooks, webhook_intake
from models.pagination import Key
from sync.polling import failing_polls
from sync.reconciliation.compare import recorded_report
from web.pages.operations import TEMPLATES, request_diagnostics, request_operation
from web.security.auth import Administrator, Operator, Reader, UserContext
from web.views import settings_form
from web.views.connection_tabs import tab_values
from web.views.diagnostics import OperationView
from web.views.record_filter import RecordUrlFilter
from web.views.set_up import SetUp

router = APIRouter(prefix="/connections")

DONE = {
    "paused": msg("Connection paused. New records are queued."),
    "renamed": msg("Connection renamed."),
    "added": msg("Connection added. Nothing is synced until you start it."),
    "saved": msg("Settings saved."),
    "resumed": msg("Connection resumed. Queued records are being processed."),
    "taken": msg("There is already a connection for this Moment company. Contact your system administrator."),
}
WEBHOOK_TYPES = (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE)
"""The types that Moment has webhooks for."""

OPERATIONS_SHOWN = 12
MAX_PAGE = 100
"""Maximum length of a position in a list, in characters."""


@dataclass(frozen=True, slots=True)
class KnownClients:
    """The clients that the saved login ``reached`` in the last test, and the name of the connection's own."""

    reached: Sequence[Mapping[str, str]]
    own_name: str


def render_tab(
    context: UserContext,
    connection: Connection,
    name: str,
    *,
    template: str = "",
    keep_notice: bool = False,
    status: int | None = None,
    **values: object,
) -> Response:
    """Render a tab, or a page under it that has its own template."""
    notice = context.take_notice(keep=keep_notice)
    return context.render(
        template or f"connection-{name}.html",
        status=status,
        done=DONE.get(notice.code),
        refused=notice.code == "taken",
        **tab_values(context.current_user, connection, name),
        **values,
    )


@router.get("/{connection_id}")
def show(context: Reader, connection_id: int) -> Response:
    """Show the overview; URLs from before there were tabs redirect to the right tab."""
    for parameter, name in (("operation", "settings"), ("page", "reconciliation")):
        if value := context.request.query_params.get(parameter, "")[:MAX_PAGE]:
            url = f"/connections/{connection_id}/{name}?{parameter}={quote(value)}"
            return RedirectResponse(url, status.HTTP_303_SEE_OTHER)
    connection = context.connections.get_even_unreadable(connection_id)
    only = Scope(frozenset({connection.id}))
    ((summary,), _) = connection_health.page(
        context.database, only, now=context.now, connection_filter=NO_FILTER, sort=HealthSort()
    )
    last, is_new = last_test(context, connection), connection.paused_because == NOT_STARTED
    is_testing = bool(is_new and last and last.operation.result is None)
    current = last if last and last.operation.requested_at >= connection.updated_at else None
    set_up = SetUp(context.database, context.operations, connection, current)
    failing = cursors.failing_polls(context.database, connection.id, before=context.now - POLLS_SHOWN_AFTER)
    return render_tab(
        context,
        connection,
        "overview",
        summary=summary,
        totals=dashboard.totals(context.database, only),
        records_url=lambda **given: RecordUrlFilter(**given).url("/records"),
        failing_polls=[failing_polls.describe(poll) for poll in failing] if not connection.paused_because else [],
        keep_notice=is_testing,
        is_testing=is_testing,
        steps=[*set_up.steps()] if is_new and context.current_user.is_operator else [],
        last=last,
        client=known_clients(context, connection).own_name,
        entity_types=joined(
            *(plural_of(each) for each in EntityType if each in connection.settings.entity_types), between=", "
        ),
        titles=settings_form.TITLES,
    )


@router.get("/{connection_id}/webhooks")
def show_webhooks(context: Administrator, connection_id: int) -> Response:
    connection = context.connections.get_even_unreadable(connection_id)
    notified = webhook_intake.latest_activity(context.database, connection.id)
    missed = missed_webhooks.count(context.database, connection.id, now=context.now)
    return render_tab(
        context,
        connection,
        "webhooks",
        webhooks=[(plural_of(each), notified.get(each), missed.get(each, 0)) for each in WEBHOOK_TYPES],
    )


@router.get("/{connection_id}/test")
def show_test(context: Operator, connection_id: int) -> Response:
    connection = context.connections.get_even_unreadable(connection_id)
    last = last_test(context, connection)
    return render_tab(context, connection, "test", last=last, titles=settings_form.TITLES)


@router.get("/{connection_id}/history")
def show_history(context: Reader, connection_id: int, page: str = "", operations: str = "") -> Response:
    """Show what people have changed or done, and the operations that workers ran for them."""
    connection, scope = context.connections.get_even_unreadable(connection_id), Scope(frozenset({connection_id}))
    found = context.operations.page(scope, key=Key.parse(operations), size=OPERATIONS_SHOWN, with_place=True)
    return render_tab(
        context,
        connection,
        "history",
        page=audit_log.page(context.database, scope, key=Key.parse(page), with_place=True),
        operations=found,
        results=[(OperationView(each), recorded_report(context.database, each)) for each in found.lines],
        operation_names=OPERATION_NAMES,
        linked={each.id for each in found.lines if _may_open(context, each)},
    )


def last_test(context: UserContext, connection: Connection) -> OperationView | None:
    last = context.operations.latest(connection.id, OperationType.DIAGNOSTICS)
    return OperationView(last) if last else None


def known_clients(context: UserContext, connection: Connection) -> KnownClients:
    last, own = last_test(context, connection), connection.settings.identity_id
    reached = last.clients if last and last.operation.requested_at >= connection.updated_at else []
    name = connection.client_name or next((each["name"] for each in reached if each["id"] == own), "")
    return KnownClients(reached, name)


def start_test(context: UserContext, connection: Connection, *, done: str) -> Response:
    """Request a test and redirect to its result, or to the setup steps of a connection never started."""
    if connection.paused_because != NOT_STARTED:
        return request_diagnostics(context, connection.id, done=done)
    request_operation(context, OperationType.DIAGNOSTICS, connection.id)
    return context.redirect(f"/connections/{connection.id}", done)


def _may_open(context: UserContext, operation: Operation) -> bool:
    if operation.type is OperationType.SAVING and operation.actor != context.actor:
        return False
    return operation.type in (TEMPLATES if context.current_user.is_operator else RECONCILIATIONS)
