"""Files: users get only what they may have, and large files do not delay others."""

import gc
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from sqlalchemy import select, text

from models.enums import Role
from models.schema.user_tables import SessionRow
from models.users import sessions
from tests.web.conftest import Person, Web
from web.exports import MAX_AT_ONCE
from worker.container import Container

ENTRIES = 20_000
"""Entries of the audit log: more than a connection buffers before its reader reads."""


@pytest.fixture
def person(web: Web, container: Container) -> Person:
    entries = """
        INSERT INTO audit_log (at, actor, action, connection_id)
        SELECT now(), to_jsonb(repeat('anna', 250)), '"added"', :connection_id FROM generate_series(1, :number)
    """
    with container.database.transaction() as session:
        session.execute(text(entries), {"connection_id": web.connection.id, "number": ENTRIES})
    return web.as_(Role.VIEWER)


def begin(person: Person) -> requests.Response:
    return requests.get(f"{person.url}/audit-log/export", headers=person.cookies, stream=True, timeout=10)


def rest(response: requests.Response) -> Iterator[bytes]:
    return response.iter_content(1_000_000)


def test_a_file_is_sent_whole(person: Person) -> None:
    with begin(person) as response:
        assert b"".join(rest(response)).count(b"\n") >= ENTRIES


def test_a_download_breaks_off_when_the_session_ends(person: Person, container: Container) -> None:
    with begin(person) as response:
        coming = rest(response)
        assert next(coming)
        user_id = container.database.scalar(select(SessionRow.user_id))
        assert user_id
        sessions.end_others(container.database, user_id, but=0)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(coming)


def test_a_users_concurrent_downloads_are_limited(person: Person, web: Web) -> None:
    with ExitStack() as open_ones:
        for _ in range(MAX_AT_ONCE):
            assert open_ones.enter_context(begin(person)).ok
        assert begin(person).status_code == requests.codes.too_many_requests
        assert begin(web.as_(Role.VIEWER)).ok
    until = time.monotonic() + 10
    while not begin(person).ok:
        gc.collect()
        assert time.monotonic() < until
