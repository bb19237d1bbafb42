"""Delivery of events: sends a receiver its due events, one after the other, until its turn ends."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from cryptography.fernet import InvalidToken

from integrations.receivers.client import signed
from models.connections.repository import UnknownConnectionError
from models.enums import EntityType, Record
from models.receivers import deliveries
from models.receivers.deliveries import Delivery, DeliveryAttempt, ReceiverLease
from models.receivers.outbox import DeliveryProblem, EventType
from models.receivers.repository import UnknownReceiverError
from worker.container import Container

log = structlog.get_logger()

TURN = timedelta(seconds=30)
"""How long events go to one receiver before others have their turn."""

LEASE = timedelta(seconds=90)
"""Longer than a turn including its last attempt."""

BATCH_SIZE = 20


def deliver(container: Container, receiver_id: int) -> None:
    """Send due events until the turn ends or one fails; after a crash, one is sent again with its webhook-id."""
    began = container.clock()
    lease = deliveries.acquire(container.database, receiver_id, now=began, until=began + LEASE)
    if lease is None:
        return
    try:
        while _deliver_some(container, lease, until=began + TURN):
            pass
    finally:
        deliveries.release(container.database, lease)


def _deliver_some(container: Container, lease: ReceiverLease, *, until: datetime) -> bool:
    """Send a few; return whether there may be more to send in this turn."""
    due = deliveries.due(container.database, lease, now=container.clock(), limit=BATCH_SIZE)
    for delivery in due:
        if container.clock() >= until or not _deliver_one(container, lease, delivery):
            return False
    return len(due) == BATCH_SIZE


def _deliver_one(container: Container, lease: ReceiverLease, delivery: Delivery) -> bool:
    """Send one and save the result; return whether the receiver accepted it."""
    try:
        attempt = _send(container, lease, delivery)
    except (UnknownConnectionError, UnknownReceiverError):
        return False  # the connection or the receiver is gone
    disabled = deliveries.complete(
        container.database,
        lease,
        delivery.id,
        attempt,
        now=container.clock(),
        jitter=container.runner.random(),
    )
    container.metrics.deliveries.labels("delivered" if attempt.is_success else "failed").inc()
    if not attempt.is_success:
        because = attempt.problem or attempt.http_status
        log.warning("event_not_delivered", receiver=lease.receiver_id, event_type=delivery.type, because=because)
    if disabled:
        log.error("receiver_disabled", receiver=lease.receiver_id, because=disabled)
    return attempt.is_success


def _send(container: Container, lease: ReceiverLease, delivery: Delivery) -> DeliveryAttempt:
    """Send one, signed now. Raises UnknownConnectionError and UnknownReceiverError."""
    now, body = container.clock(), json.dumps(body_of(container, delivery), ensure_ascii=False)
    try:
        secrets = container.receivers.secrets(lease.receiver_id, now=now)
    except InvalidToken:
        log.error("receiver_secret_unreadable", receiver=lease.receiver_id)  # noqa: TRY400 - not a bug
        return DeliveryAttempt(problem=DeliveryProblem.SECRET_UNREADABLE)
    headers = signed(secrets, message_id=str(delivery.event_id), at=now, body=body)
    return container.receiver_client.send(lease.url, body, headers)


def body_of(container: Container, delivery: Delivery) -> Mapping[str, Any]:
    """Return the message, as docs/events.md describes it. Raises UnknownConnectionError if it is erased."""
    data: dict[str, Any] = {}
    if delivery.connection_id is not None:
        connection = container.connections.get_even_unreadable(delivery.connection_id)
        data["connection"] = {"id": connection.id, "name": connection.name}
        data |= _details(container, connection.id, delivery)
    timestamp = delivery.created_at.isoformat().replace("+00:00", "Z")
    return {"type": delivery.type, "timestamp": timestamp, "data": data}


def _details(container: Container, connection_id: int, delivery: Delivery) -> dict[str, Any]:
    data, public_url = delivery.data, container.settings.public_url
    match delivery.type:
        case (
            EventType.JOB_DONE | EventType.JOB_NEEDS_ATTENTION | EventType.JOB_RECOVERED | EventType.JOB_DISMISSED
        ):
            record = Record(EntityType(data["entity_type"]), data["record_id"])
            (found,) = container.record_references([(connection_id, record)])
            job = {"id": data["job_id"], **{name: each for name, each in data.items() if name != "job_id"}}
            return {"job": {**job, "url": f"{public_url}/records/{data['job_id']}"}, "records": found.as_json()}
        case EventType.RECONCILIATION_FINISHED:
            return {"reconciliation": {**data, "url": f"{public_url}/operations/{data['id']}"}}
        case _:
            return data
