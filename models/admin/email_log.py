"""The email log: each mail with its recipient, time and status, and the pending mails.

A mail consists of the alerts to one address that ended at the same instant, or that are pending.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, select

from models.connections.alert_outbox import AlertType, DeliveryStatus
from models.database import Database
from models.enums import Scope
from models.pagination import Key, Page, after_key, nearest_first, paged, with_position
from models.schema.statements import build_from, within
from models.schema.tables import AlertRow, ConnectionRow

MAX_ITEMS_SHOWN = 5
"""Items of a mail that are shown; the others are counted."""

MAX_PENDING_SHOWN = 100
"""Pending mails that are shown."""

EMAIL_COLUMNS = (AlertRow.ended_at, AlertRow.recipient, AlertRow.status)
"""The columns that the alerts of one mail share."""


@dataclass(frozen=True, slots=True)
class EmailItem:
    """One alert of a mail: about a record, a connection or the recipient's own account."""

    type: AlertType
    title: str
    connection_id: int | None
    connection: str | None
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Email:
    """A mail to an address. ``at`` (UTC) is when it ended with its ``status``, or since when it is pending.

    ``count`` is the number of alerts that the reader may see; ``items`` are the first of them.
    """

    id: int
    at: datetime
    recipient: str
    status: DeliveryStatus | None
    count: int
    items: Sequence[EmailItem]


def page(database: Database, scope: Scope, *, users: bool = False, key: Key | None = None) -> Page[Email]:
    """Return a page of the mails about connections in a scope; about accounts too if ``users`` is set."""
    seen = _visible(scope, users=users)

    def fetch(key: Key | None, limit: int) -> Sequence[Email]:
        return _read(database, _ended(seen, key).limit(limit), seen)

    found = paged(fetch, key=key, at=lambda mail: (mail.at, mail.id))
    # gathering all mails from their alerts takes longer than the page
    return with_position(found, lambda key: _ended(seen, key), database.rows_in_time, total=lambda: None)


def pending(database: Database, scope: Scope, *, users: bool = False) -> Sequence[Email]:
    """Return the pending mails of the same scope, oldest first."""
    seen = _visible(scope, users=users)
    query = _emails(seen).where(AlertRow.ended_at.is_(None)).order_by(func.min(AlertRow.created_at))
    return _read(database, query.limit(MAX_PENDING_SHOWN), seen)


def of_job(database: Database, job_id: int) -> Sequence[Email]:
    query = _alerts().where(AlertRow.job_id == job_id).order_by(AlertRow.id.desc())
    return [_email(row, [_item(row)]) for row in database.rows(query)]


def _visible(scope: Scope, *, users: bool) -> ColumnElement[bool]:
    """Return the SQL for the alerts that a user may see; one without a connection is about a user's account."""
    seen = within(scope, AlertRow.connection_id)
    return seen if users else and_(seen, AlertRow.connection_id.is_not(None))


def _emails(seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    query = select(
        func.max(AlertRow.id).label("id"),
        func.min(AlertRow.created_at).label("created_at"),
        *EMAIL_COLUMNS,
        func.count().label("number"),
    )
    return query.where(seen).group_by(*EMAIL_COLUMNS)


def _ended(seen: ColumnElement[bool], key: Key | None) -> Select[*tuple[Any, ...]]:
    ended, columns = AlertRow.ended_at, (AlertRow.ended_at, func.max(AlertRow.id))
    query = _emails(seen).where(ended.is_not(None)).order_by(*nearest_first(columns, key))
    if key is None:
        return query
    return query.where(ended >= key.at if key.newer else ended <= key.at).having(after_key(columns, key))


def _read(database: Database, query: Select[*tuple[Any, ...]], seen: ColumnElement[bool]) -> Sequence[Email]:
    rows = database.rows(query)
    ends = {row.ended_at for row in rows if row.ended_at}
    in_them = AlertRow.ended_at.in_(ends) if ends else AlertRow.ended_at.is_(None)
    number = func.row_number().over(partition_by=EMAIL_COLUMNS, order_by=AlertRow.id)
    numbered = select(AlertRow.id, number.label("number")).where(in_them, seen).subquery()
    shown = _alerts().join(numbered, numbered.c.id == AlertRow.id).where(numbered.c.number <= MAX_ITEMS_SHOWN)
    items: dict[Any, list[EmailItem]] = defaultdict(list)
    for alert in database.rows(shown.order_by(AlertRow.id)):
        items[alert.ended_at, alert.recipient, alert.status].append(_item(alert))
    return [_email(row, items[row.ended_at, row.recipient, row.status], count=row.number) for row in rows]


def _alerts() -> Select[*tuple[Any, ...]]:
    own = (
        AlertRow.id,
        AlertRow.type,
        AlertRow.title,
        AlertRow.job_id,
        AlertRow.connection_id,
        AlertRow.created_at,
    )
    query = select(*own, *EMAIL_COLUMNS, ConnectionRow.name.label("connection"))
    return query.outerjoin(ConnectionRow, ConnectionRow.id == AlertRow.connection_id)


def _item(alert: Row[Any]) -> EmailItem:
    return build_from(EmailItem, alert, type=AlertType(alert.type))


def _email(row: Row[Any], items: Sequence[EmailItem], *, count: int = 1) -> Email:
    status = DeliveryStatus(row.status) if row.status else None
    return build_from(Email, row, at=row.ended_at or row.created_at, status=status, count=count, items=items)
