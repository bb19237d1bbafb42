"""What a person does about a difference in the books: sends the invoice (again), or accepts it as known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from i18n.messages import msg
from models.admin.job_actions import ActionResult
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import verification_delay
from models.schema.tables import AcceptanceRow, AuditRow, LinkRow, SyncJobRow


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted a difference, why, and when (UTC)."""

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
    key = {"connection_id": connection_id, "entity_type": record.entity_type, "record_id": record.id}
    fresh = {
        "state": JobState.QUEUED,
        "due_at": verification_delay.earliest_retry(now),
        "received_at": now,
        "outcome_unknown": True,
    }
    again = {
        **fresh,
        "revision": SyncJobRow.revision + 1,
        "failed_attempts": 0,
        "worker_crashes": 0,
        "dismissal_reason": "",
    }
    again |= {"dependency_type": None, "dependency_id": None}
    put = (
        insert(SyncJobRow)
        .values(**key, **{**fresh, "due_at": now})
        .on_conflict_do_update(index_elements=list(key), set_=again, where=SyncJobRow.state != JobState.RUNNING)
        .returning(SyncJobRow.id)
    )
    link = delete(LinkRow).where(
        LinkRow.connection_id == connection_id,
        LinkRow.entity_type == record.entity_type,
        LinkRow.remote_id == expense
        if record.entity_type is EntityType.EXPENSE
        else LinkRow.moment_id == record.id,
    )
    with database.transaction() as session:
        job_id = session.scalar(put)
        if job_id is None:
            return ActionResult(0)
        session.execute(link)
        what = msg("Sent by the comparison of the books: {record}", record=name)
        session.add(AuditRow(connection_id=connection_id, job_id=job_id, at=now, actor=actor, action=what))
    return ActionResult(1, frozenset({Lane(connection_id, record.entity_type)}))


def accept(database: Database, connection_id: int, key: str, acceptance: Acceptance, *, name: str) -> None:
    """Note that a difference is known, as it is now; it is one again when it changes."""
    values = {
        "fingerprint": acceptance.fingerprint,
        "actor": acceptance.actor,
        "why": acceptance.why,
        "at": acceptance.at,
    }
    named_by = {"connection_id": connection_id, "key": key}
    put = insert(AcceptanceRow).values(**named_by, **values)
    what = msg("Accepted a difference in the books: {record} ({why})", record=name, why=acceptance.why)
    with database.transaction() as session:
        session.execute(put.on_conflict_do_update(index_elements=list(named_by), set_=values))
        session.add(AuditRow(connection_id=connection_id, at=acceptance.at, actor=acceptance.actor, action=what))


def accepted(database: Database, connection_id: int) -> Mapping[str, Acceptance]:
    """Tell the differences of a connection that are known, by what they are about."""
    query = select(AcceptanceRow).where(AcceptanceRow.connection_id == connection_id)
    with database.transaction() as session:
        return {row.key: Acceptance(row.fingerprint, row.actor, row.why, row.at) for row in session.scalars(query)}
