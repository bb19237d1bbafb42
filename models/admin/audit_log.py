"""The audit: who changed what, and who pressed which button."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from models.database import Database
from models.enums import Scope
from models.pagination import SIZE, Key, Page, following, paged
from models.schema.statements import made_of, within
from models.schema.tables import AuditRow, ConnectionRow

BATCH_SIZE = 1000
"""Entries that an export reads at a time."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did and when (UTC): to a connection, one of its changes, or the users where both are None."""

    id: int
    at: datetime
    actor: str
    action: str
    connection_id: int | None
    connection: str | None
    job_id: int | None


def page(
    database: Database, scope: Scope, *, users: bool = False, key: Key | None = None, size: int = SIZE
) -> Page[AuditEntry]:
    """Return a page of what was done to the connections of a scope; to ``users`` too where it is all of them."""
    query = _visible(scope, users=users)

    def fetch(key: Key | None, limit: int) -> Sequence[AuditEntry]:
        rows = database.rows(following(query, (AuditRow.id,), key=key).limit(limit))
        return [made_of(AuditEntry, row) for row in rows]

    return paged(fetch, key=key, at=lambda line: (line.at, line.id), size=size)


def export(database: Database, scope: Scope, *, users: bool = False) -> Iterator[str]:
    """Yield what a page shows as JSON, a line for each entry, the oldest first; in English, as it is for programs.

    Each batch is read when it is wanted, so that a slow reader holds neither a transaction nor many entries.
    """
    last, some = 0, _visible(scope, users=users).order_by(AuditRow.id).limit(BATCH_SIZE)
    while rows := database.rows(some.where(AuditRow.id > last)):
        for row in rows:
            entry = row._asdict() | {"at": row.at.isoformat()}
            yield f"{json.dumps(entry, ensure_ascii=False)}\n"
        last = rows[-1].id


def _visible(scope: Scope, *, users: bool) -> Select[*tuple[Any, ...]]:
    query = select(*AuditRow.__table__.c, ConnectionRow.name.label("connection"))
    query = query.outerjoin(ConnectionRow, ConnectionRow.id == AuditRow.connection_id)
    query = query.where(within(scope, AuditRow.connection_id))
    return query if users else query.where(AuditRow.connection_id.is_not(None))
