"""Event receivers, with their deliveries and replays.

They require a token for all connections, since a receiver's URL decides where data is sent. On the pages, they
require an administrator of all connections.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response, status
from pydantic import BaseModel, Field, StringConstraints

from i18n.messages import msg
from models.enums import Scope
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES, DeliveryProblem, DeliveryState, DisabledBecause, EventType
from models.receivers.repository import MAX_URL_LENGTH, Receiver
from models.users.tokens import TokenScope
from web.api.caller import Caller, RequireScope
from web.api.common_types import (
    PLAIN,
    SIZE,
    Body,
    Cursor,
    DeliveryId,
    Instant,
    Limit,
    Page,
    ReceiverId,
    key_of,
    page_of,
)
from web.api.problems import ProblemError, invalid
from web.dependencies import MAX_CONNECTION_ID
from worker import dispatch

router = APIRouter(tags=["Event receivers"])

MAX_CONNECTIONS = 5000
Reading = Annotated[Caller, Depends(RequireScope(TokenScope.RECEIVERS_READ, everywhere=True))]
Writing = Annotated[Caller, Depends(RequireScope(TokenScope.RECEIVERS_WRITE, everywhere=True))]
Url = Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_URL_LENGTH)]
Connections = Annotated[set[Annotated[int, Field(ge=1, le=MAX_CONNECTION_ID)]], Field(max_length=MAX_CONNECTIONS)]
RECEIVER_URL = "URL to which events are sent by POST"
ALL_CONNECTIONS = "Connections whose events are sent; null for all, including new ones"


class ReceiverItem(BaseModel):
    """A program that receives events, without its secret."""

    id: int = Field(description="Id of the receiver")
    url: str = Field(description=RECEIVER_URL)
    event_types: list[EventType] = Field(description="Types of the events that are sent")
    connections: list[int] | None = Field(description=ALL_CONNECTIONS)
    created_at: datetime = Field(description="Time when the receiver was added")
    disabled_at: datetime | None = Field(description="Time when the receiver was disabled; null if it is enabled")
    disabled_because: DisabledBecause | None = Field(
        description="Reason why the receiver is disabled; null if it is enabled"
    )
    failing_since: datetime | None = Field(
        description="Time of the first of the current consecutive failures; null if there are none"
    )
    former_secret_until: datetime | None = Field(
        description="Time until which the former secret also signs; null if there is none"
    )


class AddedReceiver(ReceiverItem):
    secret: str = Field(description="Signing secret. It is shown only once.")


class NewSecret(BaseModel):
    secret: str = Field(description="New signing secret. It is shown only once.")
    former_secret_until: datetime | None = Field(
        description="Time until which the former secret also signs; null if there is none"
    )


class NewReceiver(Body):
    url: Url = Field(description=RECEIVER_URL)
    event_types: set[EventType] | None = Field(default=None, description="Events to send; null for all")
    connections: Connections | None = Field(default=None, description=ALL_CONNECTIONS)


class ReceiverChange(Body):
    """The fields to change. Omitted fields stay unchanged."""

    url: Url = Field(default="", description=RECEIVER_URL)
    event_types: set[EventType] | None = Field(default=None, description="Events to send; null for all")
    connections: Connections | None = Field(default=None, description=ALL_CONNECTIONS)


class Delivery(BaseModel):
    """The delivery of an event to a receiver."""

    id: int = Field(description="Id of the delivery")
    webhook_id: UUID = Field(description="Value of the `webhook-id` header, the same in each attempt")
    type: EventType = Field(description="Type of the event")
    connection_id: int | None = Field(description="Id of the event's connection; null for a test event")
    created_at: datetime = Field(description="Time of the event")
    state: DeliveryState = Field(description="State of the delivery")
    due_at: datetime | None = Field(description="Time of the next attempt; null if none is scheduled")
    attempts: int = Field(description="Number of attempts made")
    attempted_at: datetime | None = Field(description="Time of the last attempt; null before the first")
    http_status: int | None = Field(description="HTTP status of the last response; null if there was none")
    answer: str = Field(description="Beginning of the last response")
    problem: DeliveryProblem | None = Field(description="Reason for a missing response; null if there was one")


class Replay(Body):
    since: Instant = Field(description="Replay failed deliveries of events at or after this time")


class Replayed(BaseModel):
    count: int = Field(description="Number of events that are sent again, with the same `webhook-id`")


@router.get("/receivers", operation_id="listReceivers")
def list_receivers(caller: Reading) -> Page[ReceiverItem]:
    """List all event receivers, oldest first."""
    return Page(items=[_item(caller, each) for each in caller.container.receivers.all()], next=None)


@router.post("/receivers", operation_id="addReceiver", status_code=status.HTTP_201_CREATED)
def add_receiver(caller: Writing, new: NewReceiver, response: Response) -> AddedReceiver:
    """Add an event receiver. It receives events from now on."""
    receiver, secret = caller.container.receivers.add(
        new.url, _checked_event_types(new.event_types), _scope(new.connections), actor=caller.actor, now=caller.now
    )
    response.headers["Location"] = f"/api/v1/receivers/{receiver.id}"
    return AddedReceiver(**_item(caller, receiver).model_dump(), secret=secret)


@router.get("/receivers/{receiver_id}", operation_id="getReceiver")
def get_receiver(caller: Reading, receiver_id: ReceiverId) -> ReceiverItem:
    """Get an event receiver."""
    return _get_item(caller, receiver_id)


@router.patch("/receivers/{receiver_id}", operation_id="changeReceiver")
def change_receiver(caller: Writing, receiver_id: ReceiverId, change: ReceiverChange) -> ReceiverItem:
    """Change the URL, events or connections of a receiver.

    Pending deliveries to which it no longer subscribes are cancelled.
    """
    before, given = caller.container.receivers.get(receiver_id), change.model_fields_set
    caller.container.receivers.update(
        receiver_id,
        change.url if "url" in given else before.url,
        _checked_event_types(change.event_types) if "event_types" in given else before.event_types,
        _scope(change.connections) if "connections" in given else before.scope,
        actor=caller.actor,
        now=caller.now,
    )
    return _get_item(caller, receiver_id)


@router.delete(
    "/receivers/{receiver_id}",
    operation_id="removeReceiver",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
)
def remove_receiver(caller: Writing, receiver_id: ReceiverId) -> None:
    """Remove an event receiver and its delivery log."""
    caller.container.receivers.remove(receiver_id, actor=caller.actor, now=caller.now)


@router.post("/receivers/{receiver_id}/secret", operation_id="rotateReceiverSecret")
def rotate_secret(caller: Writing, receiver_id: ReceiverId) -> NewSecret:
    """Generate a new secret for an event receiver. The former one also signs for 24 hours."""
    secret = caller.container.receivers.rotate(receiver_id, actor=caller.actor, now=caller.now)
    return NewSecret(secret=secret, former_secret_until=_get_item(caller, receiver_id).former_secret_until)


@router.post("/receivers/{receiver_id}/test", operation_id="testReceiver")
def test_receiver(caller: Writing, receiver_id: ReceiverId) -> ReceiverItem:
    """Send a test event in the background. Its type is `receiver.test`, and the deliveries show the result."""
    if not caller.container.receivers.test(receiver_id, now=caller.now):
        raise ProblemError("receiver_disabled")
    dispatch.dispatch_receivers([receiver_id])
    return _get_item(caller, receiver_id)


@router.post("/receivers/{receiver_id}/disable", operation_id="disableReceiver")
def disable_receiver(caller: Writing, receiver_id: ReceiverId) -> ReceiverItem:
    """Disable an event receiver. It receives no events until it is enabled."""
    caller.container.receivers.disable(receiver_id, actor=caller.actor, now=caller.now)
    return _get_item(caller, receiver_id)


@router.post("/receivers/{receiver_id}/enable", operation_id="enableReceiver")
def enable_receiver(caller: Writing, receiver_id: ReceiverId) -> ReceiverItem:
    """Enable an event receiver. It receives events from now on; earlier failed ones can be replayed."""
    caller.container.receivers.enable(receiver_id, actor=caller.actor, now=caller.now)
    return _get_item(caller, receiver_id)


@router.get("/receivers/{receiver_id}/deliveries", operation_id="listDeliveries")
def list_deliveries(
    caller: Reading, receiver_id: ReceiverId, cursor: Cursor = None, limit: Limit = SIZE
) -> Page[Delivery]:
    """List the deliveries to an event receiver, newest event first."""
    caller.container.receivers.get(receiver_id)
    found = deliveries.log_page(caller.database, receiver_id, key=key_of(cursor), size=limit)
    return page_of([caller.build_from(Delivery, each, webhook_id=each.event_id) for each in found.lines], found)


@router.post("/receivers/{receiver_id}/replays", operation_id="replayDeliveries")
def replay_deliveries(caller: Writing, receiver_id: ReceiverId, replay: Replay) -> Replayed:
    """Replay all failed deliveries of events since a time."""
    return _replay(caller, receiver_id, since=replay.since)


@router.post("/receivers/{receiver_id}/deliveries/{delivery_id}/replay", operation_id="replayDelivery")
def replay_delivery(caller: Writing, receiver_id: ReceiverId, delivery_id: DeliveryId) -> Replayed:
    """Replay a delivery, successful or not, unless it is pending."""
    if not deliveries.is_known(caller.database, receiver_id, delivery_id):
        raise ProblemError("not_found")
    return _replay(caller, receiver_id, delivery_id=delivery_id)


def _replay(
    caller: Caller, receiver_id: int, *, delivery_id: int | None = None, since: datetime | None = None
) -> Replayed:
    if caller.container.receivers.get(receiver_id).disabled_at:
        raise ProblemError("receiver_disabled")
    count = deliveries.replay(caller.database, receiver_id, delivery_id=delivery_id, since=since, now=caller.now)
    dispatch.dispatch_receivers([receiver_id] if count else [])
    return Replayed(count=count)


def _checked_event_types(event_types: Collection[EventType] | None) -> Collection[EventType]:
    """Return the requested event types. Raises ProblemError for ``receiver.test``, sent on request only."""
    if event_types is None:
        return EVENT_TYPES
    if EventType.RECEIVER_TEST in event_types:
        raise invalid("event_types", msg("Leave out receiver.test: it is sent only when you request a test."))
    return event_types


def _scope(connections: set[int] | None) -> Scope:
    return Scope(None if connections is None else frozenset(connections))


def _get_item(caller: Caller, receiver_id: int) -> ReceiverItem:
    return _item(caller, caller.container.receivers.get(receiver_id))


def _item(caller: Caller, receiver: Receiver) -> ReceiverItem:
    connections = receiver.scope.connections
    return caller.build_from(
        ReceiverItem, receiver, connections=None if connections is None else sorted(connections)
    )
