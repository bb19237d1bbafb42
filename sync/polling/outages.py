"""What polls say about an outage: they detect one while nothing else happens, and end one that no job waits for.

A failing list is no outage while its system answers anything else: another list, or a synced record.
:mod:`sync.polling.stalled` reports such a list.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection
from models.database import Database
from models.enums import EntityType
from models.inbox import circuit_breaker, cursors, leases
from sync.engine.outcomes import connection_problem
from sync.errors import AnswerTooLargeError, SyncError

QUIET = timedelta(hours=1)
"""How long after the last synced record a failing list no longer counts as a system that otherwise answers."""


def record_failure(
    database: Database,
    connection: Connection,
    polled: Collection[EntityType],
    error: SyncError,
    *,
    now: datetime,
    jitter: float,
) -> None:
    """Count failed polls of these types, if the error says that a system is down and nothing else was answered."""
    problem = connection_problem(error)
    if not problem or problem.alert_type is not AlertType.OUTAGE or isinstance(error, AnswerTooLargeError):
        return
    if _is_unanswered(database, connection.id, polled, now=now):
        circuit_breaker.record_poll_failure(database, connection.id, problem, now=now, jitter=jitter)


def record_success(
    database: Database, connection: Connection, polled: Collection[EntityType], *, now: datetime
) -> None:
    """End an outage, as a system answers the polls of these types; not while the other system answers none."""
    types = connection.settings.entity_types
    if not _is_unanswered(database, connection.id, types.difference(polled), now=now):
        circuit_breaker.record_poll_success(database, connection.id, entity_types=types, now=now)


def _is_unanswered(
    database: Database, connection_id: int, types: Collection[EntityType], *, now: datetime
) -> bool:
    """Return whether the last polls of these types all failed, and nothing was synced meanwhile or lately."""
    since = cursors.unanswered_since(database, connection_id, types)
    return since is not None and not leases.has_synced(database, connection_id, since=max(since, now - QUIET))
