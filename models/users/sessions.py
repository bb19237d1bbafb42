"""Who is signed in: sessions that end by themselves, and at once when their user changes.

A session is found by the hash of the token in a cookie, so that nobody who reads the database can use one.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from models.connections.vault import hash_token
from models.database import Database
from models.schema.tables import SessionRow, UserRow
from models.users import repository as users
from models.users.repository import User

IDLE_TIMEOUT = timedelta(hours=12)
"""A working day with its breaks; who comes back the next morning signs in again."""

MAX_SESSION_AGE = timedelta(days=7)
"""However busy it was: a cookie that was stolen is of no use for longer."""

SEEN_RESOLUTION = timedelta(minutes=1)
"""How exactly it is known when somebody was seen, so that not every page writes to the database."""


def start(database: Database, user_id: int, *, now: datetime, instead_of: str = "") -> str:
    """Sign a user in, and return the token of the new session, known to nobody else.

    ``instead_of`` is the token of the session that they had before, which ends.
    """
    token = secrets.token_urlsafe(32)
    with database.transaction() as session:
        session.execute(delete(SessionRow).where(SessionRow.token_hash == hash_token(instead_of)))
        session.add(SessionRow(token_hash=hash_token(token), user_id=user_id, created_at=now, seen_at=now))
    return token


def find(database: Database, token: str, *, now: datetime) -> User | None:
    """Return whose session this token is; None where there is none, or it has ended."""
    with database.transaction() as session:
        found = session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.token_hash == hash_token(token), UserRow.disabled_at.is_(None))
            .where(SessionRow.seen_at > now - IDLE_TIMEOUT, SessionRow.created_at > now - MAX_SESSION_AGE)
        ).one_or_none()
        if found is None:
            return None
        row, user = found
        if row.seen_at <= now - SEEN_RESOLUTION:
            seen = update(SessionRow).where(SessionRow.token_hash == row.token_hash).values(seen_at=now)
            session.execute(seen)  # harmless where it has just ended
        return users.read(session, user)


def end(database: Database, token: str) -> None:
    database.execute(delete(SessionRow).where(SessionRow.token_hash == hash_token(token)))


def delete_ended(database: Database, *, now: datetime) -> None:
    ended = or_(SessionRow.seen_at <= now - IDLE_TIMEOUT, SessionRow.created_at <= now - MAX_SESSION_AGE)
    database.execute(delete(SessionRow).where(ended))
