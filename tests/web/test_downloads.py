"""Downloads end when the user loses access, and large ones do not delay others."""

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
from web.downloads import MAX_CONCURRENT
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


def start_download(person: Person) -> requests.Response:
    return requests.get(f"{person.url}/audit-log/export", headers=person.cookies, stream=True, timeout=10)


def read_blocks(response: requests.Response) -> Iterator[bytes]:
    return response.iter_content(1_000_000)


def test_a_download_is_complete(person: Person) -> None:
    with start_download(person) as response:
        assert b"".join(read_blocks(response)).count(b"\n") >= ENTRIES


def test_a_download_breaks_off_when_the_session_ends(person: Person, container: Container) -> None:
    with start_download(person) as response:
        coming = read_blocks(response)
        assert next(coming)
        user_id = container.database.scalar(select(SessionRow.user_id))
        assert user_id
        sessions.end_others(container.database, user_id, but=0)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(coming)


def test_a_users_concurrent_downloads_are_limited(person: Person, web: Web) -> None:
    with ExitStack() as open_ones:
        for _ in range(MAX_CONCURRENT):
            assert open_ones.enter_context(start_download(person)).ok
        assert start_download(person).status_code == requests.codes.too_many_requests
        assert start_download(web.as_(Role.VIEWER)).ok
    until = time.monotonic() + 10
    while not start_download(person).ok:
        gc.collect()
        assert time.monotonic() < until
