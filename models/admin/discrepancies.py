"""What a person does about a difference in the books: sends the invoice (again), or accepts it as known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import insert

from i18n.messages import msg
from models.admin.job_actions import ActionResult
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox.job_updates import changed_by, concerns, fresh
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.statements import link_of, made_of, of_lane, upsert
from models.schema.tables import AcceptanceRow, LinkRow, SyncJobRow


@dataclass(frozen=True, slots=True)
class Acceptance:
    fingerprint: str
    actor: str
    why: str
    at: datetime


def resend(  # noqa: PLR0913 - all by name
    database: Database,
    connection_id: int,
    record: Record,
    *,
    name: str,
    actor: str,
    now: datetime,
    expense: str = "",
) -> ActionResult:
    """Have a record sent (again), also one that was closed; nothing is done while it is in a worker's hands.

    Its link is taken away, and its change is uncertain, so that the flow looks over there before it writes. Of a
    voucher's links, one for each expense, the one by this key is taken away, and none where that is empty.
    """
    lane = Lane(connection_id, record.entity_type)
    key, event = {**asdict(lane), "record_id": record.id}, Event.SENT_AGAIN
    put = insert(SyncJobRow).values(**key, **fresh(event, now=now, outcome_unknown=True), received_at=now)
    again = {
        **changed_by(event, now=now),
        "received_at": now,
        "revision": SyncJobRow.revision + 1,
        "dismissal_reason": "",
    }
    put = put.on_conflict_do_update(index_elements=list(key), set_=again, where=concerns(event))
    of_expense = and_(of_lane(LinkRow, lane), LinkRow.remote_id == expense)
    linked = of_expense if record.entity_type is EntityType.EXPENSE else link_of(connection_id, record)
    with database.transaction() as session:
        job_id = session.scalar(put.returning(SyncJobRow.id))
        if job_id is None:
            return ActionResult(0)
        session.execute(delete(LinkRow).where(linked))
        what = msg("Sent from the reconciliation: {record}", record=name)
        add_entry(session, connection_id=connection_id, job_id=job_id, at=now, actor=actor, action=what)
    return ActionResult(1, frozenset({lane}))


def accept(database: Database, connection_id: int, key: str, acceptance: Acceptance, *, name: str) -> None:
    """Note that a difference is known, as it is now; it is one again when it changes."""
    put = upsert(AcceptanceRow, {"connection_id": connection_id, "key": key}, asdict(acceptance))
    what = msg("Accepted a difference: {record} ({why})", record=name, why=acceptance.why)
    with database.transaction() as session:
        session.execute(put)
        add_entry(session, connection_id=connection_id, at=acceptance.at, actor=acceptance.actor, action=what)


def accepted(database: Database, connection_id: int) -> Mapping[str, Acceptance]:
    query = select(AcceptanceRow).where(AcceptanceRow.connection_id == connection_id)
    with database.transaction() as session:
        return {row.key: made_of(Acceptance, row) for row in session.scalars(query)}
