"""API tokens, with which programs use the API, bound to scopes and connections.

A token is shown once, when it is created; the database has only its SHA-256. It is 32 random bytes, so it cannot
be guessed.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.connections.vault import hash_token
from models.database import Database
from models.enums import Role, Scope
from models.invalid_input import raise_errors
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.statements import build_from
from models.schema.tables import ConnectionRow
from models.schema.user_tables import ApiTokenGrantRow, ApiTokenRow
from models.users import repository as users
from models.users.proofs import expect_session
from models.users.repository import Rights

PREFIX = "m24_"
"""The prefix of every token, by which tools for leaked secrets recognize one."""

TOKEN_PATTERN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
MAX_NAME_LENGTH = 100
DEFAULT_DAYS, MAX_DAYS = 90, 366
"""The default and the longest validity of a token."""

USED_RESOLUTION = timedelta(minutes=1)
"""The precision of the last use, so that not every request writes to the database."""

_ACTOR = re.compile(r"API token (\d{1,9}) \(.*\)", re.DOTALL)


class TokenScope(StrEnum):
    """A permission of a token. A scope for writing does not include reading."""

    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_WRITE = "connections:write"
    CONNECTIONS_ERASE = "connections:erase"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    OPERATIONS_READ = "operations:read"
    OPERATIONS_WRITE = "operations:write"
    RECEIVERS_READ = "receivers:read"
    RECEIVERS_WRITE = "receivers:write"
    AUDIT_READ = "audit:read"
    HEALTH_READ = "health:read"


SCOPE_NAMES = {
    TokenScope.CONNECTIONS_READ: msg("See connections and their settings"),
    TokenScope.CONNECTIONS_WRITE: msg("Add connections, change settings, pause and resume"),
    TokenScope.CONNECTIONS_ERASE: msg("Erase connections and all their data"),
    TokenScope.JOBS_READ: msg("See records, their attempts and match questions"),
    TokenScope.JOBS_WRITE: msg("Retry and dismiss records, and answer match questions"),
    TokenScope.OPERATIONS_READ: msg("See tests, reconciliations and backfills, and their results"),
    TokenScope.OPERATIONS_WRITE: msg("Start and cancel tests, reconciliations and backfills"),
    TokenScope.RECEIVERS_READ: msg("See event receivers and their deliveries"),
    TokenScope.RECEIVERS_WRITE: msg("Add, change, test and remove event receivers"),
    TokenScope.AUDIT_READ: msg("See the audit log"),
    TokenScope.HEALTH_READ: msg("See the integration's health and the API quota"),
}


class UnknownTokenError(LookupError):
    """The token does not exist."""


class TokenRefusedError(Exception):
    """The token is not valid; ``code`` says why: unknown, expired or revoked."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its text; instants in UTC. ``scope`` is the connections that it is bound to."""

    id: int
    name: str
    scopes: frozenset[TokenScope]
    scope: Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def actor(self) -> Message:
        return msg("API token {number} ({name})", number=self.id, name=self.name)

    @property
    def administers_all(self) -> bool:
        """Whether it has the rights of an administrator of all connections on every connection."""
        return self.scope.connections is None and TokenScope.CONNECTIONS_WRITE in self.scopes

    def refusal(self, now: datetime) -> str:
        """Return the error code if it is not valid at ``now`` (UTC), "" if it is valid."""
        if self.revoked_at is not None:
            return "token_revoked"
        return "token_expired" if self.expires_at <= now else ""


