"""The health of the connections side by side, sortable by each column, for people who manage many of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import ColumnElement, Integer, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from i18n.formatting import OSLO
from models.admin.connection_list import (
    ConnectionFilter,
    ConnectionState,
    HealthProblem,
    filter_conditions,
    name_sort_key,
    status_columns,
    with_status,
)
from models.connections.repository import API_KEY_LIFETIME
from models.database import Database
from models.enums import JobState, Scope
from models.schema.tables import ConnectionRow, LaneRow, SyncJobRow, WebhookActivityRow

PAGE_SIZE = 50
"""Connections on a page."""


class HealthColumn(StrEnum):
    """The columns that the list can be sorted by, the worst value first, such as the oldest test."""

    NAME = "name"
    TESTED = "tested"
    SYNCED = "synced"
    WEBHOOK = "webhook"
    KEY = "key"
    RECORDS = "records"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class HealthSort:
    """The order of the list; ``reverse`` puts the best value first."""

    column: HealthColumn = HealthColumn.NAME
    reverse: bool = False

    def __str__(self) -> str:
        return f"-{self.column}" if self.reverse else str(self.column)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse the order in a URL; None if it is not an order."""
        column, reverse = text.removeprefix("-"), text.startswith("-")
        return cls(HealthColumn(column), reverse) if column in set(HealthColumn) else None


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """A connection in the list; instants in UTC, None if it has not happened or is unknown.

    The last test began at ``tested_at`` and found ``failed_checks`` errors. A record was last synced at
    ``synced_at``, and the last webhook arrived at ``webhook_at``. Moment's key expires on ``key_ends_on`` (in
    Oslo) or before. ``needs_attention`` counts records, ``requests`` the requests to 24SevenOffice today.
    """

    id: int
    name: str
    moment_company: str
    username: str
    state: ConnectionState
    problems: Sequence[HealthProblem]
    paused_because: str
    paused_by: str
    outage_since: datetime | None
    tested_at: datetime | None
    failed_checks: int
    synced_at: datetime | None
    webhook_at: datetime | None
    key_ends_on: date | None
    needs_attention: int
    requests: int


def page(  # noqa: PLR0913 - all by name
    database: Database,
    scope: Scope,
    *,
    now: datetime,
    connection_filter: ConnectionFilter,
    sort: HealthSort,
    number: int = 1,
    requests: Mapping[int, int] | None = None,
) -> tuple[Sequence[ConnectionHealth], int]:
    """Return the connections on a page, counted from 1, and the total number of connections.

    ``requests`` are today's requests by connection id, None if unknown. It takes two statements, however many
    connections there are.
    """
    conditions = filter_conditions(scope, connection_filter, now=now)
    known = ConnectionRow.settings
    columns = _columns(requests or {})
    query = select(
        ConnectionRow.id,
        ConnectionRow.name,
        known["moment_company"].astext.label("moment_company"),
        known["username"].astext.label("username"),
        ConnectionRow.paused_because,
        ConnectionRow.paused_by,
        ConnectionRow.failed_checks,
        ConnectionRow.api_key_saved_at,
        *(each.label(name) for name, each in columns.items()),
        *status_columns(now),
    ).where(*conditions)
    query = query.order_by(*_order(sort, columns)).offset((number - 1) * PAGE_SIZE).limit(PAGE_SIZE)
    total = database.scalar(select(func.count()).select_from(ConnectionRow).where(*conditions)) or 0
    lines = []
    for row in database.rows(query):
        key_ends = row.api_key_saved_at + API_KEY_LIFETIME if row.api_key_saved_at else None
        lines.append(
            with_status(ConnectionHealth, row, key_ends_on=key_ends.astimezone(OSLO).date() if key_ends else None)
        )
    return lines, total


def _columns(requests: Mapping[int, int]) -> Mapping[str, ColumnElement[Any]]:
    synced = select(func.max(LaneRow.synced_at)).where(LaneRow.connection_id == ConnectionRow.id)
    webhook = select(func.max(WebhookActivityRow.at)).where(WebhookActivityRow.connection_id == ConnectionRow.id)
    needs_attention = SyncJobRow.connection_id == ConnectionRow.id, SyncJobRow.state == JobState.NEEDS_ATTENTION
    sent = literal({str(connection_id): count for connection_id, count in requests.items()}, JSONB)
    return {
        "tested_at": ConnectionRow.tested_at.expression,
        "synced_at": synced.scalar_subquery(),
        "webhook_at": webhook.scalar_subquery(),
        "needs_attention": select(func.count()).where(*needs_attention).scalar_subquery(),
        "requests": func.coalesce(cast(sent[cast(ConnectionRow.id, Text)].astext, Integer), 0),
    }


def _order(sort: HealthSort, columns: Mapping[str, ColumnElement[Any]]) -> Sequence[Any]:
    name = name_sort_key(ConnectionRow.name)
    if sort.column is HealthColumn.NAME:
        return [name.desc() if sort.reverse else name.asc()]
    sorted_by = {
        HealthColumn.TESTED: columns["tested_at"],
        HealthColumn.SYNCED: columns["synced_at"],
        HealthColumn.WEBHOOK: columns["webhook_at"],
        HealthColumn.KEY: ConnectionRow.api_key_saved_at.expression,
        HealthColumn.RECORDS: columns["needs_attention"],
        HealthColumn.REQUESTS: columns["requests"],
    }[sort.column]
    is_count = sort.column in (HealthColumn.RECORDS, HealthColumn.REQUESTS)  # the more, the worse
    key = sorted_by.desc() if is_count != sort.reverse else sorted_by.asc()
    never_first = (sort.column is HealthColumn.KEY) == sort.reverse  # a key whose age is unknown is not bad
    return [key.nulls_first() if never_first else key.nulls_last(), name]
