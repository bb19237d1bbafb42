"""Passwords: checked as NIST SP 800-63B recommends, hashed by argon2 with the library's current parameters.

Older hashes are renewed at sign-in.
"""

import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from i18n.messages import msg
from models.invalid_input import InvalidInputError

MIN_LENGTH, MAX_LENGTH = 15, 200
"""The length of a password, in characters; all characters are allowed."""

MIN_GUESSES = 10**8
"""The guesses that a password must withstand, which begin with common passwords and data about the user."""

JUDGED_LENGTH = 20
"""How many characters of a password are judged; judging a long hostile one would take seconds."""

OWN_WORDS = ("moment", "24sevenoffice")

HASHING_THREADS, MAX_WAITING_THREADS = 2, 12
"""Passwords that a process hashes at the same time, at 64 MiB each, and threads that may hash or wait for it."""

NICENESS = 10
"""The nice value of the hashing threads: a hash uses all cores for a tenth of a second, and webhooks go first."""

EASILY_GUESSED = msg(
    "This password is too easy to guess: it is common, follows a simple pattern or is based on the email address."
)

_hasher = PasswordHasher()
_hashing, _waiting = BoundedSemaphore(HASHING_THREADS), BoundedSemaphore(MAX_WAITING_THREADS)


def _lower_priority() -> None:
    with suppress(OSError):  # only Linux has priorities of threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_threads = ThreadPoolExecutor(HASHING_THREADS, "passwords", _lower_priority)


class TooManyPasswordsError(Exception):
    """Too many passwords are being hashed; nothing was checked or changed."""


def hash_new(password: str, *, email: str) -> str:
    """Hash a new password of the user with this address. Raises the errors of :func:`check`."""
    check(password, email=email)
    return hash_password(password)


def check(password: str, *, email: str) -> None:
    """Check a new password of the user with this address.

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
    """Wait for a turn to hash, in a queue that is short enough to leave threads for other requests."""
    if not _waiting.acquire(blocking=False):
        raise TooManyPasswordsError
    try:
        with _hashing:
            yield
    finally:
        _waiting.release()


def _is_easily_guessed(password: str, email: str) -> bool:
    from zxcvbn import zxcvbn

    known = [email, *(word for word in re.split(r"[^a-z0-9]+", email) if word), *OWN_WORDS]
    judged = zxcvbn(password[:JUDGED_LENGTH], user_inputs=[word[:JUDGED_LENGTH] for word in known])
    return bool(judged["guesses"] < MIN_GUESSES)


def _plain(password: str) -> str:
    """Normalize the different encodings that keyboards use for the same letter."""
    return unicodedata.normalize("NFKC", password)


@cache
def _dummy_hash() -> str:
    return hash_password(secrets.token_hex())
