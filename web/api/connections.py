"""Connections: add, list, pause, resume and erase them.

Their settings are in :mod:`.settings`; their discrepancies are results of a reconciliation, in :mod:`.operations`.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status
from pydantic import BaseModel, Field, StringConstraints

from i18n.messages import msg
from models.admin import connection_list
from models.admin.connection_list import ConnectionFilter, ConnectionState, ConnectionSummary, HealthProblem
from models.admin.operations import OperationType
from models.connections.repository import MAX_NAME_LENGTH, MAX_REASON_LENGTH, UNREADABLE
from models.connections.settings import ConnectionSettings, contradictions
from models.enums import EntityType, Scope
from models.users.tokens import TokenScope
from sync.rules.normalization import clean
from web.api.caller import Caller, RequireScope
from web.api.common_types import PLAIN, SIZE, Body, ConnectionId, Limit, Page
from web.api.problems import NO_CURSOR, ProblemError, invalid
from worker import dispatch

router = APIRouter(tags=["Connections"])

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_READ))]
Writing = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_WRITE))]
Adding = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_WRITE, everywhere=True))]
Erasing = Annotated[Caller, Depends(RequireScope(TokenScope.CONNECTIONS_ERASE))]
NameCursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_=-]{1,800}$", description="`next` of the previous page")
]


UNREADABLE_STATE = "unreadable"
"""The state of a connection whose secrets cannot be decrypted; it is not stored."""

_STATES = {each.name: each.value for each in ConnectionState} | {"UNREADABLE": UNREADABLE_STATE}
ShownState = StrEnum("ShownState", _STATES)  # type: ignore[misc]  # from one list


class ConnectionItem(BaseModel):
    """A connection without its secrets."""

    id: int = Field(description="Id of the connection")
    name: str = Field(description="Name of the connection, as shown in lists and mails")
    state: ShownState = Field(
        description="State of the connection. In an `outage`, a system does not respond or the request budget is "
        "used up. With `needs_attention`, a person must correct something. `unreadable` secrets can't be "
        "decrypted: send the password and the API key again."
    )
    problems: list[HealthProblem] = Field(
        description="Problems to look into; empty while the connection is paused"
    )
    paused_because: str = Field(description="Reason for the pause; empty if the connection is not paused")
    outage_since: datetime | None = Field(description="Time when the outage began; null without an outage")
    moment_company: str = Field(description="Id of the company in Moment")
    username: str = Field(description="User name in 24SevenOffice")
    entity_types: list[EntityType] = Field(description="Entity types that are synced")


class NewConnection(Body):
    """A new connection. It is not started: resume it once its credentials are verified."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$", max_length=MAX_NAME_LENGTH),
    ] = Field(description="Name of the connection, as shown in lists and mails")
    settings: ConnectionSettings = Field(description="Settings, including the credentials of both systems")


class AddedConnection(ConnectionItem):
    webhook_url: str = Field(description="Webhook URL to enter in Moment. It is shown only once.")
    verification_id: int = Field(description="Id of the operation that verifies the credentials")


class Pause(Body):
    because: Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_REASON_LENGTH)] = Field(
        default="", description="Reason for the pause, shown on the pages"
    )


class WebhookUrl(BaseModel):
    webhook_url: str = Field(
        description="New webhook URL to enter in Moment. It is shown only once, and the former one stops working."
    )


@router.get("/connections", operation_id="listConnections")
def list_connections(
    caller: Reading,
    name: Annotated[str, Query(pattern=PLAIN, max_length=MAX_NAME_LENGTH, description="Part of the name")] = "",
    state: Annotated[
        ConnectionState | None, Query(description="State of the connections; `unreadable` ones count as `paused`")
    ] = None,
    problem: Annotated[HealthProblem | None, Query(description="Problem of the connections")] = None,
    cursor: NameCursor = None,
    limit: Limit = SIZE,
) -> Page[ConnectionItem]:
    """List the token's connections by name."""
    found = connection_list.summaries(
        caller.database,
        caller.scope,
        now=caller.now,
        connection_filter=ConnectionFilter(name=name, state=state, problem=problem),
        after=_name_of(cursor),
        limit=limit + 1,
    )
    further = urlsafe_b64encode(found[limit - 1].name.encode()).decode() if len(found) > limit else None
    return Page(items=_items(caller, found[:limit]), next=further)


