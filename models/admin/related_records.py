"""The records that a record refers to, such as an invoice's customer and project, for links between pages."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from models.admin.job_list import JobView
from models.database import Database
from models.enums import EntityType, Lane, Record, titled
from models.schema.statements import IS_LINK_OF_JOB, of_lane
from models.schema.tables import LinkRow, SyncJobRow

MAX_PROJECTS = 20
"""Maximum number of a voucher's projects that are shown."""

NAMING_A_CUSTOMER = frozenset({EntityType.INVOICE, EntityType.PROJECT})


@dataclass(frozen=True, slots=True)
class RelatedRecord:
    job_id: int
    entity_type: EntityType
    title: str


def related_records(database: Database, job: JobView) -> Sequence[RelatedRecord]:
    """Return the customer and the projects that a record refers to, if they have jobs."""
    conditions = list(_named_by(database, job))
    if not conditions:
        return []
    columns = SyncJobRow.id, SyncJobRow.entity_type, SyncJobRow.title, SyncJobRow.record_id
    query = select(*columns).outerjoin(LinkRow, IS_LINK_OF_JOB).where(or_(*conditions))
    found = [
        RelatedRecord(row.id, EntityType(row.entity_type), row.title or titled(row.entity_type, row.record_id))
        for row in database.rows(query.order_by(SyncJobRow.entity_type, SyncJobRow.id).limit(MAX_PROJECTS + 1))
    ]
    return [each for each in found if each.job_id != job.id]


def job_ids(database: Database, connection_id: int, records: Collection[Record]) -> Mapping[Record, int]:
    keys = [(each.entity_type, each.id) for each in records]
    columns = SyncJobRow.id, SyncJobRow.entity_type, SyncJobRow.record_id
    named = tuple_(SyncJobRow.entity_type, SyncJobRow.record_id).in_(keys)
    query = select(*columns).where(SyncJobRow.connection_id == connection_id, named)
    rows = database.rows(query) if keys else ()
    return {Record(EntityType(row.entity_type), row.record_id): row.id for row in rows}


def _named_by(database: Database, job: JobView) -> Iterator[ColumnElement[bool]]:
    known, entity_type = job.summary, job.record.entity_type
    if known.party_number and entity_type in NAMING_A_CUSTOMER:
        yield _linked_to(job.connection_id, EntityType.CUSTOMER, [known.party_number])
    if known.project_id:
        projects = of_lane(SyncJobRow, Lane(job.connection_id, EntityType.PROJECT))
        yield and_(projects, SyncJobRow.record_id == known.project_id)
    if entity_type is EntityType.EXPENSE:
        numbers = _project_numbers(database, job)
        if numbers:
            yield _linked_to(job.connection_id, EntityType.PROJECT, numbers)


def _linked_to(connection_id: int, entity_type: EntityType, numbers: Collection[str]) -> ColumnElement[bool]:
    linked = of_lane(LinkRow, Lane(connection_id, entity_type))
    return and_(linked, LinkRow.remote_id.in_(numbers))


def _project_numbers(database: Database, job: JobView) -> Collection[str]:
    """Read the project numbers in our keys of a voucher's expenses, such as "2026-4-40001/7/4300"."""
    expenses = of_lane(LinkRow, Lane(job.connection_id, EntityType.EXPENSE))
    of_voucher = LinkRow.remote_id.startswith(f"{job.record.id}/", autoescape=True)
    keys = database.scalars(select(LinkRow.remote_id).where(expenses, of_voucher))
    return sorted({parts[1] for key in keys if len(parts := key.split("/")) > 1})[:MAX_PROJECTS]
