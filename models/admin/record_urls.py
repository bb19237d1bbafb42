"""Where the record of a change is found in both systems."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from models.admin.job_list import JobView
from models.database import Database
from models.enums import EntityType
from models.schema.tables import ConnectionRow, LinkRow


@dataclass(frozen=True, slots=True)
class RecordReferences:
    """The company in Moment, the ids there and the names in 24SevenOffice; an expense's voucher may have many."""

    company: str
    moment: Sequence[str]
    remote: Sequence[str]


def of(database: Database, job: JobView) -> RecordReferences:
    """Tell what a change's record is in both systems, as far as it is in both."""
    record, expense = job.record, job.record.entity_type is EntityType.EXPENSE
    which = LinkRow.remote_id.startswith(f"{record.id}/", autoescape=True)
    which = which if expense else LinkRow.moment_id == record.id
    links = select(LinkRow.moment_id, LinkRow.remote_id).where(
        LinkRow.connection_id == job.connection_id, LinkRow.entity_type == record.entity_type, which
    )
    company = select(ConnectionRow.settings["moment_company"].astext)
    with database.transaction() as session:
        found = session.execute(links.order_by(LinkRow.id)).all()
        name = session.scalar(company.where(ConnectionRow.id == job.connection_id)) or ""
    if expense:
        return RecordReferences(name, [link.moment_id for link in found], [record.id])
    return RecordReferences(name, [record.id], [link.remote_id for link in found])
