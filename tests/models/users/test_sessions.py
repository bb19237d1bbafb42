from datetime import timedelta

import pytest
from sqlalchemy import select

from models.database import Database
from models.schema.user_tables import SessionRow
from models.users import repository as users
from models.users import sessions
from models.users.sessions import SessionDetails
from tests.factories import NOW
from tests.models.users.accounts import PASSWORD, add_user


def test_a_session_ends_after_inactivity_and_at_its_maximum_age(database: Database) -> None:
    user = add_user(database)
    token = sessions.start(database, user.id, now=NOW)
    at = NOW
    while at < NOW + sessions.MAX_SESSION_AGE:
        assert sessions.find(database, token, now=at)
        at += sessions.IDLE_TIMEOUT / 2
    assert sessions.find(database, token, now=NOW + sessions.MAX_SESSION_AGE) is None
    idle = sessions.start(database, user.id, now=NOW)
    assert sessions.find(database, idle, now=NOW + sessions.IDLE_TIMEOUT) is None


def test_the_oldest_session_ends_when_a_user_has_too_many(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    user, other = add_user(database), add_user(database, "ola@example.com")
    theirs = sessions.start(database, other.id, now=NOW)
    tokens = [sessions.start(database, user.id, now=NOW) for _ in range(3)]
    for _ in range(3):  # someone with the password but without the second factor
        sessions.start(database, user.id, now=NOW, details=SessionDetails(awaits_code=True))
    assert [bool(sessions.find(database, each, now=NOW)) for each in tokens] == [False, True, True]
    assert sessions.find(database, theirs, now=NOW)


def test_a_refreshing_page_does_not_extend_the_session(database: Database) -> None:
    token = sessions.start(database, add_user(database).id, now=NOW)
    assert sessions.find(database, token, now=NOW + sessions.IDLE_TIMEOUT / 2, by_itself=True)
    assert sessions.find(database, token, now=NOW + sessions.IDLE_TIMEOUT, by_itself=True) is None


def test_an_openid_session_ends_after_a_day(database: Database) -> None:
    user = add_user(database)
    token = sessions.start(database, user.id, now=NOW, details=SessionDetails(by_openid=True))
    late = NOW + timedelta(hours=11)
    assert sessions.find(database, token, now=late)
    assert sessions.find(database, token, now=late + timedelta(hours=11))
    day = NOW + timedelta(days=1)
    assert sessions.find(database, token, now=day) is None
    assert sessions.of_user(database, user, now=day) == []
    sessions.delete_ended(database, now=day)
    assert sessions.find(database, token, now=late) is None


def test_a_user_without_the_second_factor_given_is_not_signed_in(database: Database) -> None:
    user = add_user(database)
    token = sessions.start(database, user.id, now=NOW, details=SessionDetails(awaits_code=True))
    assert sessions.find(database, token, now=NOW) is None
    assert sessions.of_user(database, user, now=NOW) == []
    found = sessions.find(database, token, now=NOW, awaiting_code=True)
    assert found
    assert found.user == user
    later = NOW + sessions.MAX_CODE_WAIT
    assert sessions.find(database, token, now=later, awaiting_code=True) is None
    signed_in = sessions.start(database, user.id, now=NOW, instead_of=token)
    assert sessions.find(database, signed_in, now=NOW, awaiting_code=True) is None
    assert sessions.find(database, token, now=NOW, awaiting_code=True) is None


def test_the_last_activity_is_saved_once_a_minute(database: Database) -> None:
    token = sessions.start(database, add_user(database).id, now=NOW)
    for seconds, noted in ((59, 0), (60, 60), (119, 60), (120, 120)):
        sessions.find(database, token, now=NOW + timedelta(seconds=seconds))
        with database.transaction() as session:
            assert session.scalars(select(SessionRow.seen_at)).one() == NOW + timedelta(seconds=noted)


def test_ended_sessions_are_deleted_and_others_stay(database: Database) -> None:
    user, later = add_user(database), NOW + sessions.IDLE_TIMEOUT
    tokens = [sessions.start(database, user.id, now=at) for at in (NOW, later)]
    sessions.delete_ended(database, now=later)
    assert [bool(sessions.find(database, token, now=NOW)) for token in tokens] == [False, True]


def test_disabling_a_user_or_a_new_password_ends_sessions_at_once(database: Database) -> None:
    add_user(database, "eva@example.com")
    user = add_user(database)
    first = sessions.start(database, user.id, now=NOW)
    users.set_password(database, user.id, PASSWORD, actor="test", now=NOW)
    second = sessions.start(database, user.id, now=NOW)
    assert sessions.find(database, first, now=NOW) is None
    assert sessions.find(database, second, now=NOW)
    users.disable(database, user.id, actor="test", now=NOW)
    assert sessions.find(database, second, now=NOW) is None
    users.enable(database, user.id, actor="test", now=NOW)
    assert sessions.find(database, second, now=NOW) is None


def test_a_session_cannot_be_found_by_its_data_in_the_database(database: Database) -> None:
    token = sessions.start(database, add_user(database).id, now=NOW)
    with database.transaction() as session:
        (kept,) = session.scalars(select(SessionRow.token_hash))
    assert token not in kept
    assert sessions.find(database, kept, now=NOW) is None
