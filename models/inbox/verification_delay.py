"""Calls that were given up and may be at work over there yet: what they save is not looked for before they end."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func

from models.schema.tables import SyncJobRow

VERIFICATION_DELAY = timedelta(seconds=60)
"""How long after an attempt with an uncertain end.

With the minute that an answer is waited for it is longer than such a server lets a call work (assumption S25).
"""


def earliest_retry(now: datetime | ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Say in SQL when a change is due that is tried before its time: now, or when its last call has ended."""
    ended = func.greatest(now, SyncJobRow.completed_at + VERIFICATION_DELAY)  # without a last attempt it is now
    return case((SyncJobRow.outcome_unknown, ended), else_=now)