@router.post(
    "/connections", operation_id="addConnection", status_code=status.HTTP_201_CREATED, responses={409: {}}
)
def add_connection(caller: Adding, new: NewConnection, response: Response) -> AddedConnection:
    """Add a connection and verify its credentials. It is not started.

    At most 5 passwords an hour are tried for a user name.
    """
    name = clean(new.name, max_length=MAX_NAME_LENGTH)
    if not name:
        raise invalid("name", msg("This field is required."))
    expect_consistent(new.settings, prefix="settings.")
    caller.expect_few_logins(new.settings.username, new.settings.password.get_secret_value())
    added, token = caller.container.connections.add(
        name, new.settings, actor=caller.actor, now=caller.now, started=False
    )
    verification = caller.request_operation(OperationType.VERIFICATION, added.id)
    response.headers["Location"] = f"/api/v1/connections/{added.id}"
    return AddedConnection(
        **get_item(caller, added.id).model_dump(),
        webhook_url=caller.container.webhook_url(token),
        verification_id=verification,
    )


@router.get("/connections/{connection_id}", operation_id="getConnection")
def get_connection(caller: Reading, connection_id: ConnectionId) -> ConnectionItem:
    """Get a connection."""
    return get_item(caller, connection_id)


@router.delete(
    "/connections/{connection_id}",
    operation_id="eraseConnection",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses={409: {}},
)
def erase_connection(
    caller: Erasing,
    connection_id: ConnectionId,
    name: Annotated[
        str, Query(pattern=PLAIN, max_length=MAX_NAME_LENGTH, description="Name of the connection, to confirm")
    ],
) -> None:
    """Erase a connection with all its data. Data in Moment and 24SevenOffice stays there."""
    connection = caller.connection(connection_id)
    if name != connection.name:
        raise invalid("name", msg("The name doesn't match. Nothing was erased."), location="query")
    dispatch.forget(connection_id)
    caller.container.erase_connection(connection, actor=caller.actor)


@router.post("/connections/{connection_id}/pause", operation_id="pauseConnection")
def pause_connection(caller: Writing, connection_id: ConnectionId, pause: Pause) -> ConnectionItem:
    """Pause a connection until it is resumed. New records are queued in the meantime."""
    because = clean(pause.because, max_length=MAX_REASON_LENGTH)
    caller.container.connections.pause(connection_id, because, actor=caller.actor, now=caller.now)
    return get_item(caller, connection_id)


@router.post("/connections/{connection_id}/resume", operation_id="resumeConnection", responses={409: {}})
def resume_connection(
    caller: Writing,
    connection_id: ConnectionId,
    *,
    despite_failed_test: Annotated[
        bool,
        Query(
            description="Resume even if the last test found errors, or the connection paused itself and no test "
            "has passed since; both are refused by default"
        ),
    ] = False,
) -> ConnectionItem:
    """Start or resume a connection. Queued records are then processed."""
    caller.container.connections.resume(
        connection_id, actor=caller.actor, now=caller.now, despite_failed_test=despite_failed_test
    )
    return get_item(caller, connection_id)


@router.post("/connections/{connection_id}/webhook-url", operation_id="replaceWebhookUrl")
def replace_webhook_url(caller: Writing, connection_id: ConnectionId) -> WebhookUrl:
    """Replace the webhook URL. The former one stops working at once; enter the new one in Moment."""
    token = caller.container.connections.regenerate_token(connection_id, actor=caller.actor, now=caller.now)
    return WebhookUrl(webhook_url=caller.container.webhook_url(token))


def get_item(caller: Caller, connection_id: int) -> ConnectionItem:
    """Return the current state of a connection. Raises ProblemError if it does not exist."""
    found = connection_list.summaries(caller.database, Scope(frozenset({connection_id})), now=caller.now)
    if not found:
        raise ProblemError("not_found")
    return _items(caller, found)[0]


def expect_consistent(settings: ConnectionSettings, *, prefix: str = "") -> None:
    """Raise ProblemError if settings contradict each other; ``prefix`` precedes the names of fields."""
    if wrong := contradictions(settings):
        raise ProblemError("invalid", fields={("body", f"{prefix}{name}"): text for name, text in wrong.items()})


def _items(caller: Caller, found: Sequence[ConnectionSummary]) -> list[ConnectionItem]:
    unreadable = caller.container.connections.unreadable([each.id for each in found])
    return [_item(caller, each, readable=each.id not in unreadable) for each in found]


def _item(caller: Caller, each: ConnectionSummary, *, readable: bool) -> ConnectionItem:
    because = each.paused_because if each.state is ConnectionState.PAUSED else ""
    state = ShownState(each.state if readable else UNREADABLE_STATE)
    because = caller.translate(because if readable else UNREADABLE)
    return caller.build_from(ConnectionItem, each, state=state, paused_because=because)


def _name_of(cursor: str | None) -> str:
    try:
        name = urlsafe_b64decode(cursor or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid("cursor", NO_CURSOR, location="query") from None
    if "\0" in name:
        raise invalid("cursor", NO_CURSOR, location="query")
    return name
