"""Passwords: checked as NIST SP 800-63B advises, hashed by argon2 with the library's current parameters.

Older hashes are renewed at sign-in.
"""

import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from i18n.messages import msg

MIN_LENGTH, MAX_LENGTH = 15, 200
"""The length of a password, in characters; any characters are allowed."""

MIN_GUESSES = 10**8
"""Minimum number of guesses for an attacker who starts with common passwords and what is known of the user."""

JUDGED_LENGTH = 20
"""Number of characters whose strength is estimated: a longer hostile password would take seconds."""

OWN_WORDS = ("moment", "24sevenoffice")

AT_ONCE, IN_LINE = 2, 12
"""Passwords that a process hashes at once, at 64 MiB each, and threads that may hash or wait for it."""

NICENESS = 10
"""Nice value of the hashing threads: a hash uses every core for a tenth of a second, and webhooks go first."""

EASILY_GUESSED = msg(
    "This password is too easy to guess: it is common, follows a simple pattern or is based on the email address."
)

_hasher = PasswordHasher()
_at_once, _in_line = BoundedSemaphore(AT_ONCE), BoundedSemaphore(IN_LINE)


def _stand_back() -> None:
    with suppress(OSError):  # threads have their own priority only on Linux
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_threads = ThreadPoolExecutor(AT_ONCE, "passwords", _stand_back)


class TooManyPasswordsError(Exception):
    """Too many passwords are being hashed already; nothing was checked or changed."""


class InvalidInputError(ValueError):
    """The input is invalid; ``errors`` says why, by field."""

    def __init__(self, **errors: str) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@contextmanager
def gather(errors: dict[str, str]) -> Iterator[None]:
    """Collect the errors raised in the block, so that a person sees all of them at once."""
    try:
        yield
    except InvalidInputError as error:
        errors |= error.errors


def refuse(errors: Mapping[str, str]) -> None:
    """Raise InvalidInputError if there are errors."""
    if errors:
        raise InvalidInputError(**errors)


def hash_new(password: str, *, email: str) -> str:
    """Hash a password chosen for the user with this address. Raises as :func:`check` does."""
    check(password, email=email)
    return hash_password(password)


def check(password: str, *, email: str) -> None:
    """Refuse a password that the user with this address may not have.

    Raises InvalidInputError if it is too short, too long or easily guessed, and TooManyPasswordsError.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        wrong = msg("Passwords must have {fewest} to {most} characters.", fewest=MIN_LENGTH, most=MAX_LENGTH)
        raise InvalidInputError(password=wrong)
    with _turn():
        if _is_easily_guessed(_plain(password), email):
            raise InvalidInputError(password=EASILY_GUESSED)


def hash_password(password: str) -> str:
    """Hash a password. Raises TooManyPasswordsError."""
    with _turn():
        return _threads.submit(_hasher.hash, _plain(password)).result()


def verify(password_hash: str | None, password: str) -> bool:
    """Return whether this is the password, in the same time if there is none. Raises TooManyPasswordsError."""
    if len(password) > MAX_LENGTH:  # never a valid one; take the same time anyway
        password_hash, password = None, password[:MAX_LENGTH]
    expected = password_hash or _dummy_hash()
    try:
        with _turn():
            same = _threads.submit(_hasher.verify, expected, _plain(password)).result()
            return same and password_hash is not None
    except VerifyMismatchError:
        return False


def needs_rehash(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)


def generate() -> str:
    return secrets.token_urlsafe(15)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for a turn to hash, in a queue short enough to leave threads for everything else."""
    if not _in_line.acquire(blocking=False):
        raise TooManyPasswordsError
    try:
        with _at_once:
            yield
    finally:
        _in_line.release()


def _is_easily_guessed(password: str, email: str) -> bool:
    from zxcvbn import zxcvbn

    known = [email, *(word for word in re.split(r"[^a-z0-9]+", email) if word), *OWN_WORDS]
    judged = zxcvbn(password[:JUDGED_LENGTH], user_inputs=[word[:JUDGED_LENGTH] for word in known])
    return bool(judged["guesses"] < MIN_GUESSES)


def _plain(password: str) -> str:
    """Unify the ways in which keyboards write the same letter."""
    return unicodedata.normalize("NFKC", password)


@cache
def _dummy_hash() -> str:
    return hash_password(secrets.token_hex())
