"""A connection that is down is one fact, not a thousand: it rests, one change is risked now and then, one mail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from language.said import say
from models import breaker
from models.alerts import Alert, Turn
from models.words import Outcome
from sync.errors import Rationed, Unavailable, Uncertain
from sync.outcomes import Done
from sync.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from models.base import Database
    from models.breaker import Outage
    from models.connections import Connection

OSLO = ZoneInfo("Europe/Oslo")

MOST_FAILURES = 3
"""Unavailable answers in a row after which a connection rests."""

FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=5)

PATIENCE = timedelta(minutes=2)
"""How long an outage lasts before anybody is told."""

LONG_WITHOUT = timedelta(minutes=15)
"""How long nothing comes across for want of requests before anybody is told; it often does for a while."""


def heed(
    database: Database,
    connection: Connection,
    answers: Collection[Done | Exception],
    *,
    now: datetime,
    dice: Callable[[], float],
) -> None:
    """Draw the conclusion from the answers of a batch.

    Only a record that came across proves that both systems answer: others may have needed one of them or none.
    """
    error = next((answer for answer in answers if _is_down(answer)), None)
    across = any(isinstance(answer, Done) and answer.outcome is Outcome.SYNCED for answer in answers)
    short = next((answer for answer in answers if isinstance(answer, Rationed)), None)
    if isinstance(error, Unavailable | Uncertain):
        asked = getattr(error, "retry_after", None)
        breaker.failed(
            database,
            connection.id,
            now=now,
            rest=lambda outage: max(rest(outage.failures, dice=dice), asked or timedelta()),
            tell=lambda outage: _down(connection, error, outage) if _is_long(outage, now) else None,
        )
        return
    if across:
        breaker.answered(database, connection.id, now=now, alert=_up(connection))
    if short:
        _wait_for_requests(database, connection, short, now=now)
    elif not across:
        breaker.probed(database, connection.id, now=now)


def _wait_for_requests(database: Database, connection: Connection, error: Rationed, *, now: datetime) -> None:
    breaker.rationed(
        database,
        connection.id,
        now=now,
        until=now + (error.retry_after or FIRST_REST),
        tell=lambda since: _short(connection, error, since) if now - since >= LONG_WITHOUT else None,
    )


def rest(failures: int, *, dice: Callable[[], float]) -> timedelta:
    """Tell how long to rest: not at all at first, then longer and longer, less up to a quarter by chance."""
    if failures < MOST_FAILURES:
        return timedelta()
    grown = FIRST_REST * 2.0 ** min(failures - MOST_FAILURES, 10)
    wait: timedelta = min(grown, LONGEST_REST)
    return wait * (1 - dice() / 4)


def _is_down(answer: Done | Exception) -> bool:
    """Tell whether an answer says that a system is down: nothing came back, or that it cannot now."""
    if isinstance(answer, Rationed):
        return False
    return isinstance(answer, Unavailable) or (isinstance(answer, Uncertain) and answer.silent)


def _is_long(outage: Outage, now: datetime) -> bool:
    return outage.failures >= MOST_FAILURES and now - outage.since >= PATIENCE


def _down(connection: Connection, error: Unavailable | Uncertain, outage: Outage) -> Alert:
    since = outage.since.astimezone(OSLO)
    return Alert(
        Turn.DOWN,
        connection.name,
        say("Nothing has come across since {time}. {problem}", time=f"{since:%H:%M}", problem=error.message),
        say("Nothing. Everything waits, and is tried again by itself until it has come across."),
        connection.settings.error_emails,
        error.reason,
    )


def _short(connection: Connection, error: Rationed, since: datetime) -> Alert:
    time = f"{since.astimezone(OSLO):%H:%M}"
    return Alert(
        Turn.SHORT,
        connection.name,
        say("Nothing has come across since {time}. {problem}", time=time, problem=error.message),
        REASONS[error.reason].cure,
        connection.settings.error_emails,
        error.reason,
    )


def _up(connection: Connection) -> Alert:
    message = say("It works again, and everything that waited is on its way.")
    return Alert(Turn.UP, connection.name, message, "", connection.settings.error_emails)
