"""Actions on many connections at once, and the obstacles that exclude some.

Each connection is changed by the same function as a single one, so that the same rules apply, and the audit log
names each.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, select

from models.admin.connection_list import ConnectionFilter, fits, in_order
from models.admin.operations import OperationPendingError, Operations, OperationType, TooManyOperationsError
from models.connections.repository import (
    CompanyTakenError,
    ConcurrentUpdateError,
    Connections,
    FailedTestError,
    UnknownConnectionError,
    UnprovenError,
)
from models.connections.settings import MAX_ERROR_EMAILS
from models.database import Database
from models.enums import Role, Scope
from models.schema.tables import ConnectionRow

MAX_AT_ONCE = 1_000
"""Maximum number of connections in one action: each is changed separately, and a person waits for all of them."""

LEFT_OUT = CompanyTakenError, ConcurrentUpdateError, FailedTestError, UnknownConnectionError, UnprovenError
"""Errors that leave one connection unchanged and do not stop the others."""


class ConnectionAction(StrEnum):
    TEST = "test"
    PAUSE = "pause"
    RESUME = "resume"
    ADD_RECIPIENTS = "add_recipients"

    @property
    def role(self) -> Role:
        """The role that may do it to a single connection."""
        return Role.ADMINISTRATOR if self is ConnectionAction.ADD_RECIPIENTS else Role.OPERATOR


class Obstacle(StrEnum):
    """Why a connection is left out."""

    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    TEST_FAILED = "test_failed"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A chosen connection and its obstacle; None if it will be changed."""

    id: int
    name: str
    obstacle: Obstacle | None = None


def plan(
    database: Database, scope: Scope, action: ConnectionAction, wanted: ConnectionFilter, *, now: datetime
) -> Sequence[PlannedConnection]:
    """Return the plans for the first MAX_AT_ONCE connections of a filter, by name, in one statement."""
    row = ConnectionRow
    query = select(row.id, row.name, row.paused_because, row.failed_checks, row.unproven_since)
    query = query.where(*fits(scope, wanted, now=now)).order_by(in_order(row.name)).limit(MAX_AT_ONCE)
    found = database.rows(query)
    return [PlannedConnection(each.id, each.name, _obstacle(action, each)) for each in found]


def test(operations: Operations, connection_ids: Collection[int], *, actor: str, now: datetime) -> Sequence[int]:
    """Request tests and return the operations; a connection with a pending test keeps that one."""
    requested = []
    for connection_id in connection_ids:
        with suppress(OperationPendingError, TooManyOperationsError):
            requested.append(operations.request(OperationType.DIAGNOSTICS, connection_id, actor=actor, now=now))
    return requested


def pause(
    connections: Connections, connection_ids: Collection[int], *, because: str, actor: str, now: datetime
) -> int:
    """Pause connections, and count those that were not paused already."""
    return _each(connection_ids, lambda each: connections.pause(each, because, actor=actor, now=now))


def resume(connections: Connections, connection_ids: Collection[int], *, actor: str, now: datetime) -> int:
    """Start or resume the connections that need no confirmation, and count them."""

    def resume_one(connection_id: int) -> bool:
        if not connections.get_shown(connection_id).paused_because:
            return False
        connections.resume(connection_id, actor=actor, now=now)
        return True

    return _each(connection_ids, resume_one)


def add_recipients(
    connections: Connections,
    connection_ids: Collection[int],
    addresses: Sequence[str],
    *,
    actor: str,
    now: datetime,
) -> int:
    """Add alert recipients, and count the connections that changed.

    A connection that would have too many, or whose secrets no key decrypts, stays as it is; a paused one stays
    paused. Raises pydantic.ValidationError for an invalid address.
    """

    def add_to(connection_id: int) -> bool:
        before = connections.get_shown(connection_id)
        known = before.settings.error_emails
        after = tuple(dict.fromkeys([*known, *addresses]))
        if after == known or len(after) > MAX_ERROR_EMAILS or before.unreadable:
            return False
        change = {"error_emails": after}
        connections.update(connection_id, change, actor=actor, now=now, seen=before.updated_at)
        return True

    return _each(connection_ids, add_to)


def _each(connection_ids: Collection[int], change: Callable[[int], bool]) -> int:
    changed = 0
    for connection_id in connection_ids:
        with suppress(*LEFT_OUT):
            changed += change(connection_id)
    return changed


def _obstacle(action: ConnectionAction, connection: Row[int, str, str, int, datetime | None]) -> Obstacle | None:
    match action:
        case ConnectionAction.PAUSE if connection.paused_because:
            return Obstacle.PAUSED
        case ConnectionAction.RESUME if not connection.paused_because:
            return Obstacle.NOT_PAUSED
        case ConnectionAction.RESUME if connection.failed_checks:
            return Obstacle.TEST_FAILED
        case ConnectionAction.RESUME if connection.unproven_since:
            return Obstacle.UNPROVEN
    return None
