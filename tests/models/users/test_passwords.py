import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from models.invalid_input import InvalidInputError
from models.users import passwords
from models.users.passwords import HASHING_THREADS, MAX_LENGTH, MAX_WAITING_THREADS, TooManyPasswordsError


class SlowHasher:
    """Blocks every hash until released, and counts how many were requested at once."""

    def __init__(self) -> None:
        self.may_end, self.full, self.running, self.most = Event(), Event(), 0, 0
        self.asked = 0
        self._lock = Lock()

    def verify(self, _password_hash: str, _password: str) -> bool:
        return bool(self.hash(""))

    def hash(self, _password: str) -> str:
        with self._lock:
            self.running, self.asked = self.running + 1, self.asked + 1
            self.most = max(self.most, self.running)
            if self.running == HASHING_THREADS:
                self.full.set()
        assert self.may_end.wait(20)
        with self._lock:
            self.running -= 1
        return "hash"


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHasher]:
    hasher = SlowHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "_dummy_hash", lambda: "hash")
    yield hasher
    hasher.may_end.set()


def test_few_passwords_are_hashed_at_once_and_a_long_queue_is_rejected(hasher: SlowHasher) -> None:
    ready = Barrier(MAX_WAITING_THREADS + 1)

    def ask(number: int) -> None:
        ready.wait(20)
        if number % 2:
            passwords.hash_new("correct horse battery", email="")
        else:
            passwords.verify("hash", "correct horse battery")

    with ThreadPoolExecutor(MAX_WAITING_THREADS) as pool:
        asked = [pool.submit(ask, number) for number in range(MAX_WAITING_THREADS)]
        ready.wait(20)
        assert hasher.full.wait(20)
        while passwords._waiting._value:  # noqa: SLF001 - until all have come
            pass
        with pytest.raises(TooManyPasswordsError):
            passwords.verify("hash", "correct horse battery")
        hasher.may_end.set()
        for each in asked:
            each.result(20)
    assert (hasher.most, hasher.asked) == (HASHING_THREADS, MAX_WAITING_THREADS)
    assert passwords.verify("hash", "correct horse battery")


def test_an_overlong_password_is_refused_after_the_usual_time(hasher: SlowHasher) -> None:
    hasher.may_end.set()
    assert not passwords.verify("hash", "x" * MAX_LENGTH + "x")
    assert hasher.asked == 1


def test_hashing_runs_at_a_low_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasher:
        def hash(self, _password: str) -> str:
            return str(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    monkeypatch.setattr(passwords, "_hasher", Hasher())
    assert int(passwords.hash_password("correct horse battery")) > os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "password12345678",
        "qwertyuiopasdfgh",
        "123456789012345",
        "aaaaaaaaaaaaaaaa",
        "iloveyouforever1",
        "moment24sevenoffice",
        "anna.nordmann@firm.no",
        "ANNA.NORDMANN@FIRM.NO",
    ],
)
def test_an_easily_guessed_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidInputError, match="too easy to guess"):
        passwords.hash_new(password, email="anna.nordmann@firm.no")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "blåbær med fløte", "4 2 7 1 9 3 8 6 5 0", "t9Zf_uhvbwlJb0oZNbDx"]
)
def test_a_password_may_have_any_characters(password: str) -> None:
    assert passwords.verify(passwords.hash_new(password, email="anna.nordmann@firm.no"), password)


def test_a_hostile_password_is_judged_quickly() -> None:
    before = time.process_time()
    passwords.hash_new("4@8({[<369&#!1/|0$5+7%2/" * 8, email="anna.nordmann@firm.no")
    assert time.process_time() - before < 1  # judging all its characters would take minutes
