"""The poll that finds what a lost notification did not tell: a webhook is only an early poll."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models import cursors, inbox
from models.words import Record

if TYPE_CHECKING:
    from datetime import datetime

    from models.base import Database
    from models.words import Lane
    from sync.ports import Moment

OVERLAP = timedelta(minutes=10)
"""How far each poll reaches back before the last one, for clocks that differ and records saved late."""


def poll(database: Database, moment: Moment, lane: Lane, *, now: datetime) -> int:
    """Receive what has changed in Moment since the last poll; the cursor moves only when all is in the inbox.

    Returns:
        How many records were received.

    Raises:
        SyncError: Moment did not answer; the next poll starts where this one did.
    """
    since = (cursors.position(database, lane) or now) - OVERLAP
    records = [Record(lane.kind, record_id) for record_id in moment.changed(lane.kind, since=since)]
    inbox.receive(database, lane.connection_id, records, now=now)
    cursors.move(database, lane, to=now)
    return len(records)
