"""Where the record of a change is found in both systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from models.tables import ConnectionRow, LinkRow
from models.words import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.base import Database
    from models.listing import ChangeView


@dataclass(frozen=True, slots=True)
class Places:
    """The company in Moment, the ids there and the names in 24SevenOffice; an expense's voucher may have many."""

    company: str
    moment: Sequence[str]
    remote: Sequence[str]


def of(database: Database, change: ChangeView) -> Places:
    """Tell what a change's record is in both systems, as far as it is in both."""
    record, expense = change.record, change.record.kind is Kind.EXPENSE
    which = LinkRow.remote_id.startswith(f"{record.id}/", autoescape=True)
    which = which if expense else LinkRow.moment_id == record.id
    links = select(LinkRow.moment_id, LinkRow.remote_id).where(
        LinkRow.connection_id == change.connection_id, LinkRow.kind == record.kind, which
    )
    company = select(ConnectionRow.settings["moment_company"].astext)
    with database.transaction() as session:
        found = session.execute(links.order_by(LinkRow.id)).all()
        name = session.scalar(company.where(ConnectionRow.id == change.connection_id)) or ""
    if expense:
        return Places(name, [link.moment_id for link in found], [record.id])
    return Places(name, [record.id], [link.remote_id for link in found])
