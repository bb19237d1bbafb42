from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from i18n.catalog import Language
from i18n.messages import translate
from models.connections.repository import Connections
from models.database import Database
from models.enums import Role, Scope
from models.invalid_input import InvalidInputError
from models.schema.tables import AuditRow
from models.users import repository as users
from models.users.repository import LastAdministratorError, Rights, UnknownUserError
from tests.factories import NOW, settings
from tests.models.users.accounts import add_user, check_password


def audit(database: Database) -> list[str]:
    with database.transaction() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.connection_id.is_(None)).order_by(AuditRow.id))
        return [f"{row.actor} {translate(row.action, Language.ENGLISH)}" for row in rows]


def test_an_address_is_checked_and_found_in_any_spelling(database: Database) -> None:
    user = add_user(database, " Anna@Example.COM ")
    assert user.email == "anna@example.com"
    assert users.get_by_email(database, "ANNA@example.com") == users.get(database, user.id) == user
    assert check_password(database, email="Anna@EXAMPLE.com") == user.id


def test_disabling_or_enabling_a_user_twice_is_recorded_once(database: Database) -> None:
    add_user(database, "eva@example.com")
    user = add_user(database)
    for _ in range(2):
        users.disable(database, user.id, actor="eva", now=NOW)
    for _ in range(2):
        users.enable(database, user.id, actor="eva", now=NOW)
    assert audit(database)[2:] == [
        "eva Disabled the user anna@example.com",
        "eva Enabled the user anna@example.com",
    ]


@pytest.mark.parametrize(
    "email", ["", "anna", "anna@", "@example.com", "a b@example.com", "anna@example.com\n.no"]
)
def test_an_invalid_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add_user(database, email)
    assert list(refused.value.errors) == ["email"]


def test_an_address_is_unique(database: Database) -> None:
    add_user(database)
    with pytest.raises(InvalidInputError, match="already"):
        add_user(database, "ANNA@example.com")


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_a_password_is_neither_too_short_nor_too_long(database: Database, password: str) -> None:
    user = add_user(database)
    with pytest.raises(InvalidInputError, match="15 to 200"):
        users.set_password(database, user.id, password, actor="test", now=NOW)
    assert check_password(database) == user.id


def test_a_user_is_limited_to_existing_connections(database: Database, connections: Connections) -> None:
    demo, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    user = add_user(database, rights=Rights(Role.OPERATOR, Scope(frozenset({demo.id}))))
    assert users.get(database, user.id).rights.scope == Scope(frozenset({demo.id}))
    for ids in (set[int](), {demo.id, 4711}):
        with pytest.raises(InvalidInputError) as refused:
            users.update(database, user.id, Rights(Role.VIEWER, Scope(frozenset(ids))), actor="test", now=NOW)
        assert "connections" in refused.value.errors
    assert users.all_users(database) == [user]


def test_changes_of_users_are_in_the_audit_log(database: Database, connections: Connections) -> None:
    demo, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    add_user(database)
    user = add_user(database, "per@example.com", Rights(Role.VIEWER, Scope(frozenset({demo.id}))))
    users.update(database, user.id, Rights(Role.OPERATOR, Scope()), actor="anna", now=NOW)
    users.set_password(database, user.id, "another horse battery", actor="anna", now=NOW)
    users.disable(database, user.id, actor="anna", now=NOW)
    users.enable(database, user.id, actor="anna", now=NOW)
    assert audit(database) == [
        "test Added the user anna@example.com: administrator of all connections",
        "test Added the user per@example.com: viewer of Demo AS",
        "anna Changed the user per@example.com: operator of all connections",
        "anna Set a new password for the user per@example.com",
        "anna Disabled the user per@example.com",
        "anna Enabled the user per@example.com",
    ]


def test_one_administrator_of_everything_remains(database: Database, connections: Connections) -> None:
    demo, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    of_demo = Scope(frozenset({demo.id}))
    anna = add_user(database)
    add_user(database, "per@example.com", Rights(Role.ADMINISTRATOR, of_demo))
    for rights in (Rights(Role.OPERATOR, Scope()), Rights(Role.ADMINISTRATOR, of_demo)):
        with pytest.raises(LastAdministratorError):
            users.update(database, anna.id, rights, actor="test", now=NOW)
    with pytest.raises(LastAdministratorError):
        users.disable(database, anna.id, actor="test", now=NOW)
    assert users.get(database, anna.id) == anna
    eva = add_user(database, "eva@example.com")
    users.disable(database, anna.id, actor="test", now=NOW)
    with pytest.raises(LastAdministratorError):
        users.disable(database, eva.id, actor="test", now=NOW)


def test_two_administrators_cannot_disable_each_other_at_once(database: Database) -> None:
    ids = [add_user(database, f"{name}@example.com").id for name in ("anna", "eva")]

    def disable(user_id: int) -> bool:
        try:
            users.disable(database, user_id, actor="test", now=NOW)
        except LastAdministratorError:
            return False
        return True

    with ThreadPoolExecutor() as both:
        assert sorted(both.map(disable, ids)) == [False, True]


def test_a_missing_user_is_unknown(database: Database) -> None:
    for verb in (users.disable, users.enable):
        with pytest.raises(UnknownUserError):
            verb(database, 4711, actor="test", now=NOW)
    with pytest.raises(UnknownUserError):
        users.get_by_email(database, "nobody@example.com")
