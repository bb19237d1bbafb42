"""Who hears of what: a mail when a record turns for the worse, and one when it is well again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from language.said import say
from models.alerts import Alert, Turn
from models.words import State

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from models.alerts import Unsent
    from models.connections import Connection
    from models.inbox import Change, Settlement
    from sync.errors import SyncError


def alert_of(change: Change, settlement: Settlement, addresses: tuple[str, ...]) -> Alert | None:
    """Tell of a record that needs a person, once, and of its recovery; of nothing in between."""
    title = settlement.title or change.title or change.record.name
    if settlement.state is State.STUCK and not change.alerted:
        return Alert(Turn.WORSE, title, settlement.message, settlement.remedy, addresses, settlement.reason)
    if settlement.went_well and change.alerted:
        message = settlement.message or say("It has come across by now; there is nothing left to do.")
        return Alert(Turn.BETTER, title, message, "", addresses)
    return None


def pause_of(connection: Connection, error: SyncError) -> Alert:
    """Tell that a connection has stopped until its settings are mended."""
    message = say("{problem} Nothing is lost: what comes in meanwhile waits.", problem=error.message)
    return Alert(
        Turn.PAUSED, connection.name, message, error.remedy, connection.settings.error_emails, error.reason
    )


def still_news(waiting: Sequence[Unsent]) -> list[Unsent]:
    """Tell which of an address's alerts, given oldest first, are worth a mail: of each matter the latest.

    What mended itself before anybody heard of it is not told at all, nor what a person has closed meanwhile.
    """
    matters: dict[Hashable, list[Unsent]] = {}
    for alert in waiting:
        matters.setdefault(_matter(alert), []).append(alert)
    return [alerts[-1] for alerts in matters.values() if not _is_over(alerts[0], alerts[-1])]


def _matter(alert: Unsent) -> Hashable:
    """Tell what an alert is about: a record, or of a connection whether it works, or its week."""
    return alert.change_id or (alert.connection_id, alert.turn in {Turn.DIGEST, Turn.BOOKS} and alert.turn)


def _is_over(first: Unsent, last: Unsent) -> bool:
    if last.turn in (Turn.WORSE, Turn.REMINDER):
        return last.since is None
    return last.turn in (Turn.BETTER, Turn.UP) and first.turn in (Turn.WORSE, Turn.DOWN, Turn.SHORT, Turn.PAUSED)
