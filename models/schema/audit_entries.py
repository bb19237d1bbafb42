"""Writing to the audit log, to which PostgreSQL only allows additions.

A trigger refuses to change or delete an entry, except in a transaction that declares its purpose: retention or
erasure.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from models.schema.tables import AuditRow

KEPT_AT_LEAST = timedelta(days=30)
"""The minimum age, by PostgreSQL's own clock, at which retention may delete an entry."""

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
    """Write an entry, and log it after the commit, so that it is also known outside the database."""
    row = AuditRow(at=at, actor=actor, action=action, connection_id=connection_id, job_id=job_id)
    session.add(row)
    event.listen(session, "after_commit", lambda _: _log(row), once=True)


def allow_deletion(session: Session, *, before: datetime) -> None:
    """Let this transaction delete entries from before an instant (UTC) that have the minimum age."""
    _set(session, "audit_log.delete_before", before.isoformat())


def allow_erasure(session: Session, connection_id: int) -> None:
    """Let this transaction delete the entries of a connection that is being erased."""
    _set(session, "audit_log.erase_connection", str(connection_id))


def allow_redaction(session: Session) -> None:
    """Let this transaction remove names from entries; their time and subject stay."""
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
