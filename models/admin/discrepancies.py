"""The actions on a discrepancy: send the record again, or accept the discrepancy as known."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.admin.job_actions import ActionResult
from models.admin.operations import Operation
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox.enqueue import merge_into_existing
from models.inbox.job_updates import concerns, new_job_values
from models.inbox.transitions import JobEvent
from models.schema.audit_entries import add_entry
from models.schema.statements import build_from, link_of, of_lane, upsert
from models.schema.tables import AcceptanceRow, LinkRow, OperationRow, SyncJobRow

ACCEPTED = "accepted"
"""The key in the result of a reconciliation for the discrepancies that were accepted before it or in it."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    fingerprint: str
    actor: str
    why: str
    at: datetime


def resend(  # noqa: PLR0913 - keyword-only
    database: Database,
    connection_id: int,
    record: Record,
    *,
    name: str,
    actor: str,
    now: datetime,
    expense: str = "",
) -> ActionResult:
    """Send a record (again), even if its job was dismissed. A running job is unchanged.

    The record's link is deleted and its outcome marked unknown, so that the flow verifies in the other system
    before it writes. A voucher has a link for each expense: only the link with the key ``expense`` is deleted,
    none if that is empty.
    """
    lane, event = Lane(connection_id, record.entity_type), JobEvent.SENT_AGAIN
    values = {**asdict(lane), "record_id": record.id, **new_job_values(event, now=now, outcome_unknown=True)}
    enqueued = merge_into_existing(
        insert(SyncJobRow).values(**values, received_at=now),
        event,
        where=concerns(event),
        received_at=now,
        dismissal_reason="",
    )
    of_expense = and_(of_lane(LinkRow, lane), LinkRow.remote_id == expense)
    link = of_expense if record.entity_type is EntityType.EXPENSE else link_of(connection_id, record)
    with database.transaction() as session:
        job_id = session.scalar(enqueued.returning(SyncJobRow.id))
        if job_id is None:
            return ActionResult(0)
        session.execute(delete(LinkRow).where(link))
        what = msg("Sent from the reconciliation: {record}", record=name)
        add_entry(session, connection_id=connection_id, job_id=job_id, at=now, actor=actor, action=what)
    return ActionResult(1, frozenset({lane}))


def accept(database: Database, operation: Operation, key: str, acceptance: Acceptance, *, name: str) -> None:
    """Accept a discrepancy with its present details; if they change, it is reported again.

    The reconciliation in which it was accepted keeps a copy, whatever happens to it later.
    """
    upserted = upsert(AcceptanceRow, {"connection_id": operation.connection_id, "key": key}, asdict(acceptance))
    what = msg("Accepted a difference: {record} ({why})", record=name, why=acceptance.why)
    with database.transaction() as session:
        acceptances = _lock_acceptances(session, operation)
        session.execute(upserted)
        _save_acceptances(session, operation, acceptances | {key: acceptance})
        _audit(session, operation, what, actor=acceptance.actor, now=acceptance.at)


def withdraw(database: Database, operation: Operation, key: str, *, name: str, actor: str, now: datetime) -> bool:
    """Withdraw an acceptance, in this reconciliation and in later ones; False if there is none."""
    with database.transaction() as session:
        acceptances = dict(_lock_acceptances(session, operation))
        withdrawn = acceptances.pop(key, None)
        if withdrawn is None:
            return False
        row, connection_id = AcceptanceRow, operation.connection_id
        same = row.connection_id == connection_id, row.key == key, row.fingerprint == withdrawn.fingerprint
        session.execute(delete(row).where(*same))
        _save_acceptances(session, operation, acceptances)
        what = msg("No longer accepted as a difference: {record} ({why})", record=name, why=withdrawn.why)
        _audit(session, operation, what, actor=actor, now=now)
    return True


def acceptances(database: Database, connection_id: int) -> Mapping[str, Acceptance]:
    """Return the present acceptances of a connection, by the keys of the discrepancies."""
    with database.transaction() as session:
        return _accepted(session, connection_id)


def acceptances_in(database: Database, operation: Operation) -> Mapping[str, Acceptance]:
    """Return the acceptances in a reconciliation or before it; the present ones if an earlier release ran it."""
    stored = (operation.result or {}).get(ACCEPTED)
    return acceptances(database, operation.connection_id) if stored is None else from_json(stored)


def as_json(acceptances: Mapping[str, Acceptance]) -> list[dict[str, str]]:
    """Convert acceptances for the result of a reconciliation, which is JSON."""
    return [{"key": key, **asdict(each), "at": each.at.isoformat()} for key, each in acceptances.items()]


def from_json(stored: Iterable[Mapping[str, str]]) -> Mapping[str, Acceptance]:
    return {
        each["key"]: Acceptance(
            each["fingerprint"], each["actor"], each["why"], datetime.fromisoformat(each["at"])
        )
        for each in stored
    }


def _accepted(session: Session, connection_id: int) -> Mapping[str, Acceptance]:
    query = select(AcceptanceRow).where(AcceptanceRow.connection_id == connection_id)
    return {row.key: build_from(Acceptance, row) for row in session.scalars(query)}


def _lock_acceptances(session: Session, operation: Operation) -> dict[str, Acceptance]:
    """Lock a reconciliation and return its acceptances."""
    row = session.get_one(OperationRow, operation.id, with_for_update=True)
    stored = (row.result or {}).get(ACCEPTED)
    return dict(_accepted(session, operation.connection_id) if stored is None else from_json(stored))


def _save_acceptances(session: Session, operation: Operation, acceptances: Mapping[str, Acceptance]) -> None:
    row = session.get_one(OperationRow, operation.id)
    row.result = {**(row.result or {}), ACCEPTED: as_json(acceptances)}


def _audit(session: Session, operation: Operation, what: str, *, actor: str, now: datetime) -> None:
    add_entry(session, connection_id=operation.connection_id, at=now, actor=actor, action=what)
