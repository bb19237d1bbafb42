"""Links: this Moment record is that 24SevenOffice record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from models.database import Database
from models.enums import EntityType, Lane, Record
from models.schema.tables import LinkRow


class LinkTakenError(Exception):
    """Another Moment record is linked to this record of 24SevenOffice already."""


@dataclass(frozen=True, slots=True)
class Link:
    """``remote_id`` is the other system's name for the record, ``fingerprint`` the hash of what was sent last."""

    remote_id: str
    fingerprint: str = ""


def find(database: Database, connection_id: int, record: Record) -> Link | None:
    """Find what a Moment record is linked to."""
    query = select(LinkRow.remote_id, LinkRow.fingerprint).where(
        LinkRow.connection_id == connection_id,
        LinkRow.entity_type == record.entity_type,
        LinkRow.moment_id == record.id,
    )
    with database.statement() as connection:
        row = connection.execute(query).one_or_none()
    return Link(row.remote_id, row.fingerprint) if row else None


def find_many(database: Database, lane: Lane, moment_ids: Sequence[str]) -> dict[str, Link]:
    """Find what those of a lane's Moment records are linked to that are linked, by their ids in Moment."""
    query = select(LinkRow.moment_id, LinkRow.remote_id, LinkRow.fingerprint).where(
        LinkRow.connection_id == lane.connection_id,
        LinkRow.entity_type == lane.entity_type,
        LinkRow.moment_id.in_(moment_ids),
    )
    with database.statement() as connection:
        return {row.moment_id: Link(row.remote_id, row.fingerprint) for row in connection.execute(query)}


def find_by_prefix(
    database: Database, connection_id: int, entity_type: EntityType, prefix: str
) -> dict[str, tuple[str, Link]]:
    """Find the links whose other side starts so: by its name there, the Moment id and the link."""
    query = select(LinkRow).where(
        LinkRow.connection_id == connection_id,
        LinkRow.entity_type == entity_type,
        LinkRow.remote_id.startswith(prefix, autoescape=True),
    )
    with database.transaction() as session:
        rows = session.scalars(query.order_by(LinkRow.id))
        return {row.remote_id: (row.moment_id, Link(row.remote_id, row.fingerprint)) for row in rows}


def moment_id(database: Database, connection_id: int, entity_type: EntityType, remote_id: str) -> str | None:
    """Find which Moment record is linked to this record of 24SevenOffice."""
    query = select(LinkRow.moment_id).where(
        LinkRow.connection_id == connection_id, LinkRow.entity_type == entity_type, LinkRow.remote_id == remote_id
    )
    with database.statement() as connection:
        return connection.scalar(query)


def latest(database: Database, connection_id: int, entity_type: EntityType) -> Record | None:
    """Tell the Moment record of a kind that was linked or sent anew last."""
    query = select(LinkRow.moment_id).where(
        LinkRow.connection_id == connection_id, LinkRow.entity_type == entity_type
    )
    with database.transaction() as session:
        moment_id = session.scalar(query.order_by(LinkRow.updated_at.desc()).limit(1))
    return None if moment_id is None else Record(entity_type, moment_id)


def remove(database: Database, connection_id: int, record: Record) -> None:
    """Take a link away, after what it led to was taken away."""
    statement = delete(LinkRow).where(
        LinkRow.connection_id == connection_id,
        LinkRow.entity_type == record.entity_type,
        LinkRow.moment_id == record.id,
    )
    with database.transaction() as session:
        session.execute(statement)


def save(database: Database, connection_id: int, record: Record, link: Link, *, now: datetime) -> None:
    """Link a Moment record, or put its link right. Raises :class:`LinkTakenError`."""
    values = {"remote_id": link.remote_id, "fingerprint": link.fingerprint, "updated_at": now}
    key = {"connection_id": connection_id, "entity_type": record.entity_type, "moment_id": record.id}
    statement = (
        insert(LinkRow).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values)
    )
    try:
        with database.statement() as connection:
            connection.execute(statement)
    except IntegrityError as error:
        raise LinkTakenError(f"{link.remote_id} is linked to another {record.entity_type} already.") from error
