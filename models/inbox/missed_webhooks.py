"""Missed webhooks: changes in Moment that a poll found first, and the position of the nightly polls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Database
from models.enums import EntityType, Lane, Outcome
from models.inbox import cursors
from models.schema.statements import of_lane
from models.schema.tables import (
    AttemptRow,
    ConnectionRow,
    MissedWebhookRow,
    NightlyPollRow,
    SyncJobRow,
    WebhookActivityRow,
)

DELIVERY_GRACE = timedelta(minutes=1)
"""How long a webhook may take to arrive, plus the difference of clocks; until then a poll may be earlier."""

WEEK = timedelta(days=7)

RELEVANT_OUTCOMES = (Outcome.SYNCED, Outcome.FAILED)
"""Outcomes that make a change a missed webhook; others, such as an echo of our own write, are no loss."""


@dataclass(frozen=True, slots=True)
class ModifiedRecord:
    """A Moment record and when it was last modified (UTC), None if Moment does not say."""

    id: str
    at: datetime | None = None


def find_missed(database: Database, lane: Lane, listed: Sequence[ModifiedRecord]) -> Sequence[ModifiedRecord]:
    """Return the listed records of a lane that were not received since they were modified."""
    jobs = and_(of_lane(SyncJobRow, lane), SyncJobRow.record_id.in_([each.id for each in listed]))
    received = dict(database.rows(select(SyncJobRow.record_id, SyncJobRow.received_at).where(jobs)))
    return [
        each
        for each in listed
        if each.at and (each.id not in received or received[each.id] < each.at - DELIVERY_GRACE)
    ]


def record(database: Database, lane: Lane, found: Iterable[ModifiedRecord], *, now: datetime) -> None:
    """Save the changes that a poll found first, once for each modification."""
    rows = [{**asdict(lane), "record_id": each.id, "modified_at": each.at, "detected_at": now} for each in found]
    if rows:
        database.execute(insert(MissedWebhookRow).values(rows).on_conflict_do_nothing())


def withdraw(database: Database, lane: Lane, *, detected_at: datetime) -> None:
    """Delete the missed webhooks that the poll of that instant found just before the webhook arrived."""
    arrived = select(SyncJobRow.id).where(
        _same_record(),
        SyncJobRow.received_at > MissedWebhookRow.detected_at,
        MissedWebhookRow.detected_at - MissedWebhookRow.modified_at < DELIVERY_GRACE,
    )
    detected = and_(of_lane(MissedWebhookRow, lane), MissedWebhookRow.detected_at == detected_at)
    database.execute(delete(MissedWebhookRow).where(detected, arrived.exists()))


def count(database: Database, connection_id: int, *, now: datetime) -> Mapping[EntityType, int]:
    """Count the missed webhooks of the last seven days, by entity type, whose sync changed something or failed."""
    with database.transaction() as session:
        return count_last_week(session, connection_id, now=now)


def count_last_week(session: Session, connection_id: int, *, now: datetime) -> Mapping[EntityType, int]:
    query = (
        select(MissedWebhookRow.entity_type, func.count())
        .where(
            MissedWebhookRow.connection_id == connection_id,
            MissedWebhookRow.detected_at > now - WEEK,
            _was_relevant(),
        )
        .group_by(MissedWebhookRow.entity_type)
    )
    return {EntityType(entity_type): number for entity_type, number in session.execute(query)}


def is_silent_condition(*, now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a connection had no webhook since a poll found a change of that type first.

    Only the last seven days count.
    """
    of_type = and_(
        WebhookActivityRow.connection_id == MissedWebhookRow.connection_id,
        WebhookActivityRow.entity_type == MissedWebhookRow.entity_type,
    )
    return exists().where(
        MissedWebhookRow.connection_id == ConnectionRow.id,
        MissedWebhookRow.detected_at > now - WEEK,
        ~exists().where(of_type, WebhookActivityRow.at > MissedWebhookRow.detected_at).correlate(MissedWebhookRow),
        _was_relevant(),
    )


def delete_old(database: Database, *, before: datetime) -> None:
    database.execute(delete(MissedWebhookRow).where(MissedWebhookRow.detected_at < before))


def nightly_position(database: Database, lane: Lane, *, at: datetime) -> datetime:
    """Return the position (UTC) of the nightly polls; before the first poll it is set to ``at``."""
    return cursors.start(database, lane, at=at, table=NightlyPollRow)


def complete_nightly_poll(database: Database, lane: Lane, *, now: datetime) -> None:
    cursors.move(database, lane, to=now, table=NightlyPollRow)


def _was_relevant() -> ColumnElement[bool]:
    first_look = (
        select(AttemptRow.outcome)
        .join(SyncJobRow, SyncJobRow.id == AttemptRow.job_id)
        .where(_same_record(), AttemptRow.at >= MissedWebhookRow.detected_at)
        .order_by(AttemptRow.id)
        .limit(1)
        .correlate(MissedWebhookRow)
        .scalar_subquery()
    )
    return first_look.in_(RELEVANT_OUTCOMES)


def _same_record() -> ColumnElement[bool]:
    return and_(
        SyncJobRow.connection_id == MissedWebhookRow.connection_id,
        SyncJobRow.entity_type == MissedWebhookRow.entity_type,
        SyncJobRow.record_id == MissedWebhookRow.record_id,
    )
