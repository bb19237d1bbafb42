"""Deliveries: the due ones of each receiver, the retries of failed ones, and the log.

Each receiver is leased as a whole: one worker sends to it at a time, and a receiver that is down does not delay
the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert
from models.database import Database
from models.enums import Role
from models.pagination import PAGE_SIZE, Key, Page, following, paged, with_position_by_id
from models.receivers.outbox import DeliveryProblem, DeliveryState, DisabledBecause, EventType
from models.receivers.repository import disable, fail_unsubscribed, host_of, is_subscribed
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.receiver_tables import EventDeliveryRow, EventReceiverRow, EventRow
from models.schema.statements import build_from
from models.schema.user_tables import UserRow

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

RETRY_DELAYS = (
    timedelta(seconds=5),
    5 * _MINUTE,
    30 * _MINUTE,
    *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24, 24, 24)),
)
"""How long after a failure a delivery is retried: the schedule of Standard Webhooks, extended to five days.

Up to a fifth is added at random.
"""

FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=5), 5 * _MINUTE
"""How long nothing is sent to a receiver after a failure, at first and at most, even if deliveries are due."""

MAX_RETRY_AFTER = _HOUR
"""The longest wait that a response may ask for."""

DOWN_AFTER = 3
"""Consecutive failures after which a success makes all pending deliveries due: the receiver itself was down."""

DISABLED_AFTER = timedelta(days=5)
"""How long all deliveries to a receiver fail before it is disabled."""


@dataclass(frozen=True, slots=True)
class ReceiverLease:
    """A worker's right to send to a receiver, until it expires."""

    id: UUID
    receiver_id: int
    url: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is due at a receiver; ``created_at`` in UTC."""

    id: int
    event_id: UUID
    type: EventType
    connection_id: int | None
    created_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """The result of an attempt: status and beginning of the response, or the ``problem`` if there was no response.

    ``retry_after`` is the wait that the response asks for.
    """

    http_status: int | None = None
    response: str = ""
    problem: DeliveryProblem | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status < 300  # noqa: PLR2004 - HTTP's


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A row of the log; instants in UTC. ``event_id`` is the webhook-id."""

    id: int
    event_id: UUID
    type: EventType
    connection_id: int | None
    created_at: datetime
    state: DeliveryState
    due_at: datetime | None
    attempts: int
    attempted_at: datetime | None
    http_status: int | None
    answer: str
    problem: DeliveryProblem | None


def due_receivers(database: Database, *, now: datetime) -> Sequence[int]:
    is_due = exists().where(EventDeliveryRow.receiver_id == EventReceiverRow.id, EventDeliveryRow.due_at <= now)
    query = select(EventReceiverRow.id).where(_is_free(now), is_due)
    return database.scalars(query.order_by(EventReceiverRow.id))


def acquire(database: Database, receiver_id: int, *, now: datetime, until: datetime) -> ReceiverLease | None:
    """Lease a receiver; None if another worker has it, or if it is paused after a failure or disabled.

    Deliveries that it no longer subscribes to, queued while it was changed, fail.
    """
    query = select(EventReceiverRow).where(EventReceiverRow.id == receiver_id, _is_free(now))
    with database.transaction() as session:
        row = session.scalar(query.with_for_update(skip_locked=True, key_share=True))
        if row is None:
            return None
        row.lease_id, row.lease_expires_at = uuid4(), until
        fail_unsubscribed(session, receiver_id)
        return ReceiverLease(row.lease_id, row.id, row.url)


def release(database: Database, lease: ReceiverLease) -> None:
    leased = EventReceiverRow.id == lease.receiver_id, EventReceiverRow.lease_id == lease.id
    database.execute(update(EventReceiverRow).where(*leased).values(lease_id=None, lease_expires_at=None))


