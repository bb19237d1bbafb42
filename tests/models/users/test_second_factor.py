from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from pyotp import TOTP
from sqlalchemy import select, text

from models.connections.vault import Vault
from models.database import Database
from models.schema.user_tables import RecoveryCodeRow, UserRow
from models.users import repository as users
from models.users import second_factor, sessions, sign_in, throttle
from models.users.repository import User
from models.users.second_factor import MAX_WRONG_CODES, RECOVERY_CODES, WrongCodeError
from models.users.sign_in import SignInRefusedError
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS, TooManySignInsError
from tests.factories import NOW
from tests.models.users.accounts import PASSWORD, add_user

PERIOD = timedelta(seconds=30)
LATER = NOW + 10 * PERIOD
OLD_KEY, KEY = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))


@dataclass(frozen=True)
class Phone:
    """The phone of a user whose second factor is set up, and their recovery codes."""

    database: Database
    vault: Vault
    user: User
    secret: str
    recovery_codes: Sequence[str]

    def code(self, at: datetime = LATER) -> str:
        return TOTP(self.secret).at(at)

    def opens(self, code: str, *, now: datetime = LATER) -> bool:
        return second_factor.use_code(self.database, self.vault, self.user.id, code, now=now)


@pytest.fixture
def vault() -> Vault:
    return Vault([OLD_KEY])


@pytest.fixture
def user(database: Database) -> User:
    return add_user(database)


@pytest.fixture
def phone(database: Database, vault: Vault, user: User) -> Phone:
    offered = second_factor.offer(vault, user)
    secret, _ = second_factor.app_key(vault, user, offered)
    codes = second_factor.set_up(database, vault, user, offered, TOTP(secret).at(NOW), now=NOW)
    return Phone(database, vault, user, secret, codes)


def test_a_factor_is_set_up_with_a_code_from_the_app(database: Database, vault: Vault, user: User) -> None:
    offered = second_factor.offer(vault, user)
    key, address = second_factor.app_key(vault, user, offered)
    assert f"secret={key}" in address
    assert "anna%40example.com" in address
    with pytest.raises(WrongCodeError):
        second_factor.set_up(database, vault, user, offered, TOTP(key).at(LATER), now=NOW)
    assert not users.get(database, user.id).has_factor
    second_factor.set_up(database, vault, user, offered, TOTP(key).at(NOW), now=NOW)
    assert users.get(database, user.id).has_factor


def test_a_factor_cannot_be_set_up_for_another_user_or_twice(phone: Phone) -> None:
    database, vault = phone.database, phone.vault
    eva = users.add(database, "eva@example.com", phone.user.rights, password=None, actor="test", now=NOW)
    for offered in (
        second_factor.offer(vault, phone.user),
        vault.encrypt_values({"password": "x"}, "else"),
        "nonsense",
    ):
        with pytest.raises(InvalidToken):
            second_factor.set_up(database, vault, eva, offered, "123456", now=NOW)
    offered = second_factor.offer(vault, phone.user)
    key, _ = second_factor.app_key(vault, phone.user, offered)
    with pytest.raises(WrongCodeError):
        second_factor.set_up(database, vault, phone.user, offered, TOTP(key).at(NOW), now=NOW)


def test_a_code_is_valid_once_and_invalidates_earlier_ones(phone: Phone) -> None:
    assert not phone.opens(phone.code(NOW), now=NOW)  # the factor was set up with this code
    assert phone.opens(f" {phone.code()[:3]} {phone.code()[3:]} ")
    assert not phone.opens(phone.code())
    assert not phone.opens(phone.code(LATER - PERIOD))
    assert phone.opens(phone.code(LATER + PERIOD))


def test_a_clock_may_be_wrong_by_half_a_minute(phone: Phone) -> None:
    for away in (-2 * PERIOD, 2 * PERIOD):
        assert not phone.opens(phone.code(LATER + away))
    assert phone.opens(phone.code(LATER - PERIOD))


def test_a_recovery_code_is_valid_once_however_it_is_typed(phone: Phone) -> None:
    first, second, *others = phone.recovery_codes
    assert len({*phone.recovery_codes}) == RECOVERY_CODES
    assert phone.opens(first)
    assert not phone.opens(first)
    assert phone.opens(second.replace("-", " ").upper())
    assert second_factor.recovery_codes_left(phone.database, phone.user.id) == len(others)
    new = second_factor.new_recovery_codes(phone.database, phone.user, now=NOW)
    assert not phone.opens(others[0])
    assert phone.opens(new[0])


def test_the_database_reveals_neither_the_secret_nor_a_recovery_code(phone: Phone) -> None:
    with phone.database.transaction() as session:
        kept = f"{session.scalars(select(UserRow.factor_secret)).all()}{session.scalars(select(RecoveryCodeRow.code_hash)).all()}"
    assert [code for code in (phone.secret, *phone.recovery_codes) if code.replace("-", "") in kept] == []


def test_a_secret_is_useless_in_another_users_row(phone: Phone) -> None:
    eva = users.add(phone.database, "eva@example.com", phone.user.rights, password=None, actor="test", now=NOW)
    copy = text("update users set factor_secret = (select factor_secret from users where id = :a) where id = :b")
    with phone.database.transaction() as session:
        session.execute(copy, {"a": phone.user.id, "b": eva.id})
    assert not second_factor.use_code(phone.database, phone.vault, eva.id, phone.code(), now=LATER)


def test_too_many_wrong_codes_block_the_app(phone: Phone) -> None:
    for _ in range(MAX_WRONG_CODES):
        assert not phone.opens("000000" if phone.code() != "000000" else "000001")
    assert not phone.opens(phone.code())
    assert phone.opens(phone.recovery_codes[0])
    assert phone.opens(phone.code())


def test_a_password_alone_does_not_allow_more_guesses(phone: Phone) -> None:
    database, email, here = phone.database, phone.user.email, "192.0.2.1"
    for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS - 1):
        with pytest.raises(SignInRefusedError):
            sign_in.check_code(database, phone.vault, phone.user, "000000", address=here, now=LATER)
    assert sign_in.check_password(database, email, PASSWORD, address=here, now=LATER).user_id == phone.user.id
    with pytest.raises(TooManySignInsError):
        sign_in.check_code(database, phone.vault, phone.user, phone.code(), address=here, now=LATER)
    later = LATER + throttle.WINDOW
    sign_in.check_code(database, phone.vault, phone.user, phone.code(later), address=here, now=later)


def test_a_lost_phone_is_removed_from_the_account_and_signed_out(phone: Phone) -> None:
    token = sessions.start(phone.database, phone.user.id, now=NOW)
    second_factor.reset(phone.database, phone.user.id, actor="eva@example.com", now=NOW)
    assert not users.get(phone.database, phone.user.id).has_factor
    assert sessions.find(phone.database, token, now=NOW) is None
    assert not phone.opens(phone.code())
    assert not phone.opens(phone.recovery_codes[0])
    with pytest.raises(users.UnknownUserError):
        second_factor.reset(phone.database, 4711, actor="test", now=NOW)


def test_second_factors_work_after_a_key_rotation(phone: Phone) -> None:
    second_factor.rotate_keys(phone.database, Vault([KEY, OLD_KEY]))
    assert second_factor.use_code(phone.database, Vault([KEY]), phone.user.id, phone.code(), now=LATER)
