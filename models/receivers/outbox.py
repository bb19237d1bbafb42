"""The outbox of events for receivers, written in the transaction of the change (transactional outbox).

An event without subscribed receivers is not written. Each receiver gets its own delivery, which a worker sends
later; :mod:`models.receivers.deliveries` leases and retries them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, insert, or_, select
from sqlalchemy.orm import Session

from models.schema.receiver_tables import EventDeliveryRow, EventReceiverRow, EventRow, ReceiverConnectionRow


class EventType(StrEnum):
    """The type of an event, as in its body."""

    JOB_DONE = "job.done"
    JOB_NEEDS_ATTENTION = "job.needs_attention"
    JOB_RECOVERED = "job.recovered"
    JOB_DISMISSED = "job.dismissed"
    CONNECTION_PAUSED = "connection.paused"
    CONNECTION_DOWN = "connection.down"
    CONNECTION_RECOVERED = "connection.recovered"
    RECONCILIATION_FINISHED = "reconciliation.finished"
    RECEIVER_TEST = "receiver.test"


EVENT_TYPES = tuple(each for each in EventType if each is not EventType.RECEIVER_TEST)
"""The types that a receiver can subscribe to; a test event is sent when a person asks for it."""


class DeliveryState(StrEnum):
    """The state of a delivery. `failed` ones are not retried: all attempts failed, or the receiver is disabled."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryProblem(StrEnum):
    """The reason why an attempt got no readable response, or was not made.

    `private_address`: the host name resolves to a non-public address. `secret_unreadable`: the secret cannot be
    decrypted. `not_wanted`: the receiver no longer subscribes to the event.
    """

    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    PRIVATE_ADDRESS = "private_address"
    TLS = "tls"
    UNREADABLE = "unreadable"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - the name of a problem
    NOT_WANTED = "not_wanted"


class DisabledBecause(StrEnum):
    """The reason why a receiver is disabled.

    `by_hand`: a person disabled it. `gone`: it responded with 410 Gone. `failing`: all deliveries failed for five
    days. `restored`: the database was restored from a backup, which may have receivers that were removed since.
    """

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event. ``data`` holds JSON values, without secrets and without names of persons."""

    type: EventType
    data: dict[str, Any] = field(default_factory=dict)


def record(session: Session, connection_id: int, events: Sequence[OutgoingEvent], *, now: datetime) -> None:
    """Write events of a connection for the subscribed receivers. Call it last, because it locks their rows."""
    if not events:
        return
    listed = exists().where(
        ReceiverConnectionRow.receiver_id == EventReceiverRow.id,
        ReceiverConnectionRow.connection_id == connection_id,
    )
    enabled = select(EventReceiverRow.id, EventReceiverRow.event_types).where(
        EventReceiverRow.disabled_at.is_(None), or_(EventReceiverRow.everywhere, listed)
    )
    # Locked, so that no receiver is removed before the commit: its deliveries would refer to nothing.
    receivers = session.execute(enabled.with_for_update(read=True, key_share=True, of=EventReceiverRow)).all()
    addressed = [(event, [each for each, types in receivers if event.type in types]) for event in events]
    _write(session, connection_id, [(event, to) for event, to in addressed if to], now=now)


def record_test(session: Session, receiver_id: int, *, now: datetime) -> None:
    _write(session, None, [(OutgoingEvent(EventType.RECEIVER_TEST), [receiver_id])], now=now)


def _write(
    session: Session,
    connection_id: int | None,
    events: Sequence[tuple[OutgoingEvent, Sequence[int]]],
    *,
    now: datetime,
) -> None:
    if not events:
        return
    ids = [uuid4() for _ in events]
    written = [
        {"id": event_id, "type": event.type, "connection_id": connection_id, "created_at": now, "data": event.data}
        for event_id, (event, _) in zip(ids, events, strict=True)
    ]
    waiting = {"state": DeliveryState.PENDING, "due_at": now}
    deliveries = [
        {"event_id": event_id, "receiver_id": each, **waiting}
        for event_id, (_, receiver_ids) in zip(ids, events, strict=True)
        for each in receiver_ids
    ]
    session.execute(insert(EventRow), written)
    session.execute(insert(EventDeliveryRow), deliveries)
