"""Who hears of what: a mail when a record turns for the worse, and one when it is well again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.alerts import Alert, Turn
from models.words import State

if TYPE_CHECKING:
    from models.connections import Connection
    from models.inbox import Change, Settlement
    from sync.errors import SyncError


def alert_of(change: Change, settlement: Settlement, addresses: tuple[str, ...]) -> Alert | None:
    """Tell of a record that needs a person, once, and of its recovery; of nothing in between."""
    title = settlement.title or change.title or f"{change.record.kind.capitalize()} {change.record.id} in Moment"
    if settlement.state is State.STUCK and not change.alerted:
        return Alert(Turn.WORSE, title, settlement.message, settlement.remedy, addresses)
    if settlement.went_well and change.alerted:
        message = settlement.message or "It has come across by now; there is nothing left to do."
        return Alert(Turn.BETTER, title, message, "", addresses)
    return None


def pause_of(connection: Connection, error: SyncError) -> Alert:
    """Tell that a connection has stopped until its settings are mended."""
    return Alert(Turn.WORSE, connection.name, error.message, error.remedy, connection.settings.error_emails)
