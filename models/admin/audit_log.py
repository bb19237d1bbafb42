"""The audit: who changed what, and who pressed which button."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from i18n.messages import msg
from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import Scope
from models.pagination import Key, Page, following, paged
from models.schema.statements import made_of, within
from models.schema.tables import AuditRow, ConnectionRow


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


def page(database: Database, scope: Scope, *, users: bool = False, key: Key | None = None) -> Page[AuditEntry]:
    """Return a page of what was done to the connections of a scope; to ``users`` too where it is all of them."""
    query = select(*AuditRow.__table__.c, ConnectionRow.name.label("connection"))
    query = query.outerjoin(ConnectionRow, ConnectionRow.id == AuditRow.connection_id).where(
        within(scope, AuditRow.connection_id)
    )
    if not users:
        query = query.where(AuditRow.connection_id.is_not(None))

    def fetch(key: Key | None, limit: int) -> Sequence[AuditEntry]:
        rows = database.rows(following(query, (AuditRow.id,), key=key).limit(limit))
        return [made_of(AuditEntry, row) for row in rows]

    return paged(fetch, key=key, at=lambda line: (line.at, line.id))


def secret_saved_at(database: Database, connection_id: int, setting: str) -> datetime | None:
    """Return when a secret setting of a connection got its present value (UTC); None where it is not noted."""
    title = ConnectionSettings.model_fields[setting].title
    wording = [msg("added"), msg("{setting}: changed", setting=title)]
    query = (
        select(AuditRow.at)
        .where(AuditRow.connection_id == connection_id, AuditRow.action.in_(wording))
        .order_by(AuditRow.id.desc())
    )
    return database.scalar(query.limit(1))
