from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from models.errands import Asked, Errands
from models.vault import Vault
from tests.factories import NOW

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection

TYPED = {"username": "demo@example.com", "password": "typed-password"}


@pytest.fixture
def errands(database: Database) -> Errands:
    return Errands(database, Vault([SecretStr(Fernet.generate_key().decode())]))


def rows(database: Database) -> str:
    with database.transaction() as session:
        return str(session.execute(text("select * from errands")).all())


def test_what_was_typed_is_known_until_there_is_an_answer_and_then_without_its_secrets(
    database: Database, errands: Errands, connection: Connection
) -> None:
    number = errands.ask(Asked.CLIENTS, connection.id, typed=TYPED, who="kari", now=NOW)
    asked = errands.get(number)
    assert asked
    assert (asked.typed, asked.answer, asked.who) == (TYPED, None, "kari")
    assert "typed-password" not in rows(database) + repr(asked)
    errands.answer(number, {"clients": []}, now=NOW)
    answered = errands.get(number)
    assert answered
    assert answered.typed == {"username": "demo@example.com"}
    assert answered.answer == {"clients": [], "typed": {"username": "demo@example.com"}}


def test_an_errand_is_answered_once(errands: Errands, connection: Connection) -> None:
    number = errands.ask(Asked.EXAMINATION, connection.id, who="kari", now=NOW)
    assert errands.unanswered(since=NOW) == [number]
    for name in ("first", "second"):
        errands.answer(number, {"name": name}, now=NOW)
    errand = errands.get(number)
    assert errand
    assert errand.answer == {"name": "first", "typed": {}}
    assert errands.unanswered(since=NOW) == []


def test_the_last_errand_of_a_kind_is_found(errands: Errands, connection: Connection) -> None:
    assert errands.latest(connection.id, Asked.EXAMINATION) is None
    first, second = (errands.ask(Asked.EXAMINATION, connection.id, who="kari", now=NOW) for _ in range(2))
    errands.ask(Asked.CLIENTS, connection.id, typed=TYPED, who="kari", now=NOW)
    latest = errands.latest(connection.id, Asked.EXAMINATION)
    assert latest
    assert (first < second, latest.id) == (True, second)


def test_old_errands_are_neither_run_nor_kept(errands: Errands, connection: Connection) -> None:
    number = errands.ask(Asked.EXAMINATION, connection.id, who="kari", now=NOW)
    assert errands.unanswered(since=NOW + timedelta(seconds=1)) == []
    errands.forget(before=NOW)
    assert errands.get(number)
    errands.forget(before=NOW + timedelta(seconds=1))
    assert errands.get(number) is None
    errands.answer(number, {}, now=NOW)
