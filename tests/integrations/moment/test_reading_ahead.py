"""Records that are read concurrently before the flow asks for them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, current_thread

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from integrations.moment.client import MomentSite, pooled_session
from integrations.moment.gateway import MomentGateway
from models.enums import EntityType
from sync.engine.call_log import recording_calls
from sync.errors import UnavailableError
from tests.factories import settings
from tests.integrations.moment.remote import Remote, says

IDS = ("7", "8")


@pytest.fixture(autouse=True)
def customers(remote: Remote) -> None:
    for record_id in IDS:
        remote.answers[f"GET customers/{record_id}"] = [says({"id": int(record_id), "name": f"Kunde {record_id}"})]


def test_each_record_comes_with_the_calls_made_for_it_alone(remote: Remote, gateway: MomentGateway) -> None:
    with gateway.reading_ahead(EntityType.CUSTOMER, IDS):
        for record_id in reversed(IDS):
            with recording_calls() as heard:
                customer = gateway.customer(record_id)
            assert customer
            assert customer.name == f"Kunde {record_id}"
            assert [each.operation for each in heard] == [f"GET customers/{record_id}"]
            assert f"Kunde {record_id}" in heard[0].response
    assert sorted(asked.what for asked in remote.asked) == ["GET customers/7", "GET customers/8"]


def test_a_record_requested_again_is_read_again(remote: Remote, gateway: MomentGateway) -> None:
    with gateway.reading_ahead(EntityType.CUSTOMER, IDS):
        assert gateway.customer("7") == gateway.customer("7")
    assert gateway.customer("7")
    assert remote.times("GET customers/7") == 3


def test_an_error_is_raised_when_its_record_is_requested(remote: Remote, gateway: MomentGateway) -> None:
    remote.answers["GET customers/8"] = [says({}, status=503)]
    with gateway.reading_ahead(EntityType.CUSTOMER, IDS):
        assert gateway.customer("7")
        with recording_calls() as heard, pytest.raises(UnavailableError):
            gateway.customer("8")
    assert [each.operation for each in heard] == ["GET customers/8"]


def test_no_one_waits_for_a_reader_busy_with_other_records(remote: Remote, site: MomentSite) -> None:
    with busy_readers(site) as held_up:
        gateway = MomentGateway(settings(), site=held_up)
        with gateway.reading_ahead(EntityType.CUSTOMER, IDS):
            assert gateway.customer("7")
    assert [asked.what for asked in remote.asked] == ["GET customers/7"]  # other records are not read


@contextmanager
def busy_readers(site: MomentSite) -> Iterator[MomentSite]:
    over = Event()
    with ThreadPoolExecutor(1) as readers:
        readers.submit(over.wait)
        try:
            yield replace(site, read_ahead_pool=readers)
        finally:
            over.set()


def test_log_fields_also_apply_to_records_read_ahead(remote: Remote, site: MomentSite) -> None:
    def hear(operation: str, *, status: str, seconds: float) -> None:
        assert seconds > 0
        heard.append((operation, status, current_thread().name.partition("_")[0], get_contextvars()))

    heard: list[tuple[str, str, str, dict[str, object]]] = []
    ahead = MomentGateway(settings(), site=replace(site, url=remote.url, session=pooled_session(on_call=hear)))
    with bound_contextvars(connection=7), ahead.reading_ahead(EntityType.CUSTOMER, IDS):
        assert all(ahead.customer(record_id) for record_id in IDS)
    assert heard == [("GET customers", "200", "moment", {"connection": 7})] * 2
