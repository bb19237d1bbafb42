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
from tests.sync.conftest import SyncHarness


def test_a_dismissal_ends_the_wait_of_dependent_jobs_at_once(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="Refused AS"), factories.invoice("9", project_id=""))
    harness.sync(EntityType.INVOICE, "9")
    customer = harness.only(EntityType.CUSTOMER, "7")
    job_actions.dismiss(harness.database, customer, because="No.", actor="kari", now=harness.now)
    harness.run()
    assert harness.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION


def test_a_waiting_job_is_not_tried_once_its_type_is_off(harness: SyncHarness) -> None:
    harness.begin()
    harness.moment.put(factories.invoice("9"))
    harness.erp.fails_before["post"] = [UnavailableError("Down.")]
    harness.sync(EntityType.INVOICE, "9")
    harness.change_settings(entity_types=["customer", "project"])
    harness.run_after(hours=1)
    harness.drain(EntityType.INVOICE)
    assert harness.erp.vouchers == {}


def test_a_key_that_was_corrected_meanwhile_does_not_pause_the_connection(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.moment.put(factories.customer("1"))
    read = harness.moment.customer

    def customer(record_id: str) -> Customer | None:
        if harness.connection.settings.moment_api_key.get_secret_value() != "new-key":
            harness.later(minutes=1)
            harness.change_settings(moment_api_key="new-key")
            raise MisconfiguredError("Moment refuses the key.", error_code="moment_key")
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", customer)
    harness.sync(EntityType.CUSTOMER, "1")
    assert harness.connections.get(harness.connection.id).paused_because == ""
    assert len(harness.erp.companies) == 1


def test_a_wait_that_a_remote_system_asks_for_is_limited_to_an_hour(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [UnavailableError("Later.", retry_after=timedelta(days=365))]
    harness.put_and_sync(factories.customer("1"))
    open_until = harness.connections.get(harness.connection.id).breaker_open_until
    assert open_until is not None
    assert open_until - harness.now == timedelta(hours=1)


def test_retrying_a_job_ends_an_open_period_of_the_breaker(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("1"))
    harness.moment.fails_before["customer"] = [UnavailableError("Later.", retry_after=timedelta(minutes=50))]
    harness.sync(EntityType.CUSTOMER, "1")
    job_actions.retry(harness.database, JobFilter(), actor="kari", now=harness.now)
    harness.run()
    assert len(harness.erp.companies) == 1


def test_an_unseen_draft_is_not_posted_again_by_a_retry_of_many(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.change_settings(posting="draft", voucher_number="series")
    harness.begin()
    journal: list[object] = []

    def post(vouchers: list[object], *, year: object) -> None:
        del year
        journal.extend(vouchers)
        raise OutcomeUnknownError("No answer.", error_code="no_answer")

    monkeypatch.setattr(harness.erp, "post", post)
    harness.put_and_sync(factories.invoice("9"))
    harness.run_after(hours=1)
    assert harness.job(EntityType.INVOICE, "9").error_code == UNSEEN_DRAFT
    needing = JobFilter(states=frozenset({JobState.NEEDS_ATTENTION}))
    job_actions.retry(harness.database, needing, actor="kari", now=harness.now)
    harness.run_after(hours=1)
    assert len(journal) == 1
