"""The audit log, in which PostgreSQL allows only insertions.

A trigger rejects changes and deletions, except in a transaction that declares retention or erasure.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from models.schema.tables import AuditRow

MIN_RETENTION = timedelta(days=30)
"""The minimum age, by PostgreSQL's clock, at which retention may delete an entry."""

log = structlog.get_logger()


def add_entry(
    session: Session,
    *,
    at: datetime,
    actor: str,
    action: str,
    connection_id: int | None = None,
    job_id: int | None = None,
) -> None:
    """Add an entry, and log it after the commit, so that a copy exists outside the database."""
    row = AuditRow(at=at, actor=actor, action=action, connection_id=connection_id, job_id=job_id)
    session.add(row)
    event.listen(session, "after_commit", lambda _: _log(row), once=True)


def allow_deletion(session: Session, *, before: datetime) -> None:
    """Allow this transaction to delete entries from before an instant (UTC) that have the minimum age."""
    _set(session, "audit_log.delete_before", before.isoformat())


def allow_erasure(session: Session, connection_id: int) -> None:
    _set(session, "audit_log.erase_connection", str(connection_id))


def allow_redaction(session: Session) -> None:
    """Allow this transaction to remove names from entries; their time and subject stay."""
    _set(session, "audit_log.redact", "on")


def _set(session: Session, name: str, value: str) -> None:
    session.execute(select(func.set_config(name, value, True)))  # noqa: FBT003 - until the transaction ends


def _log(row: AuditRow) -> None:
    log.info(
        "audit_entry",
        entry=row.id,
        actor=row.actor,
        action=row.action,
        connection=row.connection_id,
        job=row.job_id,
    )
