"""Webhook intake: the connection of a webhook URL, by the hash of its token, and the last webhook of each type."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, Text, and_, bindparam, exists, false, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from models.connections.vault import hash_token
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.error_codes import GONE
from models.inbox import restore, webhook_limit
from models.inbox.due import DEFAULT_ENTITY_TYPES
from models.inbox.enqueue import JOBS, merge_into_existing
from models.inbox.job_updates import new_job_values
from models.inbox.transitions import JobEvent
from models.schema.statements import upsert
from models.schema.tables import ConnectionRow, WebhookActivityRow

ACTIVITY_RESOLUTION = timedelta(minutes=1)
"""The time of the last webhook is updated at most this often, because webhooks arrive in bursts."""

CONNECTIONS = ConnectionRow.metadata.tables["connections"]


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """The target of a webhook URL: a connection and the entity types that it syncs."""

    connection_id: int
    entity_types: frozenset[EntityType]


@dataclass(frozen=True, slots=True)
class WebhookReceipt:
    """The connection of a webhook, and whether its record was ``enqueued``.

    It is not enqueued if its type is not synced, or if the webhook is ``limited`` and the record is new or was
    received within the last minute.
    """

    connection_id: int
    enqueued: bool
    limited: bool = False


def find_target(database: Database, token: str) -> WebhookTarget | None:
    """Return the target of the URL with this token, in one round trip, without decrypting a secret."""
    query = select(ConnectionRow.id, ConnectionRow.settings["entity_types"])
    row = database.row(query.where(ConnectionRow.token_hash == hash_token(token)))
    if row is None:
        return None
    connection_id, types = row
    return WebhookTarget(
        connection_id, DEFAULT_ENTITY_TYPES if types is None else frozenset(map(EntityType, types))
    )


def enqueue_webhook(database: Database, token: str, record: Record, *, now: datetime) -> WebhookReceipt | None:
    """Enqueue a record on the connection with this token; None if there is no such connection.

    It is one statement and thus one round trip, because webhooks arrive in bursts.
    """
    values = {"entity_type": record.entity_type, "record_id": record.id, "now": now}
    row = database.row(_ENQUEUE, {**values, "token_hash": hash_token(token)})
    return None if row is None else WebhookReceipt(*row)


def try_intake(database: Database, *, now: datetime) -> None:
    """Check that a webhook can be saved: insert a job and roll it back.

    Raises DatabaseUnavailableError if it cannot, for example because the disk is full.
    """
    row = {"entity_type": EntityType.CUSTOMER, "record_id": uuid4().hex, "received_at": now}
    values = [literal(each) for each in (row | new_job_values(JobEvent.RECEIVED, now=now)).values()]
    names = ["connection_id", *row, *new_job_values(JobEvent.RECEIVED, now=now)]
    made = insert(JOBS).from_select(names, select(CONNECTIONS.c.id, *values).limit(1))
    with database.transaction() as session:
        session.execute(made)
        session.rollback()


def _enqueue_statement() -> Select[*tuple[Any, ...]]:
    entity_type, now = bindparam("entity_type", type_=Text), bindparam("now", type_=JOBS.c.due_at.type)
    synced_types = func.coalesce(
        CONNECTIONS.c.settings["entity_types"], literal(sorted(DEFAULT_ENTITY_TYPES), JSONB), type_=JSONB
    )
    target = (
        select(
            CONNECTIONS.c.id,
            synced_types.has_key(entity_type).label("syncs_type"),
            func.coalesce(CONNECTIONS.c.webhook_limited_until > now, false()).label("limited"),
        )
        .where(CONNECTIONS.c.token_hash == bindparam("token_hash"))
        .cte("target")
    )
    row: dict[str, Any] = {
        "connection_id": target.c.id,
        "entity_type": entity_type,
        "record_id": bindparam("record_id", type_=Text),
        "received_at": now,
        **new_job_values(
            JobEvent.RECEIVED,
            now=now,
            outcome_unknown=restore.outcome_unknown(target.c.id, entity_type, as_dependency=False),
        ),
    }
    columns: list[ColumnElement[Any]] = [literal(each) if isinstance(each, str) else each for each in row.values()]
    known = exists().where(
        JOBS.c.connection_id == target.c.id,
        JOBS.c.entity_type == entity_type,
        JOBS.c.record_id == bindparam("record_id", type_=Text),
        JOBS.c.error_code != GONE,
        JOBS.c.received_at <= now - webhook_limit.KNOWN_RECORD_INTERVAL,
    )
    allowed = and_(target.c.syncs_type, or_(~target.c.limited, known))
    rows = insert(JOBS).from_select(list(row), select(*columns).where(allowed))
    enqueued = merge_into_existing(rows, JobEvent.RECEIVED).returning(JOBS.c.connection_id).cte("enqueued")
    return select(
        target.c.id, exists(select(enqueued.c.connection_id)), and_(target.c.syncs_type, target.c.limited)
    )


def record_activity(database: Database, lane: Lane, *, now: datetime) -> None:
    older = WebhookActivityRow.at < now - ACTIVITY_RESOLUTION
    database.execute(upsert(WebhookActivityRow, asdict(lane), {"at": now}, where=older))


def latest_activity(database: Database, connection_id: int) -> Mapping[EntityType, datetime]:
    """Return when the last webhook of each type arrived at the present URL (UTC, to the minute)."""
    rows = WebhookActivityRow.entity_type, WebhookActivityRow.at
    query = select(*rows).where(WebhookActivityRow.connection_id == connection_id)
    return {EntityType(entity_type): at for entity_type, at in database.rows(query)}


_ENQUEUE = _enqueue_statement()
