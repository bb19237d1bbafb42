"""The connections with their health, for operators of many, worst first."""

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
    fits,
    in_order,
    status_columns,
    with_status,
)
from models.connections.repository import API_KEY_LIFETIME
from models.database import Database
from models.enums import JobState, Scope
from models.schema.tables import ConnectionRow, LaneRow, SyncJobRow, WebhookActivityRow

SIZE = 50
"""Connections on a page."""


class HealthColumn(StrEnum):
    """The sortable columns, worst first: the oldest test, the first key to expire, the most records."""

    NAME = "name"
    TESTED = "tested"
    SYNCED = "synced"
    WEBHOOK = "webhook"
    KEY = "key"
    RECORDS = "records"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class HealthSort:
    """The order of the list; ``reverse`` puts the best first."""

    column: HealthColumn = HealthColumn.NAME
    reverse: bool = False

    def __str__(self) -> str:
        return f"-{self.column}" if self.reverse else str(self.column)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an order from a URL; None if it is not valid."""
        column, reverse = text.removeprefix("-"), text.startswith("-")
        return cls(HealthColumn(column), reverse) if column in set(HealthColumn) else None


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """A connection in the list; instants in UTC, None if something has not happened or is unknown.

    Its last test began at ``tested_at`` and found ``failed_checks`` errors. A record was last synced at
    ``synced_at``, and the last webhook arrived at ``webhook_at``. Moment's key expires on ``key_ends_on`` (in
    Oslo) at the latest. ``needs_attention`` counts records, ``requests`` those sent to 24SevenOffice today.
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
    wanted: ConnectionFilter,
    sort: HealthSort,
    number: int = 1,
    requests: Mapping[int, int] | None = None,
) -> tuple[Sequence[ConnectionHealth], int]:
    """Return the connections on a page, numbered from 1, and the total number of connections.

    ``requests`` maps connections' ids to the requests sent today, None if unknown. It takes two statements,
    however many connections there are.
    """
    conditions = fits(scope, wanted, now=now)
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
    query = query.order_by(*_order(sort, columns)).offset((number - 1) * SIZE).limit(SIZE)
    total = database.scalar(select(func.count()).select_from(ConnectionRow).where(*conditions)) or 0
    lines = [
        with_status(ConnectionHealth, row, key_ends_on=_key_ends_on(row.api_key_saved_at))
        for row in database.rows(query)
    ]
    return lines, total


def _columns(requests: Mapping[int, int]) -> Mapping[str, ColumnElement[Any]]:
    synced = select(func.max(LaneRow.synced_at)).where(LaneRow.connection_id == ConnectionRow.id)
    webhook = select(func.max(WebhookActivityRow.at)).where(WebhookActivityRow.connection_id == ConnectionRow.id)
    stuck = SyncJobRow.connection_id == ConnectionRow.id, SyncJobRow.state == JobState.NEEDS_ATTENTION
    sent = literal({str(connection_id): count for connection_id, count in requests.items()}, JSONB)
    return {
        "tested_at": ConnectionRow.tested_at.expression,
        "synced_at": synced.scalar_subquery(),
        "webhook_at": webhook.scalar_subquery(),
        "needs_attention": select(func.count()).where(*stuck).scalar_subquery(),
        "requests": func.coalesce(cast(sent[cast(ConnectionRow.id, Text)].astext, Integer), 0),
    }


def _order(sort: HealthSort, columns: Mapping[str, ColumnElement[Any]]) -> Sequence[Any]:
    name = in_order(ConnectionRow.name)
    worst = {
        HealthColumn.TESTED: columns["tested_at"].asc().nulls_first(),
        HealthColumn.SYNCED: columns["synced_at"].asc().nulls_first(),
        HealthColumn.WEBHOOK: columns["webhook_at"].asc().nulls_first(),
        HealthColumn.KEY: ConnectionRow.api_key_saved_at.asc().nulls_last(),
        HealthColumn.RECORDS: columns["needs_attention"].desc(),
        HealthColumn.REQUESTS: columns["requests"].desc(),
    }
    best = {
        HealthColumn.TESTED: columns["tested_at"].desc().nulls_last(),
        HealthColumn.SYNCED: columns["synced_at"].desc().nulls_last(),
        HealthColumn.WEBHOOK: columns["webhook_at"].desc().nulls_last(),
        HealthColumn.KEY: ConnectionRow.api_key_saved_at.desc().nulls_first(),
        HealthColumn.RECORDS: columns["needs_attention"].asc(),
        HealthColumn.REQUESTS: columns["requests"].asc(),
    }
    if sort.column is HealthColumn.NAME:
        return [name.desc() if sort.reverse else name.asc()]
    return [(best if sort.reverse else worst)[sort.column], name]


def _key_ends_on(saved_at: datetime | None) -> date | None:
    return (saved_at + API_KEY_LIFETIME).astimezone(OSLO).date() if saved_at else None
