"""Setting links aside before a connection uses another company, to whose records they do not lead."""

from datetime import datetime

from sqlalchemy import select

from i18n.messages import msg
from models.admin.erasure import JobsRunningError
from models.database import Database
from models.inbox import links, questions, restore, vat_checks
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.tables import ConnectionRow, LaneRow


def unlink(database: Database, connection_id: int, *, actor: str, now: datetime) -> int:
    """Set the links of a paused connection aside, and return how many there were.

    Later jobs are verified before they are sent, as after a restore, and answers about matches are deleted.
    The next login shows which client of 24SevenOffice the connection uses.

    Raises:
        JobsRunningError: a worker is running jobs of the connection; nothing was changed.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        held = (LaneRow.connection_id == connection_id, LaneRow.lease_expires_at > now)
        if session.scalar(select(LaneRow.entity_type).where(*held).limit(1)):
            raise JobsRunningError("A worker is processing some of its records. Try again in a few minutes.")
        count = links.set_aside(session, connection_id, now=now)
        restore.doubt(session, [connection_id], now=now)
        questions.void_all(session, connection_id, now=now)
        vat_checks.forget(session, connection_id)
        row.client_number = None
        what = msg("Set {count} links aside", count=count)
        add_entry(session, connection_id=connection_id, at=now, actor=actor, action=what)
    return count
