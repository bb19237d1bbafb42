"""The second factor: codes of an app (TOTP, RFC 6238), and recovery codes, each of which replaces one once."""

import secrets
from base64 import b32encode
from collections.abc import Sequence
from datetime import datetime
from textwrap import wrap

from cryptography.fernet import InvalidToken
from pyotp import TOTP, random_base32
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.vault import Vault, hash_token
from models.database import Database
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.user_tables import RecoveryCodeRow, UserRow
from models.users import account_alerts
from models.users import repository as users
from models.users.proofs import OutdatedProofError, Proof, expect_proof, expect_session
from models.users.repository import User

ISSUER = "Moment - 24SevenOffice"
"""The name of this installation in the app."""

CLOCK_TOLERANCE_PERIODS = 1
"""Periods of half a minute by which the clock of a phone may differ."""

PURPOSE = "users.factor_secret"

MAX_WRONG_CODES = 50
"""Consecutive wrong codes after which codes of the app are rejected, so that they cannot be guessed."""

RECOVERY_CODES, RECOVERY_BYTES, CODE_GROUP_LENGTH = 10, 15, 6


class WrongCodeError(Exception):
    """The app does not show this code now, or the code was already used."""


def offer(vault: Vault, user: User) -> str:
    """Return a new secret, encrypted for a form of this user; it is not yet in use."""
    return vault.encrypt(random_base32(), PURPOSE, user.id)


def app_key(vault: Vault, user: User, offered: str) -> tuple[str, str]:
    """Return an offered secret as text to type into the app, and as the URI of a QR code.

    Raises InvalidToken if it was not offered to this user.
    """
    secret = _open(vault, user.id, offered)
    return secret, TOTP(secret, name=user.email, issuer=ISSUER).provisioning_uri()


def set_up(  # noqa: PLR0913 - what the app shows, and the session
    database: Database,
    vault: Vault,
    user: User,
    offered: str,
    code: str,
    *,
    session_id: int | None = None,
    now: datetime,
) -> Sequence[str]:
    """Require a second factor from this user. Return the recovery codes, of which only hashes are stored.

    ``session_id`` is the user's session. Raises OutdatedProofError if it has ended, WrongCodeError if the code
    does not prove that the app has the offered secret, or InvalidToken.
    """
    period = _period(_open(vault, user.id, offered), code, now)
    with database.transaction() as session:
        row = expect_proof(session, Proof(user.id, session_id=session_id))
        if row.factor_secret is not None:
            raise WrongCodeError
        row.factor_secret, row.factor_used, row.wrong_codes = offered, period, 0
        users.add_audit_entry(session, msg("Set up a second factor"), actor=user.email, now=now)
        message = msg("Signing in to {email} now also requires a code from an app.", email=user.email)
        account_alerts.queue(session, user.email, msg("Second factor added to your account"), message, now=now)
        return _renew_recovery_codes(session, user.id)


def use_code(database: Database, vault: Vault, user_id: int, code: str, *, now: datetime) -> bool:
    """Return whether this is a valid code of the user's app or a recovery code; mark it as used."""
    with database.transaction() as session:
        row = session.get(UserRow, user_id, with_for_update=FOR_NO_KEY_UPDATE)
        if row is None or row.factor_secret is None:
            return False
        accepted = _use_app_code(vault, row, code, now) or _use_recovery_code(session, user_id, code)
        row.wrong_codes = 0 if accepted else row.wrong_codes + 1
    return accepted


def new_recovery_codes(
    database: Database, user: User, *, session_id: int | None = None, now: datetime
) -> Sequence[str]:
    """Replace the recovery codes and return the new ones.

    Raises OutdatedProofError, also if there is no longer a second factor.
    """
    with database.transaction() as session:
        if expect_proof(session, Proof(user.id, session_id=session_id)).factor_secret is None:
            raise OutdatedProofError
        users.add_audit_entry(session, msg("Generated new recovery codes"), actor=user.email, now=now)
        return _renew_recovery_codes(session, user.id)


