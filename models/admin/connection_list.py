"""The list of connections with their state and problems, shared by pages, commands and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Tuple, and_, case, exists, func, literal, not_, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from models.connections.repository import API_KEY_LIFETIME, NOT_STARTED, RENEWAL_NOTICE
from models.database import Database
from models.enums import EntityType, JobState, Scope
from models.inbox import cursors, missed_webhooks
from models.schema.statements import D, build_from, within
from models.schema.tables import ConnectionRow, LaneRow, SyncJobRow

TEST_VALID_FOR = timedelta(days=30)
"""How long the result of a test is valid."""

POLLS_SHOWN_AFTER = timedelta(hours=1)
"""How long polls fail before that is shown."""


class ConnectionState(StrEnum):
    """The state of a connection.

    `not_started` connections have never been started. In an `outage`, a system does not respond or the request
    budget is used up. Connections that need attention (`needs_attention`) have a problem for a person to correct.
    """

    NOT_STARTED = "not_started"
    WORKING = "working"
    NEEDS_ATTENTION = "needs_attention"
    PAUSED = "paused"
    OUTAGE = "outage"


class HealthProblem(StrEnum):
    """A problem of a connection, in order of urgency.

    `test_failed`: the last test found errors. `polls_failing`: polls fail. `key_expires`: Moment's API key expires
    soon. `webhooks_silent`: polls find changes for which no webhook arrived. `settings_untested`: the settings
    have changed since the last test. `test_outdated`: no test in the last 30 days.
    """

    TEST_FAILED = "test_failed"
    POLLS_FAILING = "polls_failing"
    KEY_EXPIRES = "key_expires"
    WEBHOOKS_SILENT = "webhooks_silent"
    SETTINGS_UNTESTED = "settings_untested"
    TEST_OUTDATED = "test_outdated"


BLOCKING = (HealthProblem.TEST_FAILED, HealthProblem.POLLS_FAILING, HealthProblem.KEY_EXPIRES)
"""The problems that stop a connection or soon will. The others do not affect the sync."""


@dataclass(frozen=True, slots=True)
class ConnectionFilter:
    """The connections whose name contains a text in any case, with this state and this problem.

    ``with_records`` selects connections with records that need attention, ``idle_for`` connections that have
    synced nothing for that long, and ``ids`` these connections.
    """

    name: str = ""
    state: ConnectionState | None = None
    problem: HealthProblem | None = None
    with_records: bool = False
    idle_for: timedelta | None = None
    ids: frozenset[int] | None = None


NO_FILTER = ConnectionFilter()


@dataclass(frozen=True, slots=True)
class ConnectionSummary:
    """A connection in a list, without its secrets; instants in UTC.

    ``outage_since`` is set if its state is outage, otherwise None.
    """

    id: int
    name: str
    moment_company: str
    username: str
    entity_types: Sequence[EntityType]
    state: ConnectionState
    problems: Sequence[HealthProblem]
    paused_because: str
    paused_by: str
    outage_since: datetime | None


def summaries(
    database: Database,
    scope: Scope,
    *,
    now: datetime,
    connection_filter: ConnectionFilter = NO_FILTER,
    after: str = "",
    limit: int | None = None,
) -> Sequence[ConnectionSummary]:
    """List connections by name, beginning after the one called ``after``."""
    known, name = ConnectionRow.settings, ConnectionRow.name
    query = select(
        ConnectionRow.id,
        name,
        known["moment_company"].astext.label("moment_company"),
        known["username"].astext.label("username"),
        known["entity_types"].label("entity_types"),
        ConnectionRow.paused_because,
        ConnectionRow.paused_by,
        *status_columns(now),
    ).where(
        *filter_conditions(scope, connection_filter, now=now), name_sort_key(name) > name_sort_key(literal(after))
    )
    rows = database.rows(query.order_by(name_sort_key(name)).limit(limit))
    return [with_status(ConnectionSummary, row) for row in rows]


def filter_conditions(
    scope: Scope, connection_filter: ConnectionFilter, *, now: datetime
) -> Sequence[ColumnElement[bool]]:
    """Return the SQL conditions for the connections of a filter within a scope."""
    has_name = ConnectionRow.name.icontains(connection_filter.name, autoescape=True)
    conditions = [within(scope, ConnectionRow.id), has_name]
    if connection_filter.state:
        conditions.append(has_state(connection_filter.state, now))
    if connection_filter.problem:
        conditions.append(_problems(now)[connection_filter.problem])
    if connection_filter.with_records:
        needs_attention = SyncJobRow.state == JobState.NEEDS_ATTENTION
        conditions.append(exists().where(SyncJobRow.connection_id == ConnectionRow.id, needs_attention))
    if connection_filter.idle_for:
        synced = LaneRow.synced_at > now - connection_filter.idle_for
        conditions.append(~exists().where(LaneRow.connection_id == ConnectionRow.id, synced))
    if connection_filter.ids is not None:
        conditions.append(ConnectionRow.id.in_(connection_filter.ids))
    return conditions


def names(database: Database, scope: Scope) -> Mapping[int, str]:
    """Return the names of connections by id, sorted by name."""
    query = select(ConnectionRow.id, ConnectionRow.name).where(within(scope, ConnectionRow.id))
    return dict(database.rows(query.order_by(name_sort_key(ConnectionRow.name))))


def name_sort_key(name: ColumnElement[str] | InstrumentedAttribute[str]) -> Tuple:
    """Return the sort key of a name: Company 2 comes before Company 10, and case does not matter.

    PostgreSQL can sort this way only with ICU, which some builds lack. Numbers are padded to nine digits.
    """
    padded = func.regexp_replace(func.lower(name), r"(\d+)", r"00000000\1", "g")
    return tuple_(func.regexp_replace(padded, r"\d*(\d{9})(?!\d)", r"\1", "g"), name)


def problem_counts(database: Database, scope: Scope, *, now: datetime) -> Mapping[HealthProblem, int]:
    """Count the connections with each problem, the most urgent first."""
    counts = [func.count().filter(each).label(name) for name, each in _problems(now).items()]
    row = database.rows(select(*counts).where(within(scope, ConnectionRow.id)))[0]
    return {problem: count for problem, count in zip(HealthProblem, row, strict=True) if count}


def has_state(state: ConnectionState, now: datetime) -> ColumnElement[bool]:
    return _state(_problems(now)) == state


def status_columns(now: datetime) -> Sequence[ColumnElement[Any]]:
    """Return the columns of connections that :func:`with_status` needs."""
    since = func.coalesce(ConnectionRow.rate_limited_since, ConnectionRow.outage_since)
    problems = _problems(now)
    return (
        _state(problems).label("state"),
        since.label("since"),
        *(each.label(problem) for problem, each in problems.items()),
    )


def with_status(cls: type[D], row: Row[*tuple[Any, ...]], **more: object) -> D:
    """Make a data class from a row with the :func:`status_columns`, with its state, problems and outage."""
    state = ConnectionState(row.state)
    problems = [each for each in HealthProblem if getattr(row, each)]
    since = row.since if state is ConnectionState.OUTAGE else None
    return build_from(cls, row, state=state, problems=problems, outage_since=since, **more)


def _state(problems: Mapping[HealthProblem, ColumnElement[bool]]) -> ColumnElement[str]:
    return case(
        (ConnectionRow.paused_because == NOT_STARTED, ConnectionState.NOT_STARTED),
        (ConnectionRow.paused_because != "", ConnectionState.PAUSED),
        (ConnectionRow.breaker_open_until.is_not(None), ConnectionState.OUTAGE),
        (or_(*(problems[each] for each in BLOCKING)), ConnectionState.NEEDS_ATTENTION),
        else_=ConnectionState.WORKING,
    )


def _problems(now: datetime) -> Mapping[HealthProblem, ColumnElement[bool]]:
    """Return the SQL for the problems of a connection. A paused connection has none, because it does nothing."""
    tested = func.coalesce(ConnectionRow.tested_at, "-infinity")
    is_untested = func.coalesce(ConnectionRow.tested_at < ConnectionRow.updated_at, False)
    outdated = and_(tested <= now - TEST_VALID_FOR, not_(is_untested))
    found = {
        HealthProblem.TEST_FAILED: ConnectionRow.failed_checks > 0,
        HealthProblem.POLLS_FAILING: cursors.has_failing(before=now - POLLS_SHOWN_AFTER),
        HealthProblem.KEY_EXPIRES: ConnectionRow.api_key_saved_at <= now - API_KEY_LIFETIME + RENEWAL_NOTICE,
        HealthProblem.WEBHOOKS_SILENT: missed_webhooks.is_silent_condition(now=now),
        HealthProblem.SETTINGS_UNTESTED: and_(ConnectionRow.failed_checks == 0, is_untested),
        HealthProblem.TEST_OUTDATED: and_(ConnectionRow.failed_checks == 0, outdated),
    }
    return {name: and_(ConnectionRow.paused_because == "", each) for name, each in found.items()}