def due(database: Database, lease: ReceiverLease, *, now: datetime, limit: int) -> Sequence[Delivery]:
    """Return the due deliveries of a leased receiver, the first due first.

    Return none if the lease is lost, or if the receiver's URL has changed since it was leased.
    """
    leased = and_(
        EventReceiverRow.id == EventDeliveryRow.receiver_id,
        EventReceiverRow.lease_id == lease.id,
        EventReceiverRow.url == lease.url,
        is_subscribed(),
        or_(EventReceiverRow.retry_at.is_(None), EventReceiverRow.retry_at <= now),
    )
    query = _events(EventDeliveryRow.id).where(exists().where(leased))
    query = query.where(EventDeliveryRow.receiver_id == lease.receiver_id, EventDeliveryRow.due_at <= now)
    rows = database.rows(query.order_by(EventDeliveryRow.due_at, EventDeliveryRow.id).limit(limit))
    return [build_from(Delivery, row, type=EventType(row.type)) for row in rows]


def complete(
    database: Database,
    lease: ReceiverLease,
    delivery_id: int,
    attempt: DeliveryAttempt,
    *,
    now: datetime,
    jitter: float,
) -> DisabledBecause | None:
    """Save an attempt and the time of the next one. Return the reason if the receiver is disabled now.

    ``jitter`` is from 0 up to 1.
    """
    with database.transaction() as session:
        receiver = session.get(EventReceiverRow, lease.receiver_id, with_for_update=FOR_NO_KEY_UPDATE)
        row = session.get(EventDeliveryRow, delivery_id, with_for_update=True)
        if receiver is None or row is None:
            return None  # removed, or erased with its connection
        row.attempts += 1
        row.attempted_at, row.http_status = now, attempt.http_status
        row.answer, row.problem = attempt.response, attempt.problem or ""
        if attempt.is_success:
            row.state, row.due_at = DeliveryState.DELIVERED, None
            if receiver.failures >= DOWN_AFTER:
                waits = EventDeliveryRow.receiver_id == receiver.id, EventDeliveryRow.due_at > now
                session.execute(update(EventDeliveryRow).where(*waits).values(due_at=now))
            receiver.failures, receiver.failing_since, receiver.retry_at = 0, None, None
            return None
        return _record_failure(session, receiver, row, attempt, now=now, jitter=jitter)


def replay(
    database: Database,
    receiver_id: int,
    *,
    delivery_id: int | None = None,
    since: datetime | None = None,
    now: datetime,
) -> int:
    """Make one ended delivery due, or all failed ones of events since an instant (UTC); return the number.

    Deliveries to a disabled receiver, and of events that the receiver does not subscribe to now, are left out.
    """
    which: list[ColumnElement[bool]] = [
        EventDeliveryRow.receiver_id == receiver_id,
        EventDeliveryRow.due_at.is_(None),
        EventDeliveryRow.event_id == EventRow.id,
        EventReceiverRow.id == receiver_id,
        is_subscribed(),
    ]
    if delivery_id is not None:
        which.append(EventDeliveryRow.id == delivery_id)
    else:
        which += [EventDeliveryRow.state == DeliveryState.FAILED, EventRow.created_at >= since]
    with database.transaction() as session:
        receiver = session.get(EventReceiverRow, receiver_id, with_for_update=FOR_NO_KEY_UPDATE)
        if receiver is None or receiver.disabled_at:
            return 0
        pending = {"state": DeliveryState.PENDING, "due_at": now, "attempts": 0, "problem": ""}
        changed = update(EventDeliveryRow).where(*which).values(**pending).returning(EventDeliveryRow.id)
        return len(session.scalars(changed).all())


def is_known(database: Database, receiver_id: int, delivery_id: int) -> bool:
    of_receiver = EventDeliveryRow.id == delivery_id, EventDeliveryRow.receiver_id == receiver_id
    return bool(database.scalars(select(EventDeliveryRow.id).where(*of_receiver)))


def log_page(
    database: Database, receiver_id: int, *, key: Key | None, size: int = PAGE_SIZE, with_place: bool = False
) -> Page[DeliveryView]:
    query = _events(*EventDeliveryRow.__table__.c).where(EventDeliveryRow.receiver_id == receiver_id)

    def fetch(key: Key | None, limit: int) -> Sequence[DeliveryView]:
        rows = database.rows(following(query, (EventDeliveryRow.id,), key=key).limit(limit))
        return [
            build_from(
                DeliveryView,
                row,
                type=EventType(row.type),
                state=DeliveryState(row.state),
                problem=DeliveryProblem(row.problem) if row.problem else None,
            )
            for row in rows
        ]

    found = paged(fetch, key=key, at=lambda line: (line.created_at, line.id), size=size)
    return with_position_by_id(found, query, EventDeliveryRow.id, database.rows_in_time) if with_place else found


