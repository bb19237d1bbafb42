"""Who is signed in: sessions that end by themselves, and at once when their user changes.

A session is found by the hash of the token in a cookie, so that nobody who reads the database can use one.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, not_, null, or_, select, update

from models.connections.vault import hash_token
from models.database import Database
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.statements import made_of
from models.schema.tables import SessionRow, UserRow
from models.users import repository as users
from models.users.proofs import Proof, expect
from models.users.repository import User

IDLE_TIMEOUT = timedelta(hours=12)
"""A working day with its breaks; who comes back the next morning signs in again."""

MAX_SESSION_AGE = timedelta(days=7)
"""However busy it was: a cookie that was stolen is of no use for longer."""

MAX_OPENID_SESSION_AGE = timedelta(days=1)
"""Then the organization is asked anew whether they are still one of its own."""

MAX_CODE_WAIT = timedelta(minutes=10)
"""How long after the password the second factor may be given."""

CONFIRMED_FOR = timedelta(minutes=15)
"""How long somebody who has proved who they are need not do so again."""

SEEN_RESOLUTION = timedelta(minutes=1)
"""How exactly it is known when somebody was seen, so that not every page writes to the database."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How somebody signs in: from which ``device``, by their organization or by a password, as far as they are.

    ``proved_at`` is when the organization says that they have proved who they are; None where it does not.
    """

    device: str = ""
    by_openid: bool = False
    awaits_code: bool = False
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What the page at ``path`` tells once: by its ``code`` what was done, to how many, and how to undo it."""

    path: str
    code: str
    count: int = 0
    undo: str = ""


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session of somebody who is signed in; instants in UTC."""

    id: int
    user: User
    device: str
    by_openid: bool
    created_at: datetime
    seen_at: datetime
    confirmed_at: datetime | None
    notice: Mapping[str, Any] | None

    def is_confirmed(self, now: datetime) -> bool:
        """Return whether they have lately proved who they are."""
        return self.confirmed_at is not None and self.confirmed_at > now - CONFIRMED_FOR


def start(
    database: Database,
    user_id: int,
    *,
    now: datetime,
    how: Beginning | None = None,
    instead_of: str = "",
    proof: Proof | None = None,
) -> str:
    """Sign a user in, and return the token of the new session, known to nobody else.

    ``instead_of`` is the token of the session that they had before, which ends.
    Raises OutdatedProofError where the ``proof`` for it holds no more.
    """
    token, how = secrets.token_urlsafe(32), how or Beginning()
    row = SessionRow(
        token_hash=hash_token(token),
        user_id=user_id,
        created_at=now,
        seen_at=now,
        device=how.device,
        by_openid=how.by_openid,
        awaits_code=how.awaits_code,
        confirmed_at=how.proved_at if how.by_openid else now,
    )
    with database.transaction() as session:
        expect(session, proof or Proof(user_id))
        session.execute(delete(SessionRow).where(SessionRow.token_hash == hash_token(instead_of)))
        session.add(row)
    return token


def find(database: Database, token: str, *, now: datetime, awaiting_code: bool = False) -> UserSession | None:
    """Return the session with this token; None where there is none, or it has ended.

    Somebody whose session is ``awaiting_code`` is not signed in, and only found as such.
    """
    with database.transaction() as session:
        found = session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.token_hash == hash_token(token), UserRow.disabled_at.is_(None))
            .where(_holds(now), SessionRow.awaits_code.is_(awaiting_code))
        ).one_or_none()
        if found is None:
            return None
        row, user = found
        if row.seen_at <= now - SEEN_RESOLUTION:
            seen = update(SessionRow).where(SessionRow.token_hash == row.token_hash).values(seen_at=now)
            session.execute(seen)  # harmless where it has just ended
        return made_of(UserSession, row, user=users.read(session, user))


def of_user(database: Database, user: User, *, now: datetime) -> Sequence[UserSession]:
    """Return where somebody is signed in, the one that was seen last first."""
    query = (
        select(*SessionRow.__table__.c)
        .where(SessionRow.user_id == user.id, _holds(now), not_(SessionRow.awaits_code))
        .order_by(SessionRow.seen_at.desc(), SessionRow.id.desc())
    )
    return [made_of(UserSession, row, user=user) for row in database.rows(query)]


def confirm(database: Database, session_id: int, proof: Proof, *, now: datetime) -> None:
    """Note that somebody has just proved who they are. Raises OutdatedProofError."""
    with database.transaction() as session:
        expect(session, replace(proof, session_id=session_id))
        session.execute(update(SessionRow).where(SessionRow.id == session_id).values(confirmed_at=now))


def leave_notice(database: Database, session_id: int, notice: Notice) -> None:
    """Leave what is to be told, in place of what was left before."""
    left = update(SessionRow).where(SessionRow.id == session_id).values(notice=asdict(notice))
    database.execute(left)


def take_notice(database: Database, session_id: int, *, path: str) -> Notice | None:
    """Return what is to be told on the page at ``path``, once."""
    query = select(SessionRow).where(SessionRow.id == session_id, SessionRow.notice["path"].astext == path)
    with database.transaction() as session:
        row = session.scalar(query.with_for_update(key_share=True))
        if row is None:
            return None
        notice, row.notice = Notice(**(row.notice or {})), null()
    return notice


def end(database: Database, token: str) -> None:
    database.execute(delete(SessionRow).where(SessionRow.token_hash == hash_token(token)))


def end_one(database: Database, user_id: int, session_id: int) -> None:
    database.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id == session_id))


def end_others(database: Database, user_id: int, *, but: int) -> None:
    """End all sessions of a user but one."""
    with database.transaction() as session:
        session.get(UserRow, user_id, with_for_update=FOR_NO_KEY_UPDATE)  # as whoever else ends more than one
        session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id != but))


def delete_ended(database: Database, *, now: datetime) -> None:
    database.execute(delete(SessionRow).where(not_(_holds(now))))


def _holds(now: datetime) -> ColumnElement[bool]:
    """Say in SQL that a session has not ended by itself."""
    return and_(
        SessionRow.seen_at > now - IDLE_TIMEOUT,
        SessionRow.created_at > now - MAX_SESSION_AGE,
        or_(not_(SessionRow.by_openid), SessionRow.created_at > now - MAX_OPENID_SESSION_AGE),
        or_(not_(SessionRow.awaits_code), SessionRow.created_at > now - MAX_CODE_WAIT),
    )
