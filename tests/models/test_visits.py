from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from models import users, visits
from models.people import SessionRow
from models.users import Rights
from models.words import Role, Scope
from tests.factories import NOW

if TYPE_CHECKING:
    from models.base import Database
    from models.users import User

EVERYTHING = Rights(Role.ADMINISTRATOR, Scope())
PASSWORD = "correct horse battery"


def add(database: Database, email: str = "anna@example.com") -> User:
    return users.add(database, email, EVERYTHING, password=PASSWORD, who="test", now=NOW)


def test_a_session_ends_when_nobody_comes_back_and_when_it_has_lasted_long_enough(database: Database) -> None:
    user = add(database)
    token = visits.begin(database, user.id, now=NOW)
    at = NOW
    while at < NOW + visits.LONGEST:
        assert visits.find(database, token, now=at)
        at += visits.IDLE / 2
    assert visits.find(database, token, now=NOW + visits.LONGEST) is None
    idle = visits.begin(database, user.id, now=NOW)
    assert visits.find(database, idle, now=NOW + visits.IDLE) is None


def test_it_is_noted_each_minute_that_somebody_is_there(database: Database) -> None:
    token = visits.begin(database, add(database).id, now=NOW)
    for seconds, noted in ((59, 0), (60, 60), (119, 60), (120, 120)):
        visits.find(database, token, now=NOW + timedelta(seconds=seconds))
        with database.transaction() as session:
            assert session.scalars(select(SessionRow.seen_at)).one() == NOW + timedelta(seconds=noted)


def test_ended_sessions_are_dropped_and_others_stay(database: Database) -> None:
    user, later = add(database), NOW + visits.IDLE
    tokens = [visits.begin(database, user.id, now=at) for at in (NOW, later)]
    visits.forget_ended(database, now=later)
    assert [bool(visits.find(database, token, now=NOW)) for token in tokens] == [False, True]


def test_a_session_of_somebody_disabled_or_with_a_new_password_ends_at_once(database: Database) -> None:
    add(database, "eva@example.com")
    user = add(database)
    first = visits.begin(database, user.id, now=NOW)
    users.set_password(database, user.id, PASSWORD, who="test", now=NOW)
    second = visits.begin(database, user.id, now=NOW)
    assert visits.find(database, first, now=NOW) is None
    assert visits.find(database, second, now=NOW)
    users.disable(database, user.id, who="test", now=NOW)
    assert visits.find(database, second, now=NOW) is None
    users.enable(database, user.id, who="test", now=NOW)
    assert visits.find(database, second, now=NOW) is None


def test_a_session_is_not_found_by_what_the_database_knows_of_it(database: Database) -> None:
    token = visits.begin(database, add(database).id, now=NOW)
    with database.transaction() as session:
        (kept,) = session.scalars(select(SessionRow.token_hash))
    assert token not in kept
    assert visits.find(database, kept, now=NOW) is None
