"""The actions of a person on many connections at once, and why some of the connections are skipped.

Each connection is changed by the method that changes a single one, so that the same rules apply, and each gets an
audit entry.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, select

from models.admin.connection_list import ConnectionFilter, filter_conditions, name_sort_key
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
"""Connections that one action changes: each is changed on its own, and a person waits for all of them."""

SKIPPING_ERRORS = CompanyTakenError, ConcurrentUpdateError, FailedTestError, UnknownConnectionError, UnprovenError
"""The errors for which one connection is skipped, but not the others."""


class ConnectionAction(StrEnum):
    TEST = "test"
    PAUSE = "pause"
    RESUME = "resume"
    ADD_RECIPIENTS = "add_recipients"

    @property
    def role(self) -> Role:
        """The role that the action needs on a single connection."""
        return Role.ADMINISTRATOR if self is ConnectionAction.ADD_RECIPIENTS else Role.OPERATOR


class Obstacle(StrEnum):
    """The reason for which a connection is skipped."""

    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    TEST_FAILED = "test_failed"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A selected connection and the obstacle for which it is skipped; None if it will be changed."""

    id: int
    name: str
    obstacle: Obstacle | None = None


def plan(
    database: Database,
    scope: Scope,
    action: ConnectionAction,
    connection_filter: ConnectionFilter,
    *,
    now: datetime,
) -> Sequence[PlannedConnection]:
    """Return the first :data:`MAX_AT_ONCE` connections of a filter, by name, with the obstacle of each."""
    row = ConnectionRow
    query = select(row.id, row.name, row.paused_because, row.failed_checks, row.unproven_since)
    conditions = filter_conditions(scope, connection_filter, now=now)
    found = database.rows(query.where(*conditions).order_by(name_sort_key(row.name)).limit(MAX_AT_ONCE))
    return [PlannedConnection(each.id, each.name, _obstacle(action, each)) for each in found]


def test(operations: Operations, connection_ids: Collection[int], *, actor: str, now: datetime) -> Sequence[int]:
    """Request tests of connections, and return the operations; a test that is already pending is reused."""
    requested = []
    for connection_id in connection_ids:
        with suppress(OperationPendingError, TooManyOperationsError):
            requested.append(operations.request(OperationType.DIAGNOSTICS, connection_id, actor=actor, now=now))
    return requested


def pause(
    connections: Connections, connection_ids: Collection[int], *, because: str, actor: str, now: datetime
) -> int:
    """Pause connections, and return how many were not already paused."""
    return _each(connection_ids, lambda each: connections.pause(each, because, actor=actor, now=now))


def resume(connections: Connections, connection_ids: Collection[int], *, actor: str, now: datetime) -> int:
    """Start or resume connections, and return how many; one that needs a confirmation is skipped."""

    def resume_one(connection_id: int) -> bool:
        if not connections.get_even_unreadable(connection_id).paused_because:
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
    """Add recipients of alerts, and return the number of connections that changed.

    A connection that would have too many recipients, or whose secrets no key decrypts, is skipped; a paused one
    stays paused. Raises pydantic.ValidationError if an address is invalid.
    """

    def add_to(connection_id: int) -> bool:
        before = connections.get_even_unreadable(connection_id)
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
        with suppress(*SKIPPING_ERRORS):
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
