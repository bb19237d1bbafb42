"""Writing into the audit log, which PostgreSQL only lets grow.

A trigger refuses to change or delete an entry, but in a transaction that says what for: retention, or erasure.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from models.schema.tables import AuditRow

KEPT_AT_LEAST = timedelta(days=30)
"""How long PostgreSQL lets no retention delete an entry, by its own clock and whatever it is told."""

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
    """Write who did what, and log it once that is committed, so that it is known outside of the database too."""
    row = AuditRow(at=at, actor=actor, action=action, connection_id=connection_id, job_id=job_id)
    session.add(row)
    event.listen(session, "after_commit", lambda _: _log(row), once=True)


def allow_deletion(session: Session, *, before: datetime) -> None:
    """Let this transaction delete entries from before an instant (UTC) that are old enough by any measure."""
    _set(session, "audit_log.delete_before", before.isoformat())


def allow_erasure(session: Session, connection_id: int) -> None:
    """Let this transaction delete the entries of a connection, which goes as a whole."""
    _set(session, "audit_log.erase_connection", str(connection_id))


def allow_redaction(session: Session) -> None:
    """Let this transaction take names out of entries; when and to what it was done stays."""
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