def pending(database: Database) -> tuple[int, datetime | None]:
    """Return the number of pending deliveries to enabled receivers, and when the first event happened (UTC)."""
    query = select(func.count(), func.min(EventRow.created_at)).select_from(EventDeliveryRow)
    query = query.join(EventRow, EventRow.id == EventDeliveryRow.event_id)
    query = query.join(EventReceiverRow, EventReceiverRow.id == EventDeliveryRow.receiver_id)
    waits = EventDeliveryRow.due_at.is_not(None), EventReceiverRow.disabled_at.is_(None)
    ((count, first),) = database.rows(query.where(*waits))
    return count, first


def _events(*columns: Any) -> Select[*tuple[Any, ...]]:  # noqa: ANN401 - columns of any type
    own = {column.key for column in columns}
    of_event = (
        EventRow.id.label("event_id"),
        EventRow.type,
        EventRow.connection_id,
        EventRow.created_at,
        EventRow.data,
    )
    selected = select(*columns, *(each for each in of_event if each.key not in own))
    return selected.select_from(EventDeliveryRow).join(EventRow, EventRow.id == EventDeliveryRow.event_id)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return and_(
        EventReceiverRow.disabled_at.is_(None),
        or_(EventReceiverRow.retry_at.is_(None), EventReceiverRow.retry_at <= now),
        or_(EventReceiverRow.lease_expires_at.is_(None), EventReceiverRow.lease_expires_at <= now),
    )


def _record_failure(
    session: Session,
    receiver: EventReceiverRow,
    row: EventDeliveryRow,
    attempt: DeliveryAttempt,
    *,
    now: datetime,
    jitter: float,
) -> DisabledBecause | None:
    receiver.failing_since = since = receiver.failing_since or now
    factor = 1 + jitter / 5
    pause: timedelta = min(FIRST_PAUSE * 3.0 ** min(receiver.failures, 10), MAX_PAUSE) * factor
    asked_for = min(attempt.retry_after or timedelta(), MAX_RETRY_AFTER)
    receiver.failures += 1
    receiver.retry_at = now + max(pause, asked_for)
    if row.attempts > len(RETRY_DELAYS):
        row.state, row.due_at = DeliveryState.FAILED, None
    else:
        row.due_at = now + max(RETRY_DELAYS[row.attempts - 1] * factor, asked_for)
    because = None
    if attempt.http_status == HTTPStatus.GONE:
        because = DisabledBecause.GONE
    elif now - since >= DISABLED_AFTER:
        because = DisabledBecause.FAILING
    if because and disable(session, receiver, because, actor=msg("the integration"), now=now):
        _queue_alert(session, receiver, because, now=now)
        return because
    return None


def _queue_alert(session: Session, receiver: EventReceiverRow, because: DisabledBecause, *, now: datetime) -> None:
    """Queue an alert to the users who may enable the receiver again."""
    administrators = select(UserRow.email).where(
        UserRow.role == Role.ADMINISTRATOR, UserRow.everywhere, UserRow.disabled_at.is_(None)
    )
    gone = msg("The receiver at {host} responded that it no longer exists (410 Gone).", host=host_of(receiver.url))
    failing = msg(
        "All deliveries to the receiver at {host} have failed for five days.", host=host_of(receiver.url)
    )
    alert = Alert(
        type=AlertType.RECEIVER,
        title=msg("Event receiver {number}", number=receiver.id),
        message=gone if because is DisabledBecause.GONE else failing,
        remedy=msg(
            "It no longer gets events. Once it responds again, enable it on its page and resend the failed "
            "events there."
        ),
        recipients=tuple(session.scalars(administrators.order_by(UserRow.email))),
    )
    queue_alert(session, None, alert, job_id=None, now=now)
