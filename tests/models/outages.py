"""Batches that meet a problem of the whole connection."""

from datetime import datetime, timedelta

from models.connections.alert_outbox import AlertType
from models.database import Database
from models.inbox import circuit_breaker
from models.inbox.circuit_breaker import ConnectionProblem, ProblemType


def problem(alert_type: ProblemType, *, retry_after: timedelta | None = None) -> ConnectionProblem:
    return ConnectionProblem(
        alert_type=alert_type, message="It is away.", remedy="", error_code="", retry_after=retry_after
    )


def fail(
    database: Database,
    connection_id: int,
    *,
    alert_type: ProblemType = AlertType.OUTAGE,
    retry_after: timedelta,
    now: datetime,
) -> None:
    """Open the circuit breaker for ``retry_after``."""
    problems = [problem(alert_type, retry_after=retry_after)]
    with database.transaction() as session:
        circuit_breaker.record_batch(session, connection_id, synced=False, problems=problems, now=now, jitter=0)


def recover(database: Database, connection_id: int, *, now: datetime) -> None:
    """Sync a record, which closes the circuit breaker."""
    with database.transaction() as session:
        assert circuit_breaker.record_batch(session, connection_id, synced=True, problems=[], now=now, jitter=0)
