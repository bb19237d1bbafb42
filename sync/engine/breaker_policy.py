"""A connection that is down is one fact, not a thousand: it rests, one change is risked now and then, one mail."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from i18n.formatting import OSLO
from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from models.database import Database
from models.enums import Outcome
from models.inbox import circuit_breaker
from models.inbox.circuit_breaker import Outage
from sync.engine.outcomes import Success
from sync.error_codes import ERROR_CODES
from sync.errors import OutcomeUnknownError, RateLimitedError, UnavailableError

FAILURE_THRESHOLD = 3
"""Unavailable answers in a row after which a connection rests."""

FIRST_DELAY = timedelta(seconds=30)
MAX_DELAY = timedelta(minutes=5)

OUTAGE_ALERT_AFTER = timedelta(minutes=2)
"""How long an outage lasts before anybody is told."""

RATE_LIMIT_ALERT_AFTER = timedelta(minutes=15)
"""How long nothing comes across for want of requests before anybody is told; it often does for a while."""


def record_batch(
    database: Database,
    connection: Connection,
    answers: Collection[Success | Exception],
    *,
    now: datetime,
    random: Callable[[], float],
) -> None:
    """Draw the conclusion from the answers of a batch.

    Only a record that came across proves that both systems answer: others may have needed one of them or none.
    """
    error = next((answer for answer in answers if _is_down(answer)), None)
    across = any(isinstance(answer, Success) and answer.outcome is Outcome.SYNCED for answer in answers)
    short = next((answer for answer in answers if isinstance(answer, RateLimitedError)), None)
    if isinstance(error, UnavailableError | OutcomeUnknownError):
        asked = getattr(error, "retry_after", None)
        circuit_breaker.record_failure(
            database,
            connection.id,
            now=now,
            open_for=lambda outage: max(open_for(outage.failures, random=random), asked or timedelta()),
            alert_for=lambda outage: _outage_alert(connection, error, outage) if _is_long(outage, now) else None,
        )
        return
    if across:
        circuit_breaker.record_recovery(database, connection.id, now=now, alert=_recovery_alert(connection))
    if short:
        _record_rate_limit(database, connection, short, now=now)
    elif not across:
        circuit_breaker.end_probe(database, connection.id, now=now)


def _record_rate_limit(
    database: Database, connection: Connection, error: RateLimitedError, *, now: datetime
) -> None:
    circuit_breaker.record_rate_limit(
        database,
        connection.id,
        now=now,
        until=now + (error.retry_after or FIRST_DELAY),
        alert_for=lambda since: (
            _rate_limit_alert(connection, error, since) if now - since >= RATE_LIMIT_ALERT_AFTER else None
        ),
    )


def open_for(failures: int, *, random: Callable[[], float]) -> timedelta:
    """Tell how long to rest: not at all at first, then longer and longer, less up to a quarter by chance."""
    if failures < FAILURE_THRESHOLD:
        return timedelta()
    grown = FIRST_DELAY * 2.0 ** min(failures - FAILURE_THRESHOLD, 10)
    wait: timedelta = min(grown, MAX_DELAY)
    return wait * (1 - random() / 4)


def _is_down(answer: Success | Exception) -> bool:
    """Tell whether an answer says that a system is down: nothing came back, or that it cannot now."""
    if isinstance(answer, RateLimitedError):
        return False
    return isinstance(answer, UnavailableError) or (isinstance(answer, OutcomeUnknownError) and answer.no_answer)


def _is_long(outage: Outage, now: datetime) -> bool:
    return outage.failures >= FAILURE_THRESHOLD and now - outage.since >= OUTAGE_ALERT_AFTER


def _outage_alert(connection: Connection, error: UnavailableError | OutcomeUnknownError, outage: Outage) -> Alert:
    since = outage.since.astimezone(OSLO)
    return Alert(
        AlertType.OUTAGE,
        connection.name,
        msg("Nothing has come across since {time}. {problem}", time=f"{since:%H:%M}", problem=error.message),
        msg("Nothing. Everything waits, and is tried again by itself until it has come across."),
        connection.settings.error_emails,
        error.error_code,
    )


def _rate_limit_alert(connection: Connection, error: RateLimitedError, since: datetime) -> Alert:
    time = f"{since.astimezone(OSLO):%H:%M}"
    return Alert(
        AlertType.RATE_LIMITED,
        connection.name,
        msg("Nothing has come across since {time}. {problem}", time=time, problem=error.message),
        ERROR_CODES[error.error_code].remedy,
        connection.settings.error_emails,
        error.error_code,
    )


def _recovery_alert(connection: Connection) -> Alert:
    message = msg("It works again, and everything that waited is on its way.")
    return Alert(AlertType.RECOVERED, connection.name, message, "", connection.settings.error_emails)