def recovery_codes_left(database: Database, user_id: int) -> int:
    query = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id)
    return database.scalar(query) or 0


def remove(database: Database, user: User, *, session_id: int, now: datetime) -> None:
    """Remove the user's own second factor; without one, nothing happens.

    Raises OutdatedProofError.
    """
    with database.transaction() as session:
        row = expect_proof(session, Proof(user.id, session_id=session_id))
        if row.factor_secret is None:
            return
        _remove(session, row, msg("Removed their second factor"), actor=user.email, now=now)


def reset(database: Database, user_id: int, *, actor: str, session_id: int | None = None, now: datetime) -> None:
    """Remove the second factor of a user who has lost it, and end their sessions; without one, nothing happens.

    ``session_id`` is the session of the actor. Raises users.UnknownUserError or OutdatedProofError.
    """
    user = users.get(database, user_id)
    with database.transaction() as session:
        row = session.get_one(UserRow, user_id, with_for_update=FOR_NO_KEY_UPDATE)
        expect_session(session, session_id)
        if row.factor_secret is None:
            return
        what = msg("Removed the second factor of the user {email}", email=user.email)
        _remove(session, row, what, actor=actor, now=now)
    users.sign_out(database, user_id, actor=actor, now=now)


def rotate_keys(database: Database, vault: Vault) -> Sequence[str]:
    """Encrypt all secrets again with the newest key; return the email addresses of users with unreadable ones."""
    unreadable = []
    with database.transaction() as session:
        known = select(UserRow).where(UserRow.factor_secret.is_not(None)).order_by(UserRow.id)
        for row in session.scalars(known.with_for_update(key_share=True)):
            try:
                row.factor_secret = vault.renew(row.factor_secret or "", PURPOSE, row.id)
            except InvalidToken:
                unreadable.append(row.email)
    return unreadable


def _use_app_code(vault: Vault, row: UserRow, code: str, now: datetime) -> bool:
    if row.wrong_codes >= MAX_WRONG_CODES:
        return False
    try:
        period = _period(_open(vault, row.id, row.factor_secret or ""), code, now)
    except (WrongCodeError, InvalidToken):
        return False
    if period <= (row.factor_used or 0):
        return False
    row.factor_used = period
    return True


def _use_recovery_code(session: Session, user_id: int, code: str) -> bool:
    plain = "".join(filter(str.isalnum, code)).lower()
    matching = (RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.code_hash == hash_token(plain))
    used = session.scalar(delete(RecoveryCodeRow).where(*matching).returning(RecoveryCodeRow.user_id))
    return used is not None


def _renew_recovery_codes(session: Session, user_id: int) -> Sequence[str]:
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    codes = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCodeRow(user_id=user_id, code_hash=hash_token(code)) for code in codes)
    return ["-".join(wrap(code, CODE_GROUP_LENGTH)) for code in codes]


def _remove(session: Session, row: UserRow, what: str, *, actor: str, now: datetime) -> None:
    row.factor_secret, row.factor_used, row.wrong_codes = None, None, 0
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == row.id))
    users.add_audit_entry(session, what, actor=actor, now=now)
    message = msg("Signing in to {email} now only requires the password.", email=row.email)
    account_alerts.queue(session, row.email, msg("Second factor removed from your account"), message, now=now)


def _period(secret: str, code: str, now: datetime) -> int:
    """Return the half-minute period of a code. Raises WrongCodeError if the code is of another time."""
    try:
        digits, at = "".join(code.split()), int(now.timestamp())
        return TOTP(secret).verify_and_get_timecode(digits, for_time=at, valid_window=CLOCK_TOLERANCE_PERIODS)
    except OTPVerificationError:
        raise WrongCodeError from None


def _open(vault: Vault, user_id: int, sealed: str) -> str:
    """Decrypt a secret. Raises InvalidToken if it belongs to another user or is not one."""
    return vault.decrypt(sealed, PURPOSE, user_id)
