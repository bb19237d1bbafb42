import unicodedata

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, event, select, update

from models.database import Database
from models.schema.user_tables import UserRow
from models.users import passwords, sessions
from models.users import repository as users
from models.users import sign_in as users_sign_in
from models.users.proofs import Proof
from models.users.sessions import SessionDetails
from models.users.sign_in import OpenIdIdentity, SignInRefusedError
from tests.factories import NOW
from tests.models.users.accounts import EVERYTHING, PASSWORD, add_user, check_password

ISSUER = "https://login.example"


def test_a_password_may_be_typed_on_another_keyboard(database: Database) -> None:
    user = add_user(database)
    users.set_password(database, user.id, "blåbærsyltetøy!", actor="test", now=NOW)
    assert check_password(database, unicodedata.normalize("NFD", "blåbærsyltetøy!")) == user.id


def test_a_wrong_password_or_an_unknown_or_disabled_user_is_refused(database: Database) -> None:
    add_user(database, "eva@example.com")
    user = add_user(database)
    users.add(database, "per@example.com", EVERYTHING, password=None, actor="test", now=NOW)
    for email, password in (
        ("anna@example.com", "wrong"),
        ("per@example.com", ""),
        ("nobody@example.com", PASSWORD),
    ):
        with pytest.raises(SignInRefusedError):
            check_password(database, password, email)
    users.disable(database, user.id, actor="test", now=NOW)
    with pytest.raises(SignInRefusedError):
        check_password(database)


def test_a_refusal_makes_the_same_number_of_writes_whether_or_not_the_user_exists(database: Database) -> None:
    add_user(database)
    writes: list[str] = []

    def commit(_: Connection) -> None:
        writes.append(email)

    event.listen(Engine, "commit", commit)
    try:
        for email in ("anna@example.com", "nobody@example.com"):
            with pytest.raises(SignInRefusedError):
                check_password(database, "wrong", email)
    finally:
        event.remove(Engine, "commit", commit)
    assert writes.count("anna@example.com") == writes.count("nobody@example.com") == 2


def test_a_password_with_older_parameters_is_rehashed_at_sign_in(
    database: Database, monkeypatch: pytest.MonkeyPatch, real_hasher: PasswordHasher
) -> None:
    monkeypatch.setattr(passwords, "_hasher", real_hasher)
    user, older = add_user(database), PasswordHasher(time_cost=1, memory_cost=1024)
    with database.transaction() as session:
        session.execute(update(UserRow).values(password_hash=older.hash("short")))
    assert check_password(database, "short") == user.id
    with database.transaction() as session:
        password_hash = session.scalars(select(UserRow.password_hash)).one()
    assert password_hash
    assert not PasswordHasher().check_needs_rehash(password_hash)
    assert check_password(database, "short") == user.id


def test_a_providers_user_is_found_by_address_once_then_by_subject(database: Database) -> None:
    user = add_user(database)
    assert (
        users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", "Anna@Example.com"), now=NOW)
        == user.id
    )
    assert users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", ""), now=NOW) == user.id
    for stranger in (OpenIdIdentity(ISSUER, "4712", "anna@example.com"), OpenIdIdentity(ISSUER, "4713", "")):
        with pytest.raises(SignInRefusedError):
            users_sign_in.find_openid_user(database, stranger, now=NOW)


def test_another_provider_identifies_users_again(database: Database) -> None:
    user = add_user(database)
    users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", user.email), now=NOW)
    with pytest.raises(SignInRefusedError):
        users_sign_in.find_openid_user(database, OpenIdIdentity("https://other.example", "4711", ""), now=NOW)
    assert (
        users_sign_in.find_openid_user(database, OpenIdIdentity("https://other.example", "1", user.email), now=NOW)
        == user.id
    )


def test_signing_in_creates_no_user(database: Database) -> None:
    user = add_user(database)
    add_user(database, "eva@example.com")
    with pytest.raises(SignInRefusedError):
        users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", "stranger@example.com"), now=NOW)
    users.disable(database, user.id, actor="test", now=NOW)
    with pytest.raises(SignInRefusedError):
        users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", user.email), now=NOW)
    assert len(users.all_users(database)) == 2


def test_a_providers_user_disabled_meanwhile_is_refused(database: Database) -> None:
    add_user(database, "eva@example.com")
    user = add_user(database)
    proof = Proof(users_sign_in.find_openid_user(database, OpenIdIdentity(ISSUER, "4711", user.email), now=NOW))
    users.disable(database, user.id, actor="test", now=NOW)
    details = SessionDetails(by_openid=True)
    with pytest.raises(SignInRefusedError):
        users_sign_in.complete(database, proof, details=details, device_token="x", instead_of="", now=NOW)
    assert sessions.of_user(database, user, now=NOW) == []
