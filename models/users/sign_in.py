"""Sign-in by password or by an OpenID provider."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import delete, select, update

from i18n.messages import msg
from models.connections.vault import Vault, hash_token
from models.database import Database
from models.schema.statements import upsert
from models.schema.user_tables import DeviceRow, UserRow
from models.users import account_alerts, passwords, second_factor, sessions, throttle
from models.users import repository as users
from models.users.proofs import OutdatedProofError, Proof
from models.users.repository import User
from models.users.sessions import SessionDetails

DEVICE_KNOWN_FOR = timedelta(days=365)
"""How long an unused browser is remembered."""

WRONG_PASSWORD = msg("Sign-in rejected: incorrect password")
WRONG_CODE = msg("Sign-in rejected: incorrect code")
DISABLED = msg("Sign-in rejected: the user is disabled")
OUTDATED = msg("Sign-in rejected: the account was changed in the meantime")


class SignInRefusedError(Exception):
    """The sign-in is rejected, without a reason, so that it does not reveal the users."""


@dataclass(frozen=True, slots=True)
class OpenIdIdentity:
    """A person's identity at an OpenID provider: their id there, and a verified address.

    ``proved_at`` is when they last proved their identity (UTC), None if the provider does not say.
    """

    issuer: str
    subject: str
    email: str
    proved_at: datetime | None = None


class OpenIdProvider(Protocol):
    """An OpenID provider; both methods raise SignInRefusedError, or UnavailableError if it does not respond."""

    def begin(self, *, fresh: bool = False) -> tuple[str, dict[str, str]]:
        """Return the URL to redirect the user to, and the values to keep until they return.

        ``fresh`` makes them prove their identity, even if the provider has a session.
        """

    def finish(self, code: str, *, kept: Mapping[str, str]) -> OpenIdIdentity:
        """Return the identity of the user who returned with a code; ``kept`` are the values of :meth:`begin`."""


def check_password(database: Database, email: str, password: str, *, address: str, now: datetime) -> Proof:
    """Check a user's password and return the proof. It takes the same time if there is no such user.

    A rejection gets an audit entry. With a second factor, the attempt counts as rejected until the code is given.
    Raises SignInRefusedError, throttle.TooManySignInsError after too many attempts from ``address``, or
    TooManyPasswordsError, which does not count.
    """
    caller = throttle.caller(email, address)
    is_enabled, has_factor_ = UserRow.disabled_at.is_(None), UserRow.factor_secret.is_not(None)
    known = select(UserRow.id, UserRow.password_hash, is_enabled, has_factor_).where(UserRow.email == caller.email)
    user_id, password_hash, enabled, has_factor = database.row(known) or (None, None, False, False)
    caller = replace(caller, user_id=user_id or 0)
    attempt = throttle.record_attempt(database, caller, now=now)
    try:
        right, password_hash = _verify(database, password_hash, password)
    except passwords.TooManyPasswordsError:
        throttle.take_back(database, attempt)
        raise
    if not (right and enabled) or user_id is None or password_hash is None:
        with database.transaction() as session:
            throttle.keep(session, attempt)  # so that an unknown user costs a write too
            if user_id is not None:
                what = WRONG_PASSWORD if enabled else DISABLED
                users.add_audit_entry(session, what, actor=caller.email, now=now)
        raise SignInRefusedError("The password is not right.")
    if not has_factor:
        throttle.accept(database, caller, attempt, now=now)
    return Proof(user_id, password_hash, has_factor=has_factor)


def check_code(database: Database, vault: Vault, user: User, code: str, *, address: str, now: datetime) -> Proof:
    """Check the second factor of a user whose password was right, or who has to confirm their identity.

    Raises SignInRefusedError, or throttle.TooManySignInsError after too many attempts from ``address``.
    """
    caller = throttle.caller(user.email, address, user_id=user.id)
    attempt = throttle.record_attempt(database, caller, now=now)
    if not second_factor.use_code(database, vault, user.id, code, now=now):
        _add_audit_entry(database, user.email, WRONG_CODE, now=now)
        raise SignInRefusedError("The code is not right.")
    throttle.accept(database, caller, attempt, now=now)
    return Proof(user.id)


def find_openid_user(database: Database, identity: OpenIdIdentity, *, now: datetime) -> int:
    """Return the id of a provider's user: found by the provider's id for them, the first time by their address.

    A sign-in does not create a user. Raises SignInRefusedError.
    """
    issuer, subject = f"{identity.issuer} ", f"{identity.issuer} {identity.subject}"
    known_here = UserRow.subject.startswith(issuer, autoescape=True)  # if not, the provider was changed
    with database.transaction() as session:
        row = session.scalar(select(UserRow).where(UserRow.subject == subject))
        if row is None and identity.email:
            new_here = UserRow.subject.is_(None) | ~known_here
            row = session.scalar(select(UserRow).where(UserRow.email == identity.email.lower(), new_here))
        refused = row is None or row.disabled_at is not None
        if row is not None and refused:
            users.add_audit_entry(session, DISABLED, actor=row.email, now=now)
        elif row is not None:
            row.subject = subject
    if row is None or refused:
        raise SignInRefusedError("They are not one of our users.")
    return row.id


def start_session(
    database: Database, proof: Proof, *, details: SessionDetails, instead_of: str, now: datetime
) -> str:
    """Start a session for a proof of identity. Raises SignInRefusedError if the proof is outdated."""
    try:
        return sessions.start(
            database, proof.user_id, now=now, details=details, instead_of=instead_of, proof=proof
        )
    except OutdatedProofError:
        _add_audit_entry(database, users.get(database, proof.user_id).email, OUTDATED, now=now)
        raise SignInRefusedError("Their account was changed meanwhile.") from None


def complete(
    database: Database, proof: Proof, *, details: SessionDetails, device_token: str, instead_of: str, now: datetime
) -> str:
    """Sign a user in: start a session, add an audit entry, and queue a mail if the device is new.

    ``device_token`` is a cookie that the browser has kept since its first sign-in.
    """
    user_id, token = proof.user_id, start_session(database, proof, details=details, instead_of=instead_of, now=now)
    with database.transaction() as session:
        email, device = session.get_one(UserRow, user_id).email, details.device or msg("an unknown device")
        what = msg("Signed in with {device}", device=device)
        if details.by_openid:
            what = msg("Signed in through their organization with {device}", device=device)
        users.add_audit_entry(session, what, actor=email, now=now)
        key = {"user_id": user_id, "token_hash": hash_token(device_token)}
        if session.get(DeviceRow, key) is None:
            message = msg("New sign-in to {email} from {device}.", email=email, device=device)
            account_alerts.queue(session, email, msg("New sign-in to your account"), message, now=now)
        session.execute(upsert(DeviceRow, key, {"seen_at": now}))
    return token


def delete_old_devices(database: Database, *, before: datetime) -> None:
    database.execute(delete(DeviceRow).where(DeviceRow.seen_at < before))


def _verify(database: Database, password_hash: str | None, password: str) -> tuple[bool, str | None]:
    """Return whether this is the password, and its hash, which is renewed if its parameters are outdated."""
    if not passwords.verify(password_hash, password) or password_hash is None:
        return False, password_hash
    if not passwords.needs_rehash(password_hash):
        return True, password_hash
    renewed = passwords.hash_password(password)
    same = UserRow.password_hash == password_hash  # unless it was changed meanwhile
    database.execute(update(UserRow).where(same).values(password_hash=renewed))
    return True, renewed


def _add_audit_entry(database: Database, email: str, what: str, *, now: datetime) -> None:
    with database.transaction() as session:
        users.add_audit_entry(session, what, actor=email, now=now)
