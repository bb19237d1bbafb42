"""What polls say about an outage: they meet it where nothing else happens, and end what only they have met."""

from datetime import datetime

from models.connections.alert_outbox import AlertType
from models.database import Database
from models.inbox import circuit_breaker
from sync.engine.outcomes import connection_problem
from sync.errors import AnswerTooLargeError, SyncError


def record_failure(
    database: Database, connection_id: int, error: SyncError, *, now: datetime, jitter: float
) -> None:
    """Count a poll that failed for the circuit breaker, where it says that a system is down."""
    problem = connection_problem(error)
    if problem and problem.alert_type is AlertType.OUTAGE and not isinstance(error, AnswerTooLargeError):
        circuit_breaker.record_poll_failure(database, connection_id, problem, now=now, jitter=jitter)


def record_success(database: Database, connection_id: int, *, failed: int, now: datetime) -> None:
    """Tell the circuit breaker that the polls of a system succeeded, after ``failed`` in a row that did not."""
    if failed:
        circuit_breaker.record_poll_success(database, connection_id, failed_polls=failed, now=now)
