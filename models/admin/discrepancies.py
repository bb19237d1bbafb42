"""A person's actions on a discrepancy: sending the record again, or accepting the discrepancy as known."""

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
from models.inbox.job_updates import changed_by, concerns, fresh
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.statements import link_of, made_of, of_lane, upsert
from models.schema.tables import AcceptanceRow, LinkRow, OperationRow, SyncJobRow

ACCEPTED = "accepted"
"""The key in a reconciliation's result of the acceptances made before or in it."""


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
    """Send a record (again), even if its job was dismissed. A running job stays as it is.

    The record's link is deleted and its outcome marked unknown, so that the flow verifies in the other system
    before it writes. A voucher has a link for each expense: only the one with the key ``expense`` is deleted, none
    if that is empty.
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


def accept(database: Database, operation: Operation, key: str, acceptance: Acceptance, *, name: str) -> None:
    """Accept a difference as known in its present form; if it changes, it is reported again.

    The acceptance is also stored with its reconciliation, and stays there whatever happens to it later.
    """
    put = upsert(AcceptanceRow, {"connection_id": operation.connection_id, "key": key}, asdict(acceptance))
    what = msg("Accepted a difference: {record} ({why})", record=name, why=acceptance.why)
    with database.transaction() as session:
        kept = _kept(session, operation)
        session.execute(put)
        _keep(session, operation, kept | {key: acceptance})
        _audit(session, operation, what, actor=acceptance.actor, now=acceptance.at)


def withdraw(database: Database, operation: Operation, key: str, *, name: str, actor: str, now: datetime) -> bool:
    """Withdraw an acceptance, here and for later reconciliations; return False if there is none."""
    with database.transaction() as session:
        kept = dict(_kept(session, operation))
        before = kept.pop(key, None)
        if before is None:
            return False
        row = AcceptanceRow
        same = row.connection_id == operation.connection_id, row.key == key, row.fingerprint == before.fingerprint
        session.execute(delete(row).where(*same))
        _keep(session, operation, kept)
        what = msg("No longer accepted as a difference: {record} ({why})", record=name, why=before.why)
        _audit(session, operation, what, actor=actor, now=now)
    return True


def accepted(database: Database, connection_id: int) -> Mapping[str, Acceptance]:
    """Return a connection's present acceptances, by the keys of the differences."""
    with database.transaction() as session:
        return _accepted(session, connection_id)


def recorded(database: Database, operation: Operation) -> Mapping[str, Acceptance]:
    """Return the acceptances made in or before a reconciliation; for an earlier release's, the present ones."""
    kept = (operation.result or {}).get(ACCEPTED)
    return accepted(database, operation.connection_id) if kept is None else from_json(kept)


def as_json(acceptances: Mapping[str, Acceptance]) -> list[dict[str, str]]:
    """Convert acceptances to JSON for a reconciliation's result."""
    return [{"key": key, **asdict(each), "at": each.at.isoformat()} for key, each in acceptances.items()]


def from_json(told: Iterable[Mapping[str, str]]) -> Mapping[str, Acceptance]:
    return {
        each["key"]: Acceptance(
            each["fingerprint"], each["actor"], each["why"], datetime.fromisoformat(each["at"])
        )
        for each in told
    }


def _accepted(session: Session, connection_id: int) -> Mapping[str, Acceptance]:
    query = select(AcceptanceRow).where(AcceptanceRow.connection_id == connection_id)
    return {row.key: made_of(Acceptance, row) for row in session.scalars(query)}


def _kept(session: Session, operation: Operation) -> dict[str, Acceptance]:
    """Lock a reconciliation and return its acceptances."""
    row = session.get_one(OperationRow, operation.id, with_for_update=True)
    kept = (row.result or {}).get(ACCEPTED)
    return dict(_accepted(session, operation.connection_id) if kept is None else from_json(kept))


def _keep(session: Session, operation: Operation, acceptances: Mapping[str, Acceptance]) -> None:
    row = session.get_one(OperationRow, operation.id)
    row.result = {**(row.result or {}), ACCEPTED: as_json(acceptances)}


def _audit(session: Session, operation: Operation, what: str, *, actor: str, now: datetime) -> None:
    add_entry(session, connection_id=operation.connection_id, at=now, actor=actor, action=what)
