"""A person's decision about a waiting record takes effect at once."""

from datetime import timedelta

import pytest

from models.admin import job_actions
from models.admin.job_filter import JobFilter
from models.enums import EntityType, JobState
from models.error_codes import UNSEEN_DRAFT
from sync.errors import MisconfiguredError, OutcomeUnknownError, UnavailableError
from sync.records import Customer
from tests import factories
from tests.sync.conftest import World


def test_a_dismissal_ends_the_wait_of_dependent_jobs_at_once(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"), factories.invoice("9", project_id=""))
    world.sync(EntityType.INVOICE, "9")
    customer = world.only(EntityType.CUSTOMER, "7")
    job_actions.dismiss(world.database, customer, because="No.", actor="kari", now=world.now)
    world.run()
    assert world.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION


def test_a_waiting_job_is_not_tried_once_its_type_is_off(world: World) -> None:
    world.begin()
    world.moment.put(factories.invoice("9"))
    world.erp.fails_before["post"] = [UnavailableError("Down.")]
    world.sync(EntityType.INVOICE, "9")
    world.change_settings(entity_types=["customer", "project"])
    world.run_after(hours=1)
    world.drain(EntityType.INVOICE)
    assert world.erp.vouchers == {}


def test_a_key_that_was_corrected_meanwhile_does_not_pause_the_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.moment.put(factories.customer("1"))
    read = world.moment.customer

    def customer(record_id: str) -> Customer | None:
        if world.connection.settings.moment_api_key.get_secret_value() != "new-key":
            world.later(minutes=1)
            world.change_settings(moment_api_key="new-key")
            raise MisconfiguredError("Moment refuses the key.", error_code="moment_key")
        return read(record_id)

    monkeypatch.setattr(world.moment, "customer", customer)
    world.sync(EntityType.CUSTOMER, "1")
    assert world.connections.get(world.connection.id).paused_because == ""
    assert len(world.erp.companies) == 1


def test_no_remote_system_silences_a_connection_for_longer_than_an_hour(world: World) -> None:
    world.moment.fails_before["customer"] = [UnavailableError("Later.", retry_after=timedelta(days=365))]
    world.put_and_sync(factories.customer("1"))
    open_until = world.connections.get(world.connection.id).breaker_open_until
    assert open_until is not None
    assert open_until - world.now == timedelta(hours=1)


def test_retrying_a_job_ends_an_open_period_of_the_breaker(world: World) -> None:
    world.moment.put(factories.customer("1"))
    world.moment.fails_before["customer"] = [UnavailableError("Later.", retry_after=timedelta(minutes=50))]
    world.sync(EntityType.CUSTOMER, "1")
    job_actions.retry(world.database, JobFilter(), actor="kari", now=world.now)
    world.run()
    assert len(world.erp.companies) == 1


def test_an_unseen_draft_is_not_posted_again_by_a_retry_of_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.change_settings(posting="draft", voucher_number="series")
    world.begin()
    journal: list[object] = []

    def post(vouchers: list[object], *, year: object) -> None:
        del year
        journal.extend(vouchers)
        raise OutcomeUnknownError("No answer.", error_code="no_answer")

    monkeypatch.setattr(world.erp, "post", post)
    world.put_and_sync(factories.invoice("9"))
    world.run_after(hours=1)
    assert world.job(EntityType.INVOICE, "9").error_code == UNSEEN_DRAFT
    needing = JobFilter(states=frozenset({JobState.NEEDS_ATTENTION}))
    job_actions.retry(world.database, needing, actor="kari", now=world.now)
    world.run_after(hours=1)
    assert len(journal) == 1
