"""The audit log as people read it: who did what, and when."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from i18n.catalog import former_wordings
from i18n.formatting import OSLO
from models.database import Database
from models.enums import Scope
from models.pagination import PAGE_SIZE, Key, Page, following, paged, with_position_by_id
from models.schema.statements import build_from, within
from models.schema.tables import AuditRow, ConnectionRow, SyncJobRow

BATCH_SIZE = 1000
"""Entries that an export reads in one batch."""


class AuditTopic(StrEnum):
    """The topic of an entry. ``CONNECTIONS`` are actions on a connection other than pauses and reconciliations."""

    RECORDS = "records"
    PAUSES = "pauses"
    RECONCILIATION = "reconciliation"
    CONNECTIONS = "connections"
    USERS = "users"
    SIGN_INS = "sign_ins"

    @property
    def is_of_connections(self) -> bool:
        return self not in (AuditTopic.USERS, AuditTopic.SIGN_INS)


TEMPLATES: Mapping[AuditTopic, Sequence[str]] = {
    AuditTopic.PAUSES: ("Paused: {", "Resumed"),
    AuditTopic.RECONCILIATION: (
        "Sent from the reconciliation: {",
        "Accepted a difference: {",
        "No longer accepted as a difference: {",
    ),
    AuditTopic.SIGN_INS: ("Signed in ", "Sign-in rejected: "),
}
"""The beginnings of a topic's sentences, for topics that no column identifies."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Entries of a topic, by an ``actor`` whose name contains a text, between two days in Oslo, both included."""

    topic: AuditTopic | None = None
    actor: str = ""
    date_from: date | None = None
    date_to: date | None = None


NO_FILTER = AuditFilter()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action and its instant (UTC): on a connection, on one of its jobs, or on users if both are None.

    ``record`` is the present title of the job's record.
    """

    id: int
    at: datetime
    actor: str
    action: str
    connection_id: int | None
    connection: str | None
    job_id: int | None
    record: str | None


def page(  # noqa: PLR0913 - all by name
    database: Database,
    scope: Scope,
    *,
    users: bool = False,
    audit_filter: AuditFilter = NO_FILTER,
    key: Key | None = None,
    size: int = PAGE_SIZE,
    with_place: bool = False,
) -> Page[AuditEntry]:
    """Return a page of the entries about the connections of a scope; about users too if ``users`` is set."""
    query = _visible(scope, users=users, audit_filter=audit_filter)

    def fetch(key: Key | None, limit: int) -> Sequence[AuditEntry]:
        rows = database.rows(following(query, (AuditRow.id,), key=key).limit(limit))
        return [build_from(AuditEntry, row) for row in rows]

    found = paged(fetch, key=key, at=lambda line: (line.at, line.id), size=size)
    return with_position_by_id(found, query, AuditRow.id, database.rows_in_time) if with_place else found


def iterate(
    database: Database, scope: Scope, *, users: bool = False, audit_filter: AuditFilter = NO_FILTER
) -> Iterator[AuditEntry]:
    """Yield the entries of all pages, oldest first.

    They are read in batches as needed, so that a slow reader keeps no transaction open and few entries in memory.
    """
    last, some = 0, _visible(scope, users=users, audit_filter=audit_filter).order_by(AuditRow.id).limit(BATCH_SIZE)
    while rows := database.rows(some.where(AuditRow.id > last)):
        yield from (build_from(AuditEntry, row) for row in rows)
        last = rows[-1].id


def export(
    database: Database, scope: Scope, *, users: bool = False, audit_filter: AuditFilter = NO_FILTER
) -> Iterator[str]:
    """Yield the entries as JSON, one line each, in English, because it is for programs."""
    for each in iterate(database, scope, users=users, audit_filter=audit_filter):
        entry = {name: getattr(each, name) for name in AuditEntry.__slots__} | {"at": each.at.isoformat()}
        yield f"{json.dumps(entry, ensure_ascii=False)}\n"


def _visible(scope: Scope, *, users: bool, audit_filter: AuditFilter) -> Select[*tuple[Any, ...]]:
    query = select(*AuditRow.__table__.c, ConnectionRow.name.label("connection"), SyncJobRow.title.label("record"))
    query = query.outerjoin(ConnectionRow, ConnectionRow.id == AuditRow.connection_id)
    query = query.outerjoin(SyncJobRow, SyncJobRow.id == AuditRow.job_id)
    query = query.where(within(scope, AuditRow.connection_id), *_conditions(audit_filter))
    return query if users else query.where(AuditRow.connection_id.is_not(None))


def _conditions(audit_filter: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if audit_filter.actor:
        yield cast(AuditRow.actor, Text).icontains(audit_filter.actor, autoescape=True)
    if audit_filter.date_from:
        yield AuditRow.at >= _midnight(audit_filter.date_from)
    if audit_filter.date_to and audit_filter.date_to < date.max:
        yield AuditRow.at < _midnight(audit_filter.date_to + timedelta(days=1))
    of_connection, of_job = AuditRow.connection_id.is_not(None), AuditRow.job_id.is_not(None)
    match audit_filter.topic:
        case AuditTopic.RECORDS:
            yield of_job
        case AuditTopic.CONNECTIONS:
            yield of_connection & ~of_job
            yield ~or_(_is_about(AuditTopic.PAUSES), _is_about(AuditTopic.RECONCILIATION))
        case AuditTopic.USERS:
            yield ~of_connection & ~_is_about(AuditTopic.SIGN_INS)
        case AuditTopic():
            yield _is_about(audit_filter.topic)


def _is_about(topic: AuditTopic) -> ColumnElement[bool]:
    """Return the SQL condition that an entry's sentence, in any wording, begins like the sentences of a topic."""
    template, beginnings = type_coerce(AuditRow.action, JSONB)["said"].astext, TEMPLATES[topic]
    former = [old for old, new in former_wordings().items() if new.startswith(tuple(beginnings))]
    begins = (template.startswith(each, autoescape=True) for each in beginnings)
    return or_(*begins, template.in_(former)).is_(True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OSLO)
