"""Where a webhook's address leads: it holds a token, of which only the hash is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from models.settings import ConnectionSettings
from models.tables import ConnectionRow
from models.words import Kind

if TYPE_CHECKING:
    from models.base import Database

ALL_KINDS: frozenset[Kind] = ConnectionSettings.model_fields["kinds"].default
"""What travels where the settings do not say."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What an address leads to: a connection, and the kinds of records that travel on it."""

    connection_id: int
    kinds: frozenset[Kind]


def find(database: Database, token: str) -> Hook | None:
    """Find where the address with this token leads, in one round trip and with no secret opened."""
    query = select(ConnectionRow.id, ConnectionRow.settings["kinds"])
    with database.statement() as session:
        row = session.execute(query.where(ConnectionRow.token_hash == hashed(token))).one_or_none()
    if row is None:
        return None
    connection_id, kinds = row
    return Hook(connection_id, ALL_KINDS if kinds is None else frozenset(map(Kind, kinds)))


def hashed(token: str) -> str:
    """Hash a token as it is kept."""
    return hashlib.sha256(token.encode()).hexdigest()
