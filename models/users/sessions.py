"""Sessions of signed-in users. They expire, and end at once when their user changes.

A session is found by the hash of the token in a cookie, so that a reader of the database cannot use it.
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
from models.schema.statements import build_from
from models.schema.user_tables import SessionRow, UserRow
from models.users import repository as users
from models.users.proofs import Proof, expect_proof
from models.users.repository import User

IDLE_TIMEOUT = timedelta(hours=12)
"""Longer than a working day with its breaks, so that users sign in once each morning."""

MAX_SESSION_AGE = timedelta(days=7)
"""The longest session, however active: a stolen cookie is useless after that."""

MAX_OPENID_SESSION_AGE = timedelta(days=1)
"""The age at which the user has to sign in at the OpenID provider again, which may have disabled them."""

MAX_CODE_WAIT = timedelta(minutes=10)
"""How long after the password the second factor can be given."""

CONFIRMED_FOR = timedelta(minutes=15)
"""How long the proof of a user's identity is valid."""

MAX_SESSIONS = 50
"""Sessions of a user; one more ends the oldest, so that the list of them stays short."""

SEEN_RESOLUTION = timedelta(minutes=1)
"""The precision of the time when a user was last seen, so that not every page writes to the database."""


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """The way in which a session begins: the ``device``, by OpenID or by password, and whether a code is missing.

    ``proved_at`` is when the user proved their identity at the provider; None if it does not say.
    """

    device: str = ""
    by_openid: bool = False
    awaits_code: bool = False
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that the page at ``path`` shows once: the ``code`` of the action, its count, and how to undo it."""

    path: str
    code: str
    count: int = 0
    undo: str = ""


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session of a signed-in user; instants in UTC."""

    id: int
    user: User
    device: str
    by_openid: bool
    created_at: datetime
    seen_at: datetime
    confirmed_at: datetime | None
    notice: Mapping[str, Any] | None

    def is_confirmed(self, now: datetime) -> bool:
        return self.confirmed_at is not None and self.confirmed_at > now - CONFIRMED_FOR


def start(
    database: Database,
    user_id: int,
    *,
    now: datetime,
    details: SessionDetails | None = None,
    instead_of: str = "",
    proof: Proof | None = None,
) -> str:
    """Start a session and return its token, of which only the hash is stored.

    ``instead_of`` is the token of the previous session, which ends, and so do the oldest ones beyond
    :data:`MAX_SESSIONS`. A session that awaits a code ends only others that do. Raises OutdatedProofError if the
    ``proof`` is no longer valid.
    """
    token, details = secrets.token_urlsafe(32), details or SessionDetails()
    row = SessionRow(
        token_hash=hash_token(token),
        user_id=user_id,
        created_at=now,
        seen_at=now,
        device=details.device,
        by_openid=details.by_openid,
        awaits_code=details.awaits_code,
        confirmed_at=details.proved_at if details.by_openid else now,
    )
    with database.transaction() as session:
        expect_proof(session, proof or Proof(user_id))
        session.execute(delete(SessionRow).where(SessionRow.token_hash == hash_token(instead_of)))
        session.add(row)
        session.flush()
        alike = SessionRow.user_id == user_id, SessionRow.awaits_code.is_(details.awaits_code)
        kept = select(SessionRow.id).where(*alike).order_by(SessionRow.id.desc()).limit(MAX_SESSIONS)
        session.execute(delete(SessionRow).where(*alike, SessionRow.id.not_in(kept)))
    return token


def find(
    database: Database, token: str, *, now: datetime, awaiting_code: bool = False, by_itself: bool = False
) -> UserSession | None:
    """Return the session with this token; None if there is none or it has ended.

    A session that is ``awaiting_code`` is not signed in, and is found only if that is requested. A request that a
    page makes ``by_itself`` is not activity of the user, so it does not prolong the session.
    """
    with database.transaction() as session:
        found = session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .where(SessionRow.token_hash == hash_token(token), UserRow.disabled_at.is_(None))
            .where(_is_unexpired(now), SessionRow.awaits_code.is_(awaiting_code))
        ).one_or_none()
        if found is None:
            return None
        row, user = found
        if row.seen_at <= now - SEEN_RESOLUTION and not by_itself:
            seen = update(SessionRow).where(SessionRow.token_hash == row.token_hash).values(seen_at=now)
            session.execute(seen)  # harmless if it has just ended
        return build_from(UserSession, row, user=users.read(session, user))


def of_user(database: Database, user: User, *, now: datetime) -> Sequence[UserSession]:
    """Return the sessions of a user, last seen first."""
    query = (
        select(*SessionRow.__table__.c)
        .where(SessionRow.user_id == user.id, _is_unexpired(now), not_(SessionRow.awaits_code))
        .order_by(SessionRow.seen_at.desc(), SessionRow.id.desc())
    )
    return [build_from(UserSession, row, user=user) for row in database.rows(query)]


def confirm(database: Database, session_id: int, proof: Proof, *, now: datetime) -> None:
    """Save that a user has just proved their identity. Raises OutdatedProofError."""
    with database.transaction() as session:
        expect_proof(session, replace(proof, session_id=session_id))
        session.execute(update(SessionRow).where(SessionRow.id == session_id).values(confirmed_at=now))


def leave_notice(database: Database, session_id: int, notice: Notice) -> None:
    """Save a notice to be shown once, instead of an earlier one."""
    database.execute(update(SessionRow).where(SessionRow.id == session_id).values(notice=asdict(notice)))


def take_notice(database: Database, session_id: int, *, path: str) -> Notice | None:
    """Return the notice for the page at ``path``, once."""
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
    with database.transaction() as session:
        # Everything that ends more than one session locks the user first.
        session.get(UserRow, user_id, with_for_update=FOR_NO_KEY_UPDATE)
        session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id != but))


def delete_ended(database: Database, *, now: datetime) -> None:
    database.execute(delete(SessionRow).where(not_(_is_unexpired(now))))


def _is_unexpired(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a session has not expired."""
    return and_(
        SessionRow.seen_at > now - IDLE_TIMEOUT,
        SessionRow.created_at > now - MAX_SESSION_AGE,
        or_(not_(SessionRow.by_openid), SessionRow.created_at > now - MAX_OPENID_SESSION_AGE),
        or_(not_(SessionRow.awaits_code), SessionRow.created_at > now - MAX_CODE_WAIT),
    )
