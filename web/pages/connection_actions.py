"""Operators' actions on many connections at once: a page lists them, and the user confirms."""

from fastapi import APIRouter, HTTPException, Response, status
from starlette.datastructures import ImmutableMultiDict

from models.admin import connection_actions
from models.admin.connection_actions import ConnectionAction
from models.admin.connection_list import ConnectionFilter
from models.connections.repository import MAX_REASON_LENGTH
from sync.rules.normalization import clean
from web.dependencies import Form, is_number, text
from web.security.auth import Operator, UserContext
from web.views import settings_form
from web.views.connection_filter import ConnectionUrlFilter
from web.views.settings_form import REQUIRED_MESSAGE, Errors
from worker import dispatch

router = APIRouter(prefix="/connections")


@router.get("/confirm")
def confirm(context: Operator) -> Response:
    """Show which connections will be changed, and which are left out and why."""
    given = context.request.query_params
    action = _action(context, given)
    url_filter = ConnectionUrlFilter.read(given)
    connection_filter = (
        url_filter.connection_filter if "all" in given else ConnectionFilter(ids=_ids(given.getlist("connection")))
    )
    return _ask(context, action, connection_filter, url_filter)


@router.post("/act")
def act(context: Operator, form: Form) -> Response:
    """Carry out the confirmed action on the listed connections that this user may see."""
    given = ImmutableMultiDict([(name, str(value)) for name, value in form.multi_items()])
    action, url_filter = _action(context, given), ConnectionUrlFilter.read(given)
    connection_filter = ConnectionFilter(ids=_ids(text(form, "ids").split(",")))
    typed = text(form, "error_emails").strip()
    addresses, errors = settings_form.read_single("error_emails", typed)
    if action is ConnectionAction.ADD_RECIPIENTS and not typed:
        errors = {"error_emails": REQUIRED_MESSAGE}
    if errors:
        return _ask(context, action, connection_filter, url_filter, typed=typed, errors=errors)
    planned = connection_actions.plan(context.database, context.scope, action, connection_filter, now=context.now)
    ids = [each.id for each in planned if each.obstacle is None]
    connections, actor, now = context.connections, context.actor, context.now
    match action:
        case ConnectionAction.TEST:
            operations = connection_actions.test(context.operations, ids, actor=actor, now=now)
            dispatch.dispatch_operations(operations)
            count = len(operations)
        case ConnectionAction.PAUSE:
            because = clean(text(form, "because"), max_length=MAX_REASON_LENGTH)
            count = connection_actions.pause(connections, ids, because=because, actor=actor, now=now)
        case ConnectionAction.RESUME:
            count = connection_actions.resume(connections, ids, actor=actor, now=now)
        case ConnectionAction.ADD_RECIPIENTS:
            count = connection_actions.add_recipients(connections, ids, addresses, actor=actor, now=now)
    return context.redirect(url_filter.url(), action, count=count)


def _ask(
    context: UserContext,
    action: ConnectionAction,
    connection_filter: ConnectionFilter,
    url_filter: ConnectionUrlFilter,
    *,
    typed: str = "",
    errors: Errors | None = None,
) -> Response:
    planned = connection_actions.plan(context.database, context.scope, action, connection_filter, now=context.now)
    return context.render(
        "connections-confirm.html",
        action=action,
        changed=[each for each in planned if each.obstacle is None],
        left_out=[each for each in planned if each.obstacle],
        max_at_once=connection_actions.MAX_AT_ONCE if len(planned) == connection_actions.MAX_AT_ONCE else None,
        filter=url_filter,
        error_emails=typed,
        errors=errors or {},
        titles=settings_form.TITLES,
    )


def _action(context: UserContext, given: ImmutableMultiDict[str, str]) -> ConnectionAction:
    name = given.get("action", "")
    if name not in set(ConnectionAction):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    action = ConnectionAction(name)
    if not context.current_user.rights.role.covers(action.role):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return action


def _ids(texts: list[str]) -> frozenset[int]:
    return frozenset(map(int, filter(is_number, texts)))
