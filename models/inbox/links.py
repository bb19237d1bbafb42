"""Links: this Moment record is that 24SevenOffice record."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Integer,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    Text,
    and_,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox.leases import LeaseLostError
from models.schema.audit_entries import add_entry
from models.schema.statements import build_from, job_of, link_of, of_lane
from models.schema.tables import ConnectionRow, FormerLinkRow, LinkRow, SyncJobRow

_COLUMNS = LinkRow.metadata.tables["links"].c


class LinkState(StrEnum):
    """What a link stores in place of a fingerprint.

    ``CHOSEN``: a person chose the customer in place of one that Moment no longer has. ``DELETED``: the expense was
    deleted in Moment, so it is not created again. ``REMOVING``: the integration is removing the expense, because
    the ledger no longer has its cost. ``RESUMED``: a former link was restored in another Moment company
    than before, so its record may not exist.
    """

    CHOSEN = "said"  # the stored values keep former names
    DELETED = "gone"
    REMOVING = "removing"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class RecordReferences:
    """A record's company in Moment and its ids in both systems. A voucher may have many expenses."""

    company: str
    moment: Sequence[str]
    remote: Sequence[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of data: the connection, the settings that it was read with, and the client if it is known."""

    connection_id: int
    settings: Mapping[str, str]
    client_number: int | None


class ConnectionMovedError(LeaseLostError):
    """The connection is for another company or client now, because a lease expired unnoticed."""


class LinkTakenError(Exception):
    """Another Moment record is linked to this 24SevenOffice record."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link: ``remote_id`` is the id in the other system, ``fingerprint`` the hash of what was last sent.

    A :class:`LinkState` takes the place of the hash if there is more to know.
    ``replaced_number`` is a customer's number in Moment before its 24SevenOffice number was returned, until Moment
    shows that number.
    """

    remote_id: str
    fingerprint: str = ""
    replaced_number: str | None = None


def find(database: Database, connection_id: int, record: Record) -> Link | None:
    return find_many(database, Lane(connection_id, record.entity_type), [record.id]).get(record.id)


def find_many(database: Database, lane: Lane, moment_ids: Sequence[str]) -> dict[str, Link]:
    query = select(LinkRow.moment_id, LinkRow.remote_id, LinkRow.fingerprint, LinkRow.replaced_number)
    rows = database.rows(query.where(of_lane(LinkRow, lane), LinkRow.moment_id.in_(moment_ids)))
    return {row.moment_id: build_from(Link, row) for row in rows}


def find_by_prefix(
    database: Database, connection_id: int, entity_type: EntityType, prefix: str
) -> dict[str, tuple[str, Link]]:
    """Return the links whose remote id has this prefix: the Moment id and the link, by remote id."""
    query = select(LinkRow.moment_id, LinkRow.remote_id, LinkRow.fingerprint).where(
        of_lane(LinkRow, Lane(connection_id, entity_type)), LinkRow.remote_id.startswith(prefix, autoescape=True)
    )
    rows = database.rows(query.order_by(LinkRow.id))
    return {remote_id: (moment_id, Link(remote_id, fingerprint)) for moment_id, remote_id, fingerprint in rows}


def find_moment_id(database: Database, connection_id: int, entity_type: EntityType, remote_id: str) -> str | None:
    lane = Lane(connection_id, entity_type)
    return database.scalar(select(LinkRow.moment_id).where(of_lane(LinkRow, lane), LinkRow.remote_id == remote_id))


def find_latest(database: Database, connection_id: int, entity_type: EntityType) -> Record | None:
    query = select(LinkRow.moment_id).where(of_lane(LinkRow, Lane(connection_id, entity_type)))
    moment_id = database.scalar(query.order_by(LinkRow.updated_at.desc()).limit(1))
    return None if moment_id is None else Record(entity_type, moment_id)


def find_references(database: Database, records: Sequence[tuple[int, Record]]) -> Sequence[RecordReferences]:
    """Return the ids of records in both systems, if linked; each record is given with its connection's id."""
    ids = sorted({connection_id for connection_id, _ in records})
    companies = {row[0]: row[1] for row in database.rows(_COMPANIES, {"ids": ids})}
    found = defaultdict[int, list[tuple[str, str]]](list)
    parameters = {
        "connection_ids": [connection_id for connection_id, _ in records],
        "entity_types": [record.entity_type for _, record in records],
        "record_ids": [record.id for _, record in records],
    }
    for row in database.rows(_LINKS_OF_RECORDS, parameters):
        found[row.position - 1].append((row.moment_id, row.remote_id))
    return [
        RecordReferences(
            company=companies.get(connection_id) or "",
            moment=[moment_id for moment_id, _ in found[index]] if _is_expense(record) else [record.id],
            remote=[record.id] if _is_expense(record) else [remote_id for _, remote_id in found[index]],
        )
        for index, (connection_id, record) in enumerate(records)
    ]


def save(
    database: Database,
    connection_id: int,
    record: Record,
    link: Link,
    *,
    now: datetime,
    origin: Origin | None = None,
) -> None:
    """Link a Moment record or update its link; ``origin`` is where its number was read.

    It is one statement and thus one round trip, because each record of a batch is linked by itself. Raises
    ConnectionMovedError or LinkTakenError.
    """
    values = {**asdict(link), "updated_at": now}
    key = {"connection_id": connection_id, "entity_type": record.entity_type, "moment_id": record.id}
    row = {**key, **values}
    rows = insert(LinkRow).values(row)
    if origin:
        here = _at_origin(origin, *(literal(value, _COLUMNS[name].type) for name, value in row.items()))
        rows = insert(LinkRow).from_select(list(row), here)
    made = rows.on_conflict_do_update(index_elements=list(key), set_=values)
    try:
        saved = database.scalar(made.returning(LinkRow.id))
    except IntegrityError as error:
        raise LinkTakenError(f"{link.remote_id} is linked to another {record.entity_type} already.") from error
    if saved is None and origin:
        raise _moved_error(origin)


def remove(session: Session, connection_id: int, record: Record) -> None:
    session.execute(delete(LinkRow).where(link_of(connection_id, record)))


def remove_with_reason(  # noqa: PLR0913 - keyword-only
    session: Session,
    connection_id: int,
    record: Record,
    *,
    because: Message,
    actor: str,
    now: datetime,
    known: Link | None = None,
) -> None:
    """Delete a link that is no longer valid, with the reason in the audit log.

    If the link has changed since it was ``known``, it stays.
    """
    deleted = delete(LinkRow).where(link_of(connection_id, record)).returning(LinkRow.remote_id)
    remote_id = session.scalar(deleted.where(LinkRow.remote_id == known.remote_id) if known else deleted)
    if remote_id is None:
        return
    named = select(SyncJobRow.id, SyncJobRow.title).where(job_of(connection_id, record))
    job = session.execute(named).one_or_none()
    action = msg(
        "{record}: unlinked from number {number} in 24SevenOffice. {why}",
        record=(job and job.title) or record.name,
        number=remote_id,
        why=because,
    )
    job_id = job.id if job else None
    add_entry(session, connection_id=connection_id, job_id=job_id, at=now, actor=actor, action=action)


def set_aside(session: Session, connection_id: int, *, now: datetime) -> int:
    """Turn all links of a connection into former links; return how many there were."""
    key = ("connection_id", "entity_type", "moment_id", "remote_id")
    values = {
        "fingerprint": LinkRow.fingerprint,
        "moment_company": _company_of(connection_id),
        "set_aside_at": literal(now),
    }
    links = select(*(getattr(LinkRow, name) for name in key), *values.values())
    insertion = insert(FormerLinkRow).from_select(
        [*key, *values], links.where(LinkRow.connection_id == connection_id)
    )
    updated = {name: insertion.excluded[name] for name in values}
    session.execute(insertion.on_conflict_do_update(index_elements=key, set_=updated))
    deleted = delete(LinkRow).where(LinkRow.connection_id == connection_id).returning(LinkRow.id)
    return len(session.scalars(deleted).all())


def find_former(database: Database, connection_id: int, record: Record) -> str | None:
    query = select(FormerLinkRow.remote_id).where(_is_former_link_of(connection_id, record))
    return database.scalar(query.limit(1))


def find_many_former(database: Database, lane: Lane, moment_ids: Sequence[str]) -> dict[str, str]:
    """Return what records were linked to before links were set aside; not for expenses."""
    of = and_(FormerLinkRow.connection_id == lane.connection_id, FormerLinkRow.entity_type == lane.entity_type)
    query = select(FormerLinkRow.moment_id, FormerLinkRow.remote_id)
    rows = database.rows(query.where(of, FormerLinkRow.moment_id.in_(moment_ids)))
    return {row.moment_id: row.remote_id for row in rows}


def delete_former(session: Session, connection_id: int, record: Record) -> None:
    """Delete a record's former link, because a person has checked it."""
    session.execute(delete(FormerLinkRow).where(_is_former_link_of(connection_id, record)))


def restore_former(session: Session, connection_id: int, record: Record, *, now: datetime) -> None:
    """Restore a record's former link, because a person confirms that it is the same.

    In the same company in Moment, the fingerprint is restored too, for example that a person deleted the expense.
    """
    same_company = func.lower(FormerLinkRow.moment_company) == func.lower(_company_of(connection_id))
    former_links = select(
        FormerLinkRow.connection_id,
        FormerLinkRow.entity_type,
        FormerLinkRow.moment_id,
        FormerLinkRow.remote_id,
        case((same_company, FormerLinkRow.fingerprint), else_=LinkState.RESUMED.value),
        literal(now),
    ).where(_is_former_link_of(connection_id, record))
    names = ("connection_id", "entity_type", "moment_id", "remote_id", "fingerprint", "updated_at")
    insertion = insert(LinkRow).from_select(names, former_links.order_by(FormerLinkRow.set_aside_at.desc()))
    session.execute(insertion.on_conflict_do_nothing())
    delete_former(session, connection_id, record)


@contextmanager
def transaction_at_origin(database: Database, origin: Origin) -> Iterator[Session]:
    """Open a transaction in which the connection cannot be moved to another company or client.

    Raises :class:`ConnectionMovedError` if it has been moved since data was read at this origin.
    """
    with database.transaction() as session:
        _refuse_if_moved(session, origin)
        yield session


def _refuse_if_moved(session: Session, origin: Origin) -> None:
    if session.scalar(_at_origin(origin, ConnectionRow.id)) is None:
        raise _moved_error(origin)


def _at_origin(origin: Origin, *values: SQLColumnExpression[Any]) -> Select[*tuple[Any, ...]]:
    """Select values if the connection is still for this company and client, and lock it until the end."""
    names = {name: func.coalesce(ConnectionRow.settings[name].astext, "") for name in origin.settings}
    still = [names[name] == value for name, value in origin.settings.items()]
    if origin.client_number is not None:
        still.append(ConnectionRow.client_number == origin.client_number)
    here = select(*values).where(ConnectionRow.id == origin.connection_id, *still)
    return here.with_for_update(read=True, of=ConnectionRow)


def _moved_error(origin: Origin) -> ConnectionMovedError:
    return ConnectionMovedError(f"Connection {origin.connection_id} is for another company or client than before.")


def _company_of(connection_id: int) -> ScalarSelect[str]:
    company = ConnectionRow.settings["moment_company"].astext
    return select(company).where(ConnectionRow.id == connection_id).scalar_subquery()


def _is_former_link_of(connection_id: int, record: Record) -> ColumnElement[bool]:
    own = FormerLinkRow.moment_id == record.id
    if record.entity_type is EntityType.EXPENSE:
        own = FormerLinkRow.remote_id.startswith(f"{record.id}/", autoescape=True)
    return and_(FormerLinkRow.connection_id == connection_id, FormerLinkRow.entity_type == record.entity_type, own)


def _is_expense(record: Record) -> bool:
    return record.entity_type is EntityType.EXPENSE


def _links_of_records() -> CompoundSelect[*tuple[Any, ...]]:
    """Return the query of the links of many records, which both of its parts find by an index.

    The expenses of a voucher have its id, a slash and more as their remote ids, which are compared byte by byte.
    """
    names: dict[str, ARRAY[Any]] = {
        "connection_ids": ARRAY(Integer),
        "entity_types": ARRAY(Text),
        "record_ids": ARRAY(Text),
    }
    records = (
        func.unnest(*(bindparam(name, type_=type_) for name, type_ in names.items()))
        .table_valued("connection_id", "entity_type", "record_id", with_ordinality="position")
        .render_derived("records")
    )
    columns = records.c.position, LinkRow.id, LinkRow.moment_id, LinkRow.remote_id
    same_lane = and_(
        LinkRow.connection_id == records.c.connection_id, LinkRow.entity_type == records.c.entity_type
    )
    expense = records.c.entity_type == EntityType.EXPENSE
    slash, after_slash = (records.c.record_id.concat(each) for each in "/0")
    of_record = and_(same_lane, ~expense, LinkRow.moment_id == records.c.record_id)
    of_voucher = and_(same_lane, expense, LinkRow.remote_id >= slash, LinkRow.remote_id < after_slash)
    parts = (select(*columns).select_from(records).join(LinkRow, each) for each in (of_record, of_voucher))
    return union_all(*parts).order_by("id")


_LINKS_OF_RECORDS = _links_of_records()
_COMPANIES = select(ConnectionRow.id, ConnectionRow.settings["moment_company"].astext).where(
    ConnectionRow.id == any_(bindparam("ids", type_=ARRAY(Integer)))
)
