"""Who is signed in: sessions that end by themselves, and at once when their user changes.

A session is found by the hash of the token in a cookie, so that nobody who reads the database can use one.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from i18n.catalog import Language
from models.database import Database
from models.enums import Role, Scope
from models.schema.tables import GrantRow, SessionRow, UserRow

IDLE_TIMEOUT = timedelta(hours=12)
"""A working day with its breaks; who comes back the next morning signs in again."""

MAX_SESSION_AGE = timedelta(days=7)
"""However busy it was: a cookie that was stolen is of no use for longer."""

SEEN_RESOLUTION = timedelta(minutes=1)
"""How exactly it is known when somebody was seen, so that not every page writes to the database."""


@dataclass(frozen=True, slots=True)
class UserSession:
    """Somebody who is signed in, with what they may do and which connections they may see."""

    user_id: int
    email: str
    role: Role
    scope: Scope
    language: Language


def start(database: Database, user_id: int, *, now: datetime, instead_of: str = "") -> str:
    """Sign a user in, and tell the token of the new session, known to nobody else.

    ``instead_of`` is the token of the session that they had before, which ends.
    """
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        session.execute(delete(SessionRow).where(SessionRow.token_hash == _hash(instead_of)))
        session.add(SessionRow(token_hash=_hash(token), user_id=user_id, created_at=now, seen_at=now))
    return token


def find(database: Database, token: str, *, now: datetime) -> UserSession | None:
    """Tell whose session this token is; None where there is none, or it has ended."""
    with database.transaction() as session:
        found = session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.token_hash == _hash(token), UserRow.disabled_at.is_(None))
            .where(SessionRow.seen_at > now - IDLE_TIMEOUT, SessionRow.created_at > now - MAX_SESSION_AGE)
        ).one_or_none()
        if found is None:
            return None
        row, user = found
        if row.seen_at <= now - SEEN_RESOLUTION:
            _note_seen(session, row.token_hash, now)
        return UserSession(user.id, user.email, Role(user.role), scope_of(session, user), Language(user.language))


def end(database: Database, token: str) -> None:
    """Sign out; harmless where nobody is signed in."""
    with database.transaction() as session:
        session.execute(delete(SessionRow).where(SessionRow.token_hash == _hash(token)))


def delete_ended(database: Database, *, now: datetime) -> None:
    """Drop the sessions that nobody can come back to."""
    ended = or_(SessionRow.seen_at <= now - IDLE_TIMEOUT, SessionRow.created_at <= now - MAX_SESSION_AGE)
    with database.transaction() as session:
        session.execute(delete(SessionRow).where(ended))


def end_all(session: Session, user_id: int) -> None:
    """End all sessions of a user, in the transaction of what has become of them."""
    session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


def scope_of(session: Session, user: UserRow) -> Scope:
    """Tell which connections a user may see."""
    if user.everywhere:
        return Scope()
    return Scope(frozenset(session.scalars(select(GrantRow.connection_id).where(GrantRow.user_id == user.id))))


def _note_seen(session: Session, token_hash: str, now: datetime) -> None:
    session.execute(update(SessionRow).where(SessionRow.token_hash == token_hash).values(seen_at=now))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
