"""Passwords: chosen as NIST SP 800-63B advises, hashed by argon2 with the library's present parameters.

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
"""Characters of a password; which ones is for people to say."""

MIN_GUESSES = 10**8
"""Tries that it must take somebody who begins with the commonest passwords, and with what is known of the user."""

JUDGED_LENGTH = 20
"""Characters of which that is judged: of more, a hostile mixture would take seconds."""

OWN_WORDS = ("moment", "24sevenoffice")

AT_ONCE, IN_LINE = 2, 12
"""Passwords that a process hashes at once, at 64 MiB each, and threads that it lets work at or wait for one."""

NICENESS = 10
"""Of the threads that hash: each hash keeps every core busy for a tenth of a second, and webhooks go first."""

EASILY_GUESSED = msg(
    "This password is too easy to guess: it is common, follows a simple pattern or is based on the email address."
)

_hasher = PasswordHasher()
_at_once, _in_line = BoundedSemaphore(AT_ONCE), BoundedSemaphore(IN_LINE)


def _stand_back() -> None:
    with suppress(OSError):  # elsewhere than on Linux a thread has no priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_threads = ThreadPoolExecutor(AT_ONCE, "passwords", _stand_back)


class TooManyPasswordsError(Exception):
    """More passwords are to be hashed than a process can; nothing was looked at or changed."""


class InvalidInputError(ValueError):
    """What was given cannot be taken; ``errors`` says why, by the names of the fields."""

    def __init__(self, **errors: str) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@contextmanager
def gather(errors: dict[str, str]) -> Iterator[None]:
    """Keep what is refused in the block, so that a person learns everything that is wrong at once."""
    try:
        yield
    except InvalidInputError as error:
        errors |= error.errors


def refuse(errors: Mapping[str, str]) -> None:
    """Raise InvalidInputError where something was gathered."""
    if errors:
        raise InvalidInputError(**errors)


def hash_new(password: str, *, email: str) -> str:
    """Hash a password that somebody chose for the user with this address. Raises as :func:`check` does."""
    check(password, email=email)
    return hash_password(password)


def check(password: str, *, email: str) -> None:
    """Refuse what may not be the password of the user with this address.

    Raises InvalidInputError where it is too short, too long or easily guessed, and TooManyPasswordsError.
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
    """Return whether this is the password; it takes as long where there is none. Raises TooManyPasswordsError."""
    if len(password) > MAX_LENGTH:  # nobody has one; it takes as long nonetheless
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
    """Wait for a turn to hash, in a line that is short enough to leave threads for everything else."""
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
    """Make one of the ways in which keyboards write the same letter."""
    return unicodedata.normalize("NFKC", password)


@cache
def _dummy_hash() -> str:
    return hash_password(secrets.token_hex())