def create(  # noqa: PLR0913 - mostly keyword-only
    database: Database,
    name: str,
    *,
    scopes: frozenset[TokenScope],
    scope: Scope,
    days: int = DEFAULT_DAYS,
    actor: str,
    session_id: int | None = None,
    now: datetime,
) -> tuple[Token, str]:
    """Create a token. Return it with its text, which is not stored.

    ``session_id`` is the session of the actor. Raises InvalidInputError or OutdatedProofError.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiTokenRow(
        name=name,
        token_hash=hash_token(text),
        scopes=" ".join(sorted(scopes)),
        everywhere=scope.connections is None,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    with database.transaction() as session:
        expect_session(session, session_id)
        known = _known(session, scope)
        _check(name, scopes, days, connections=known)
        session.add(row)
        session.flush()
        session.add_all(ApiTokenGrantRow(token_id=row.id, connection_id=each) for each in known or ())
        token = _token(row, sorted(scope.connections or ()))
        what = msg(
            "Created {token}: {scopes} for {connections}, until {day}",
            token=token.actor,
            scopes=", ".join(sorted(scopes)),
            connections=msg("all connections") if known is None else ", ".join(known.values()),
            day=f"{row.expires_at:%Y-%m-%d}",
        )
        add_entry(session, at=now, actor=actor, action=what)
    return token, text


def find(database: Database, text: str, *, now: datetime) -> Token:
    """Return the valid token with this text, and save that it was used. Raises TokenRefusedError."""
    if not TOKEN_PATTERN.fullmatch(text):
        raise TokenRefusedError("token_unknown")
    found = database.row(_tokens().where(ApiTokenRow.token_hash == hash_token(text)))
    if found is None:
        raise TokenRefusedError("token_unknown")
    token = _token(found, found.connections)
    if refusal := token.refusal(now):
        raise TokenRefusedError(refusal)
    if token.last_used_at is None or token.last_used_at <= now - USED_RESOLUTION:
        longer_ago = or_(ApiTokenRow.last_used_at.is_(None), ApiTokenRow.last_used_at <= now - USED_RESOLUTION)
        used = update(ApiTokenRow).where(ApiTokenRow.id == token.id, longer_ago).values(last_used_at=now)
        database.execute(used)
    return token


def all_tokens(database: Database) -> Sequence[Token]:
    """List the tokens, newest first, including those that are no longer valid."""
    return [_token(row, row.connections) for row in database.rows(_tokens().order_by(ApiTokenRow.id.desc()))]


def revoke(database: Database, token_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
    """Revoke a token, which stops working at once; a token that was revoked before is unchanged.

    ``session_id`` is the session of the actor. Raises UnknownTokenError or OutdatedProofError.
    """
    with database.transaction() as session:
        expect_session(session, session_id)
        row = session.get(ApiTokenRow, token_id, with_for_update=FOR_NO_KEY_UPDATE)
        if row is None:
            raise UnknownTokenError(f"There is no API token {token_id}.")
        if row.revoked_at is None:
            row.revoked_at = now
            what = msg("Revoked {token}", token=_token(row, None).actor)
            add_entry(session, at=now, actor=actor, action=what)


def revoke_all(session: Session, *, actor: str, now: datetime) -> None:
    """Revoke all tokens, each with an entry in the audit log."""
    valid = select(ApiTokenRow).where(ApiTokenRow.revoked_at.is_(None)).order_by(ApiTokenRow.id)
    for row in session.scalars(valid.with_for_update(key_share=True)).all():
        row.revoked_at = now
        add_entry(session, at=now, actor=actor, action=msg("Revoked {token}", token=_token(row, None).actor))


def rights_of(database: Database, actor: str, *, now: datetime) -> Rights | None:
    """Return the present rights of an actor of the audit log, a user or a token; None without rights."""
    if (named := _ACTOR.fullmatch(actor)) is None:
        try:
            user = users.get_by_email(database, actor)
        except users.UnknownUserError:
            return None
        return None if user.disabled else user.rights
    row = database.row(_tokens().where(ApiTokenRow.id == int(named[1])))
    token = _token(row, row.connections) if row else None
    if token is None or token.refusal(now) or TokenScope.CONNECTIONS_WRITE not in token.scopes:
        return None
    return Rights(Role.ADMINISTRATOR, token.scope)


def _check(name: str, scopes: frozenset[TokenScope], days: int, *, connections: Mapping[int, str] | None) -> None:
    errors: dict[str, str] = {}
    if not name or len(name) > MAX_NAME_LENGTH:
        errors["name"] = msg("Enter a name of at most {most} characters.", most=MAX_NAME_LENGTH)
    if not scopes:
        errors["scopes"] = msg("Choose at least one.")
    if connections == {}:
        errors["connections"] = msg("Choose all connections or at least one existing connection.")
    if not 1 <= days <= MAX_DAYS:
        errors["days"] = msg("Enter a number from 1 to {most}.", most=MAX_DAYS)
    raise_errors(errors)


def _known(session: Session, scope: Scope) -> dict[int, str] | None:
    """Return the names of the connections of a scope, empty if one is unknown; None if the scope is unlimited."""
    if scope.connections is None:
        return None
    named = select(ConnectionRow.id, ConnectionRow.name).where(ConnectionRow.id.in_(scope.connections))
    known = {each.id: each.name for each in session.execute(named.order_by(ConnectionRow.name))}
    return known if known.keys() == scope.connections else {}


def _tokens() -> Select[*tuple[Any, ...]]:
    granted = select(func.array_agg(ApiTokenGrantRow.connection_id)).where(
        ApiTokenGrantRow.token_id == ApiTokenRow.id
    )
    return select(*ApiTokenRow.__table__.c, granted.scalar_subquery().label("connections"))


def _token(row: ApiTokenRow | Row[*tuple[Any, ...]], connections: Sequence[int] | None) -> Token:
    scope = Scope(None if row.everywhere else frozenset(connections or ()))
    return build_from(Token, row, scopes=frozenset(map(TokenScope, row.scopes.split())), scope=scope)
