"""A connection is led to another client of 24SevenOffice, or its links are set aside for the same one."""

from typing import Any

import pytest

from models.admin import job_actions, unlinking
from models.admin.erasure import JobsRunningError
from models.admin.job_filter import JobFilter
from models.connections.repository import LinksExistError
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import leases, links
from sync.records import Company
from tests import factories
from tests.fakes import FakeErp
from tests.sync.conftest import World

FORMER = "0c0ffee0-0000-4000-8000-000000000001"
OTHER = "0c0ffee0-0000-4000-8000-000000000009"
INVOICE = Record(EntityType.INVOICE, "9")


@pytest.fixture
def world(world: World) -> World:
    """A connection that has posted an invoice."""
    world.change_settings(identity_id=FORMER)
    world.begin()
    world.moment.put(factories.invoice("9"))
    sync(world)
    return world


def sync(world: World) -> None:
    world.receive(EntityType.INVOICE, "9")
    world.run()


def unlink(world: World) -> int:
    return unlinking.unlink(world.database, world.connection.id, actor="kari", now=world.now)


def lead_elsewhere(world: World) -> None:
    unlink(world)
    world.erp = FakeErp()
    world.erp.companies[10001] = Company(10001, "Sykehuset HF", "983658776", "")
    world.change_settings(identity_id=OTHER)


@pytest.mark.parametrize(
    "change",
    [{"identity_id": OTHER}, {"moment_company": "1002"}, {"username": "new@example.com", "identity_id": ""}],
    ids=["identity", "company", "user name"],
)
def test_a_connection_with_links_is_not_led_elsewhere(world: World, change: dict[str, Any]) -> None:
    before = world.connections.get(world.connection.id)
    with pytest.raises(LinksExistError):
        world.change_settings(**change)
    assert world.connections.get(world.connection.id) == before


@pytest.mark.parametrize(
    "change",
    [{"password": "newer"}, {"username": "new@example.com"}, {"identity_id": FORMER.upper()}],
    ids=["password", "user name", "spelling"],
)
def test_a_login_that_leads_to_the_same_client_is_changed(world: World, change: dict[str, Any]) -> None:
    world.change_settings(**change)
    assert links.find(world.database, world.connection.id, INVOICE)


def test_the_word_of_a_person_tells_that_another_login_is_for_the_same_client(world: World) -> None:
    change = {"username": "new@example.com", "identity_id": OTHER}
    world.connections.update(world.connection.id, change, actor="kari", now=world.now, same_client=True)
    with pytest.raises(LinksExistError):
        world.connections.update(
            world.connection.id, {"moment_company": "1002"}, actor="kari", now=world.now, same_client=True
        )


def test_numbers_of_the_former_client_overwrite_nobody_in_the_next(world: World) -> None:
    lead_elsewhere(world)
    world.moment.put(factories.customer("7", name="Nordlys Arkitekter AS, avd. Bergen", number="10001"))
    world.moment.put(factories.invoice("10", number=2))
    world.receive(EntityType.CUSTOMER, "7")
    world.receive(EntityType.INVOICE, "10")
    world.run()
    assert world.erp.companies[10001].name == "Sykehuset HF"
    assert [each.entries[0].customer_number for each in world.erp.vouchers.values()] == [10002]


def test_what_was_posted_at_the_former_client_is_posted_again_by_a_person_only(world: World) -> None:
    lead_elsewhere(world)
    world.erp.companies.clear()
    sync(world)
    job = world.job(EntityType.INVOICE, "9")
    assert (world.erp.vouchers, job.state, job.error_code) == ({}, JobState.NEEDS_ATTENTION, "set_aside")
    chosen = JobFilter(ids=frozenset({job.id}))
    job_actions.retry(world.database, chosen, actor="kari", now=world.now)
    world.run()
    assert list(world.erp.vouchers) == [(2026, 1)]


def test_at_the_same_client_everything_is_found_again_once_links_are_set_aside(world: World) -> None:
    assert unlink(world) == 3
    world.receive(EntityType.CUSTOMER, "7")
    sync(world)
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert (len(world.erp.companies), len(world.erp.vouchers), world.erp.calls["post"]) == (1, 1, 1)


def test_what_was_on_its_way_is_verified_once_links_are_set_aside(world: World) -> None:
    world.moment.put(factories.invoice("10", number=2))
    world.receive(EntityType.INVOICE, "10")
    unlink(world)
    lane = Lane(world.connection.id, EntityType.INVOICE)
    lease = leases.acquire(world.database, lane, limit=9, now=world.now, until=world.now)
    assert lease
    assert [job.outcome_unknown for job in lease.jobs] == [True]


def test_links_are_not_set_aside_while_a_worker_has_records_in_hand(world: World) -> None:
    world.receive(EntityType.INVOICE, "9")
    lane, later = Lane(world.connection.id, EntityType.INVOICE), world.now.replace(hour=23)
    leases.acquire(world.database, lane, limit=9, now=world.now, until=later)
    with pytest.raises(JobsRunningError):
        unlink(world)
    assert links.find(world.database, world.connection.id, INVOICE)
