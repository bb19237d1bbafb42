from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, BoundedSemaphore

import pytest
from sqlalchemy import func, select

from models.database import Database
from models.schema.user_tables import FailedSignInRow
from models.users import passwords, sign_in, throttle
from models.users.repository import User
from models.users.sign_in import SignInRefusedError
from models.users.throttle import (
    MAX_FAILURES_PER_ACCOUNT,
    MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS,
    MAX_FAILURES_PER_ADDRESS,
    MAX_SIGN_INS,
    WINDOW,
    TooManySignInsError,
    caller,
)
from tests.factories import NOW
from tests.models.users.accounts import PASSWORD, add_user

HERE, THERE = "192.0.2.1", "198.51.100.1"


def refuse(database: Database, times: int, *, email: str = "anna@example.com", address: str = HERE) -> None:
    for _ in range(times):
        throttle.record_attempt(database, caller(email, address), now=NOW)


def is_open(
    database: Database, *, email: str = "anna@example.com", address: str = HERE, now: datetime = NOW
) -> bool:
    try:
        throttle.record_attempt(database, caller(email, address), now=now)
    except TooManySignInsError:
        return False
    return True


def test_an_account_is_locked_for_one_address_but_open_to_others(database: Database) -> None:
    refuse(database, MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS)
    assert not is_open(database)
    assert not is_open(database, email=" ANNA@example.com")
    assert is_open(database, address=THERE)
    assert is_open(database, email="per@example.com")


def test_an_address_that_tries_many_accounts_is_locked_out_of_all(database: Database) -> None:
    for number in range(MAX_FAILURES_PER_ADDRESS):
        refuse(database, 1, email=f"{number}@example.com")
    assert not is_open(database)
    assert is_open(database, address=THERE)


def test_if_addresses_are_unknown_only_one_account_is_locked(database: Database) -> None:
    for number in range(MAX_FAILURES_PER_ADDRESS):
        refuse(database, 1, email=f"{number}@example.com", address="")
    refuse(database, MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS, address="")
    assert not is_open(database, address="")
    assert is_open(database, email="per@example.com", address="")
    assert is_open(database)


def test_an_account_that_many_addresses_try_is_locked(database: Database) -> None:
    for number in range(MAX_FAILURES_PER_ACCOUNT):
        refuse(database, 1, address=f"198.51.100.{number}")
    assert not is_open(database)
    assert is_open(database, email="per@example.com")


def test_the_lock_ends_however_often_it_was_tried_meanwhile(database: Database) -> None:
    refuse(database, MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS)
    for minutes in range(15):
        assert not is_open(database, now=NOW + timedelta(minutes=minutes))
    assert is_open(database, now=NOW + WINDOW)


def test_a_sign_in_with_the_right_password_resets_the_count(database: Database) -> None:
    add_user(database)
    for _ in range(3):
        for password in ("wrong",) * (MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS - 1):
            with pytest.raises(SignInRefusedError):
                sign_in.check_password(database, "anna@example.com", password, address=HERE, now=NOW)
        sign_in.check_password(database, "anna@example.com", PASSWORD, address=HERE, now=NOW)


def test_parallel_sign_ins_are_limited_as_sequential_ones_are(database: Database) -> None:
    together = Barrier(10)

    def attempt(_: int) -> bool:
        together.wait(20)
        return is_open(database)

    with ThreadPoolExecutor(10) as pool:
        let_through = [*pool.map(attempt, range(30))]
    assert sum(let_through) == MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS


def sign_in_from(database: Database, address: str, *, email: str = "anna@example.com") -> None:
    sign_in.check_password(database, email, PASSWORD, address=address, now=NOW)


@pytest.fixture
def anna(database: Database) -> User:
    return add_user(database)


@pytest.mark.usefixtures("anna")
def test_endless_successful_sign_ins_are_throttled_for_their_address(database: Database) -> None:
    for _ in range(MAX_SIGN_INS):
        sign_in_from(database, HERE)
    with pytest.raises(TooManySignInsError):
        sign_in_from(database, HERE)
    sign_in_from(database, THERE)
    assert is_open(database, email="per@example.com")
    sign_in.check_password(database, "anna@example.com", PASSWORD, address=HERE, now=NOW + WINDOW)


@pytest.mark.usefixtures("anna")
def test_a_sign_in_turned_away_under_load_counts_as_no_wrong_password(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_waiting", BoundedSemaphore(1))
        with passwords._turn():  # noqa: SLF001 - another user's
            for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS + 1):
                with pytest.raises(passwords.TooManyPasswordsError):
                    sign_in_from(database, HERE)
    sign_in_from(database, HERE)


@pytest.mark.usefixtures("anna")
def test_a_right_password_clears_no_attempt_that_began_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = passwords.verify

    def slowly(*arguments: str) -> bool:
        monkeypatch.setattr(passwords, "verify", verify)
        refuse(database, MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS - 1)
        return verify(*arguments)

    monkeypatch.setattr(passwords, "verify", slowly)
    sign_in_from(database, HERE)
    assert [is_open(database) for _ in range(2)] == [True, False]


def test_the_addresses_of_one_subscriber_count_as_one() -> None:
    assert caller("", "2001:db8::1") == caller("", "2001:db8::ffff:1")
    assert caller("", "2001:db8::1") != caller("", "2001:db8:0:1::1")
    assert caller("", "::ffff:192.0.2.1") == caller("", "192.0.2.1")
    assert caller("", "unix") != caller("", "")


def test_input_that_may_be_a_password_is_not_stored(database: Database) -> None:
    refuse(database, 1, email=PASSWORD)
    with database.transaction() as session:
        assert session.scalars(select(FailedSignInRow.email)).all() == [""]


def test_outdated_attempts_are_deleted(database: Database) -> None:
    refuse(database, 2)
    throttle.record_attempt(database, caller("per@example.com", HERE), now=NOW + WINDOW)
    throttle.delete_old(database, now=NOW + WINDOW)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(FailedSignInRow)) == 1
