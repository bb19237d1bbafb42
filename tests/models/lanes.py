"""Takes changes through the inbox, so that a test says in a line what they ended in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models import changes, inbox
from models.inbox import Settlement
from models.words import Kind, Lane, Outcome, Record, State
from tests.factories import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from models.base import Database
    from models.listing import ChangeView

HOUR = timedelta(hours=1)
INVOICE = Record(Kind.INVOICE, "9")


def settled(
    database: Database,
    connection_id: int,
    record: Record = INVOICE,
    *,
    state: State = State.SETTLED,
    at: datetime = NOW,
    **values: Any,
) -> ChangeView:
    """Receive a record, have it attempted in the same instant, and tell how it stands."""
    inbox.receive(database, connection_id, [record], now=at)
    claim = inbox.claim(database, Lane(connection_id, record.kind), most=1, now=at, until=at + HOUR)
    assert claim
    outcome = Outcome.FAILED if state in (State.STUCK, State.WAITING) else Outcome.SYNCED
    ended = Settlement(claim.changes[0].id, state, **{"due_at": at + HOUR, "outcome": outcome, **values})
    inbox.settle(database, claim, [ended], now=at)
    found = changes.find(database, connection_id, record)
    assert found
    return found
