"""Passwords: hashed by argon2, with the library's present parameters; older hashes are renewed at sign-in."""

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from i18n.messages import msg

MIN_LENGTH, MAX_LENGTH = 12, 200
"""Characters of a password; there is no other rule."""

_hasher = PasswordHasher()


class InvalidInputError(ValueError):
    """What was given cannot be taken; ``field`` names it, and the message says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def hash_new(password: str) -> str:
    """Hash a password that somebody chose. Raises InvalidInputError where it is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInputError(
            "password", msg("A password has {fewest} to {most} characters.", fewest=MIN_LENGTH, most=MAX_LENGTH)
        )
    return hash_password(password)


def hash_password(password: str) -> str:
    return _hasher.hash(_plain(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Tell whether this is the password; it takes as long where there is none."""
    try:
        return _hasher.verify(password_hash or _dummy_hash(), _plain(password)) and password_hash is not None
    except VerifyMismatchError:
        return False


def needs_rehash(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)


def generate() -> str:
    return secrets.token_urlsafe(15)


def _plain(password: str) -> str:
    """Make one of the ways in which keyboards write the same letter."""
    return unicodedata.normalize("NFKC", password)


@cache
def _dummy_hash() -> str:
    return hash_password(secrets.token_hex())
