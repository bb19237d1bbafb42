"""Where a webhook's address leads: it holds a token, of which only the hash is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, exists, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from models import doubts
from models.receiving import CHANGES, merged
from models.settings import ConnectionSettings
from models.tables import ConnectionRow
from models.words import Kind, State

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from models.base import Database
    from models.words import Record

CONNECTIONS = ConnectionRow.metadata.tables["connections"]

ALL_KINDS: frozenset[Kind] = ConnectionSettings.model_fields["kinds"].default
"""What travels where the settings do not say."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What an address leads to: a connection, and the kinds of records that travel on it."""

    connection_id: int
    kinds: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Received:
    """On which connection a notification came, and whether its record is in the inbox: a kind that travels is."""

    connection_id: int
    noted: bool


def find(database: Database, token: str) -> Hook | None:
    """Find where the address with this token leads, in one round trip and with no secret opened."""
    query = select(ConnectionRow.id, ConnectionRow.settings["kinds"])
    with database.statement() as connection:
        row = connection.execute(query.where(ConnectionRow.token_hash == hashed(token))).one_or_none()
    if row is None:
        return None
    connection_id, kinds = row
    return Hook(connection_id, ALL_KINDS if kinds is None else frozenset(map(Kind, kinds)))


def receive(database: Database, token: str, record: Record, *, now: datetime) -> Received | None:
    """Note that a record needs a look, as the inbox does it, on the connection that a token leads to if it does.

    All of it is one statement and so one round trip, for notifications come in storms.
    """
    values = {"token_hash": hashed(token), "kind": record.kind, "record_id": record.id, "now": now}
    with database.statement() as connection:
        row = connection.execute(_RECEIVE, values).one_or_none()
    return None if row is None else Received(*row)


def hashed(token: str) -> str:
    """Hash a token as it is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def _receiving() -> Select[Any]:
    """Make the statement of :func:`receive`, which is the same each time."""
    kind, now = bindparam("kind", type_=Text), bindparam("now", type_=CHANGES.c.due_at.type)
    kinds = func.coalesce(CONNECTIONS.c.settings["kinds"], literal(sorted(ALL_KINDS), JSONB), type_=JSONB)
    hook = (
        select(CONNECTIONS.c.id, kinds.has_key(kind).label("travels"))
        .where(CONNECTIONS.c.token_hash == bindparam("token_hash"))
        .cte("hook")
    )
    row = {
        "connection_id": hook.c.id,
        "kind": kind,
        "record_id": bindparam("record_id", type_=Text),
        "state": literal(State.WAITING, Text),
        "due_at": now,
        "received_at": now,
        "uncertain": doubts.over(hook.c.id, kind, needed=False),
    }
    fresh = insert(CHANGES).from_select(list(row), select(*row.values()).where(hook.c.travels))
    put = merged(fresh, needed=False).returning(CHANGES.c.connection_id).cte("put")
    return select(hook.c.id, exists(select(put.c.connection_id)))


_RECEIVE = _receiving()
