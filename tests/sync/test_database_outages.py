"""PostgreSQL goes down while a worker has a lease, and comes back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from models.enums import EntityType, JobState, Lane, Outcome
from models.inbox import leases
from sync.errors import RejectedError
from sync.records import Customer
from tests import factories
from tests.databases import Databases
from tests.sync.conftest import SyncHarness

INVOICE, CUSTOMER = EntityType.INVOICE, EntityType.CUSTOMER


class Outages:
    """Outages of the database of a test: each ends after a wait."""

    def __init__(self, databases: Databases, url: str) -> None:
        self._databases, self._name = databases, url.rpartition("/")[2]
        self.left, self.waited = 0, 0
        self.meanwhile: Callable[[], object] = lambda: None

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Begin the next outage when a call has ended."""

        def breaking_off(*args: Any, **kwargs: Any) -> Any:
            answer = call(*args, **kwargs)
            if self.left:
                self.left -= 1
                self.begin()
            return answer

        return breaking_off

    def begin(self) -> None:
        self._databases.cut_off(self._name)

    def sleep(self, _seconds: float) -> None:
        self.waited += 1
        if self.waited % 2 == 0:  # not at the first look
            self._databases.bring_back(self._name)
            self.meanwhile()


@pytest.fixture
def outages(harness: SyncHarness, databases: Databases, database_url: str) -> Outages:
    outages = Outages(databases, database_url)
    harness.sleep = outages.sleep
    for record_id in "123":
        harness.moment.put(factories.customer(record_id, name=f"Kunde {record_id} AS", organization_number=""))
    return outages


def test_a_lane_continues_once_postgresql_answers_and_posts_nothing_twice(
    harness: SyncHarness, outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.begin()
    for number in (21, 22):
        harness.moment.put(factories.invoice(str(number), number=number))
    monkeypatch.setattr(harness.erp, "post", outages.after(harness.erp.post))
    outages.left = 1
    harness.receive(INVOICE, "21")
    harness.drain(INVOICE)
    first = harness.job(INVOICE, "21")
    assert (first.state, first.error_code) == (JobState.RETRYING, "broken_off")
    assert harness.wait(INVOICE, "21") >= timedelta(minutes=1)  # its call may still be at work
    harness.sync(INVOICE, "22")
    assert harness.job(INVOICE, "22").outcome is Outcome.SYNCED
    harness.run_after(minutes=2)
    assert harness.job(INVOICE, "21").outcome is Outcome.SYNCED
    assert harness.erp.calls["post"] == 2
    assert harness.mails() == []


def test_a_record_without_a_write_is_retried_with_a_known_outcome(
    harness: SyncHarness, outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.moment, "customer", outages.after(harness.moment.customer))
    outages.left = 1
    harness.receive(CUSTOMER, *"123")
    harness.drain(CUSTOMER)
    waits = [harness.wait(CUSTOMER, each) for each in "123"]
    assert waits == [timedelta(seconds=2.5)] * 3
    harness.later(seconds=5)
    assert [job.outcome_unknown for job in leased(harness).jobs] == [False] * 3


def leased(harness: SyncHarness) -> leases.Lease:
    lane = Lane(harness.connection.id, CUSTOMER)
    lease = leases.acquire(
        harness.database, lane, limit=9, now=harness.now, until=harness.now + timedelta(minutes=1)
    )
    assert lease
    return lease


def test_results_from_before_an_outage_of_postgresql_are_saved_after_it(
    harness: SyncHarness, outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_record_id: str) -> Customer:
        outages.begin()
        raise RejectedError("Its name is missing.")

    monkeypatch.setattr(harness.moment, "customer", refuse)
    harness.receive(CUSTOMER, "1")
    harness.drain(CUSTOMER)
    assert (harness.job(CUSTOMER, "1").state, harness.job(CUSTOMER, "1").message) == (
        JobState.NEEDS_ATTENTION,
        "Its name is missing.",
    )
    assert outages.waited == 2


def test_outages_of_postgresql_never_give_up_a_sound_record(
    harness: SyncHarness, outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.erp, "save_companies", outages.after(harness.erp.save_companies))
    outages.left = 4
    harness.receive(CUSTOMER, "1")
    for _ in range(6):
        harness.run()
        harness.later(minutes=10)
    assert outages.left == 0
    assert harness.job(CUSTOMER, "1").outcome is Outcome.SYNCED
    assert len(harness.erp.companies) == 1
    assert harness.mails() == []


def test_a_worker_that_outlives_its_lease_in_an_outage_counts_as_no_crash(
    harness: SyncHarness, outages: Outages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When PostgreSQL is back, another worker leases the lane first and counts a crash; the first worker reverts the count."""
    monkeypatch.setattr(harness.moment, "customer", outages.after(harness.moment.customer))
    taken: list[leases.Lease] = []

    def take_over() -> None:
        harness.later(hours=1)
        taken.append(leased(harness))

    outages.left, outages.meanwhile = 1, take_over
    harness.receive(CUSTOMER, "1")
    assert harness.drain(CUSTOMER) == set()
    (lease,) = taken
    assert [job.worker_crashes for job in lease.jobs] == [1]
    harness.later(hours=1)
    assert [job.worker_crashes for job in leased(harness).jobs] == [1]  # of the second one, which did vanish
