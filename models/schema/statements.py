"""SQL that many modules share: conditions on rows, upserts, and data classes made from rows."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Integer, Row, and_, any_, literal, true
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import InstrumentedAttribute

from models.enums import Lane, Record, Scope
from models.schema.tables import Base, KeyedByLane, LinkRow, MissedWebhookRow, SyncJobRow


class DataClass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


D = TypeVar("D", bound=DataClass)


def build_from(cls: type[D], row: object, **others: object) -> D:
    """Make a data class from a row: each field from the column with its name, except the given ``others``."""
    names = [name for name in _names(cls) if name not in others]
    if isinstance(row, Row):  # its attributes are slow
        values = dict(zip(row._fields, row, strict=True))
        return cls(**{name: values[name] for name in names}, **others)
    return cls(**{name: getattr(row, name) for name in names}, **others)


@cache
def _names(cls: type[DataClass]) -> Sequence[str]:
    return [field.name for field in fields(cls)]


def within(
    scope: Scope, connection_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """Return the SQL condition that a user may see a connection.

    Many connections are one parameter, since SQLAlchemy takes milliseconds to write out hundreds; a single one is
    compared by itself, so that its rows are read in the order of an index.
    """
    if scope.connections is None:
        return true()
    if len(scope.connections) == 1:
        return connection_id == next(iter(scope.connections))
    return connection_id == any_(literal(sorted(scope.connections), ARRAY(Integer)))


def of_lane(table: type[KeyedByLane | LinkRow | MissedWebhookRow | SyncJobRow], lane: Lane) -> ColumnElement[bool]:
    return and_(table.connection_id == lane.connection_id, table.entity_type == lane.entity_type)


def job_of(connection_id: int, record: Record) -> ColumnElement[bool]:
    return and_(of_lane(SyncJobRow, Lane(connection_id, record.entity_type)), SyncJobRow.record_id == record.id)


def link_of(connection_id: int, record: Record) -> ColumnElement[bool]:
    return and_(of_lane(LinkRow, Lane(connection_id, record.entity_type)), LinkRow.moment_id == record.id)


IS_LINK_OF_JOB = and_(
    LinkRow.connection_id == SyncJobRow.connection_id,
    LinkRow.entity_type == SyncJobRow.entity_type,
    LinkRow.moment_id == SyncJobRow.record_id,
)
"""The SQL condition that a link belongs to a job's record."""


def upsert(
    table: type[Base],
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    where: ColumnElement[bool] | None = None,
) -> Insert:
    """Return an insert that updates the row with this key if it exists and meets ``where``."""
    row = insert(table).values(**key, **values)
    return row.on_conflict_do_update(index_elements=list(key), set_=dict(values), where=where)
