"""Signing in: by a password, or by what an OpenID provider says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select, update

from models.connections.vault import Vault
from models.database import Database
from models.schema.tables import UserRow
from models.users import passwords, second_factor, throttle
from models.users.repository import User


class SignInRefusedError(Exception):
    """They may not come in; they are not told why, so that nobody learns who the users are."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an OpenID provider says that somebody is: its name for them, and their address if it vouches for it.

    ``proved_at`` is when they proved that to it (UTC), None where it does not say.
    """

    issuer: str
    subject: str
    email: str
    proved_at: datetime | None = None


class OpenIdProvider(Protocol):
    """An OpenID provider; both verbs raise SignInRefusedError, or UnavailableError where it does not answer."""

    def begin(self, *, fresh: bool = False) -> tuple[str, dict[str, str]]:
        """Return where to send somebody, and what to keep until they are back.

        ``fresh`` asks that they prove who they are, also where the provider knows them already.
        """

    def finish(self, code: str, *, kept: Mapping[str, str]) -> Identity:
        """Return who has come back with this code, having begun with what was kept."""


def by_password(database: Database, email: str, password: str, *, address: str, now: datetime) -> int:
    """Return the id of the user whose password this is; it takes as long for one whom nobody knows.

    Where they have a second factor too, the attempt counts as refused until that is given.
    Raises SignInRefusedError, or throttle.TooManySignInsError where it was tried too often from ``address``.
    """
    caller = throttle.caller(email, address)
    throttle.record_attempt(database, caller, now=now)
    enabled = (UserRow.email == caller.email, UserRow.disabled_at.is_(None))
    known = select(UserRow.id, UserRow.password_hash, UserRow.factor_secret.is_not(None)).where(*enabled)
    user_id, password_hash, has_factor = database.row(known) or (None, None, False)
    if not passwords.verify(password_hash, password) or user_id is None or password_hash is None:
        raise SignInRefusedError("The password is not right.")
    if passwords.needs_rehash(password_hash):
        same = (UserRow.id == user_id, UserRow.password_hash == password_hash)  # unless it was changed meanwhile
        database.execute(update(UserRow).where(*same).values(password_hash=passwords.hash_password(password)))
    if not has_factor:
        throttle.clear(database, caller)
    return user_id


def by_code(database: Database, vault: Vault, user: User, code: str, *, address: str, now: datetime) -> None:
    """Take the second factor of a user whose password was right, or who is to confirm who they are.

    Raises SignInRefusedError, or throttle.TooManySignInsError where it was tried too often from ``address``.
    """
    caller = throttle.caller(user.email, address)
    throttle.record_attempt(database, caller, now=now)
    if not second_factor.accepts(database, vault, user.id, code, now=now):
        raise SignInRefusedError("The code is not right.")
    throttle.clear(database, caller)


def by_openid(database: Database, identity: Identity) -> int:
    """Return the id of the user whom a provider names: by its own name for them, at first by their address.

    Nobody becomes a user by signing in. Raises SignInRefusedError.
    """
    issuer, subject = f"{identity.issuer} ", f"{identity.issuer} {identity.subject}"
    known_here = UserRow.subject.startswith(issuer, autoescape=True)  # known elsewhere: the provider was changed
    with database.transaction() as session:
        row = session.scalar(select(UserRow).where(UserRow.subject == subject))
        if row is None and identity.email:
            new_here = UserRow.subject.is_(None) | ~known_here
            row = session.scalar(select(UserRow).where(UserRow.email == identity.email.lower(), new_here))
        if row is None or row.disabled_at is not None:
            raise SignInRefusedError("They are not one of our users.")
        row.subject = subject
        return row.id
