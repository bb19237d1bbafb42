"""Customers and projects that were merged, deleted or recreated in either system are linked to the right record."""

from collections.abc import Sequence

import pytest

from models.admin import job_actions, job_details, match_questions
from models.admin.relink import relink
from models.database import DatabaseUnavailableError
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import links, questions
from models.inbox.links import LinkTakenError
from sync.records import Company, Voucher
from tests import factories
from tests.sync.conftest import SyncHarness

CUSTOMER, INVOICE, PROJECT = EntityType.CUSTOMER, EntityType.INVOICE, EntityType.PROJECT

RELEASED = "Customer Nordlys Arkitekter AS: unlinked from number 10001 in 24SevenOffice."


def link_of(harness: SyncHarness, record_id: str, entity_type: EntityType = CUSTOMER) -> str | None:
    found = links.find(harness.database, harness.connection.id, Record(entity_type, record_id))
    return found.remote_id if found else None


def relink_to(harness: SyncHarness, record_id: str, number: str, entity_type: EntityType = CUSTOMER) -> int:
    job_id = harness.job(entity_type, record_id).id
    return relink(harness.database, job_id, number, actor="kari", now=harness.now).count


def actions(harness: SyncHarness, record_id: str) -> list[tuple[str, str]]:
    found = job_details.actions(harness.database, harness.job(CUSTOMER, record_id).id)
    return [(each.actor, each.action) for each in reversed(found)]


def booked_on(harness: SyncHarness) -> list[int]:
    return [each.entries[0].customer_number for each in harness.erp.vouchers.values()]


def post(harness: SyncHarness, record_id: str = "9", *, number: int = 1, customer_id: str = "7") -> None:
    invoice = factories.invoice(record_id, number=number, customer_id=customer_id, project_id="")
    harness.moment.put(invoice)
    harness.sync(INVOICE, record_id)


def begin_merged(harness: SyncHarness) -> None:
    """Begin, then merge the customer into another one in 24SevenOffice."""
    harness.begin()
    del harness.erp.companies[10001]
    harness.erp.companies[10300] = Company(10300, "Nordlys Arkitekter AS", "923609016")


def test_an_invoice_goes_to_the_customer_that_its_own_was_merged_into_in_24sevenoffice(
    harness: SyncHarness,
) -> None:
    harness.begin()
    del harness.erp.companies[10001]
    harness.erp.companies[10300] = Company(10300, "Nordlys Arkitekter", "923609016")
    post(harness)
    assert booked_on(harness) == [10300]
    assert (link_of(harness, "7"), harness.moment.customers["7"].number) == ("10300", "10300")
    assert actions(harness, "7")[0] == ("the integration", f"{RELEASED} It no longer exists in 24SevenOffice.")


@pytest.mark.parametrize("renamed", [False, True])
def test_a_customer_deleted_in_24sevenoffice_is_asked_about_and_never_recreated(
    harness: SyncHarness, *, renamed: bool
) -> None:
    harness.begin()
    del harness.erp.companies[10001]
    if renamed:
        harness.put_and_sync(factories.customer("7", name="Nordlys AS", number="10001"))
    post(harness)
    job = harness.job(CUSTOMER, "7")
    assert (job.state, job.error_code, dict(harness.erp.companies)) == (
        JobState.NEEDS_ATTENTION,
        "which_customer",
        {},
    )
    assert booked_on(harness) == []
    match_questions.answer(harness.database, job.id, questions.CREATE_NEW, actor="kari", now=harness.now)
    harness.run()
    assert booked_on(harness) == list(harness.erp.companies)
    assert harness.job(INVOICE, "9").outcome is Outcome.SYNCED


def test_a_project_deleted_in_24sevenoffice_is_recreated_before_its_invoice(harness: SyncHarness) -> None:
    harness.begin()
    del harness.erp.projects[1]
    harness.put_and_sync(factories.invoice("9"))
    assert list(harness.erp.projects) == [1]
    assert harness.job(INVOICE, "9").outcome is Outcome.SYNCED


def test_a_project_waits_for_a_customer_deleted_in_24sevenoffice(harness: SyncHarness) -> None:
    begin_merged(harness)
    harness.put_and_sync(factories.project("8", name="Kulturhuset, trinn 2"))
    assert harness.erp.projects[1].customer_number == 10300


def put_three(harness: SyncHarness, entity_type: EntityType) -> None:
    for each in ("1", "2", "3"):
        invoice = factories.invoice(each, number=int(each), project_id="8" if entity_type is PROJECT else "")
        harness.moment.put(invoice)
    harness.receive(INVOICE, "1", "2", "3")


def test_all_invoices_of_a_batch_wait_for_the_customer_that_is_lost(harness: SyncHarness) -> None:
    begin_merged(harness)
    put_three(harness, CUSTOMER)
    harness.run()
    assert booked_on(harness) == [10300, 10300, 10300]
    assert harness.mails() == []


def test_all_invoices_of_a_batch_wait_for_the_project_that_is_lost(harness: SyncHarness) -> None:
    harness.begin()
    del harness.erp.projects[1]
    put_three(harness, PROJECT)
    harness.run()
    assert len(harness.erp.vouchers) == 3
    assert harness.mails() == []


def test_all_projects_of_a_batch_wait_for_the_customer_that_is_lost(harness: SyncHarness) -> None:
    begin_merged(harness)
    for number in ("81", "82", "83"):
        harness.moment.put(factories.project(number, number=number, name=f"Hus {number}"))
    harness.sync(PROJECT, "81", "82", "83")
    assert sorted(harness.erp.projects) == [1, 81, 82, 83]
    assert harness.mails() == []


def test_an_invoice_waits_for_a_customer_that_another_worker_just_found_lost(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_merged(harness)
    post_really = harness.erp.post

    def meanwhile(vouchers: Sequence[Voucher], *, year: int) -> None:
        monkeypatch.undo()
        harness.moment.put(factories.customer("7", name="Nordlys Arkitekter og Co AS", number="10001"))
        harness.receive(CUSTOMER, "7")
        harness.drain(CUSTOMER)
        post_really(vouchers, year=year)

    monkeypatch.setattr(harness.erp, "post", meanwhile)
    post(harness)
    assert booked_on(harness) == [10300]
    assert harness.mails() == []


def test_a_refused_invoice_whose_customer_exists_needs_attention_as_before(harness: SyncHarness) -> None:
    harness.begin()
    harness.put_and_sync(factories.invoice("9", project_id="", kid="refuse me"))
    assert harness.job(INVOICE, "9").state is JobState.NEEDS_ATTENTION
    assert link_of(harness, "7") == "10001"


def test_a_project_just_created_by_another_process_is_not_considered_lost(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.begin()
    harness.moment.put(factories.invoice("9", kid="refuse me"))
    monkeypatch.setattr(harness.erp, "existing_projects", lambda _: [])  # as what was free is remembered to be so
    harness.sync(INVOICE, "9")
    assert harness.job(INVOICE, "9").message == "KID is wrong."
    assert link_of(harness, "8", PROJECT) == "1"


def test_a_customer_recreated_in_moment_replaces_the_deleted_one(harness: SyncHarness) -> None:
    harness.begin()
    harness.moment.put(factories.customer("70"))
    del harness.moment.customers["7"]
    harness.sync(CUSTOMER, "70")
    job = harness.job(CUSTOMER, "70")
    offered = match_questions.candidates_of(harness.database, job.id)
    assert [(each.number, each.note) for each in offered] == [("10001", "")]
    match_questions.answer(harness.database, job.id, "10001", actor="kari", now=harness.now)
    harness.run()
    assert (link_of(harness, "7"), link_of(harness, "70")) == (None, "10001")


def test_a_person_chooses_another_customer(harness: SyncHarness) -> None:
    harness.begin()
    harness.erp.companies[10300] = Company(10300, "Nordlys Holding AS", "974760673")
    assert relink_to(harness, "7", "10300") == 1
    harness.run()
    assert (link_of(harness, "7"), harness.moment.customers["7"].number) == ("10300", "10300")
    post(harness)
    assert booked_on(harness) == [10300]
    assert [deed for actor, deed in actions(harness, "7") if actor == "kari"] == [
        f"{RELEASED} It is being linked to Customer 10300.",
        "Relinked Customer Nordlys Arkitekter AS to number 10300 in 24SevenOffice",
        "Retry: Customer Nordlys Arkitekter AS",
    ]


def test_an_unknown_number_is_refused_and_nothing_is_created(harness: SyncHarness) -> None:
    harness.begin()
    relink_to(harness, "7", "99999")
    harness.run()
    assert harness.job(CUSTOMER, "7").error_code == "customer_number"
    assert list(harness.erp.companies) == [10001]
    relink_to(harness, "7", "")
    harness.run()
    assert link_of(harness, "7") == "10001"


def test_a_customer_linked_to_another_record_is_not_taken_from_it(harness: SyncHarness) -> None:
    harness.begin()
    harness.put_and_sync(factories.customer("70", name="Fjord AS", organization_number="", email=""))
    with pytest.raises(LinkTakenError, match="Nordlys Arkitekter AS"):
        relink_to(harness, "70", "10001")
    assert (link_of(harness, "7"), link_of(harness, "70")) == ("10001", "10002")


def test_an_invoice_of_a_customer_deleted_in_moment_goes_where_a_person_says(harness: SyncHarness) -> None:
    harness.begin()
    del harness.moment.customers["7"]
    harness.sync(CUSTOMER, "7")
    post(harness)
    assert harness.job(INVOICE, "9").error_code == "dependency_gone"
    relink_to(harness, "7", "10001")
    harness.run()
    assert booked_on(harness) == [10001]
    assert harness.job(INVOICE, "9").outcome is Outcome.SYNCED


def match_by_hand(harness: SyncHarness) -> None:
    """Have a person choose which of two similar customers is customer 7, which Moment loses afterwards."""
    for number in (10001, 10002):
        harness.erp.companies[number] = Company(number, "Nordlys Arkitekter AS", "923609016")
    harness.put_and_sync(factories.customer("7"))
    match_questions.answer(harness.database, harness.job(CUSTOMER, "7").id, "10001", actor="kari", now=harness.now)
    harness.run()
    assert link_of(harness, "7") == "10001"
    del harness.moment.customers["7"]
    del harness.erp.companies[10002]


def test_a_choice_made_while_moment_had_the_customer_is_not_used_later(harness: SyncHarness) -> None:
    match_by_hand(harness)
    for _ in range(2):
        harness.sync(CUSTOMER, "7")
        assert (link_of(harness, "7"), harness.job(CUSTOMER, "7").error_code) == (None, "gone")
    relink_to(harness, "7", "10001")
    for _ in range(2):
        harness.run()
        assert link_of(harness, "7") == "10001"
        harness.receive(CUSTOMER, "7")


def test_an_invoice_of_a_customer_merged_in_moment_needs_attention_even_if_matched(harness: SyncHarness) -> None:
    match_by_hand(harness)
    harness.put_and_sync(factories.customer("70", number="10001"))
    match_questions.answer(
        harness.database, harness.job(CUSTOMER, "70").id, "10001", actor="kari", now=harness.now
    )
    harness.run()
    post(harness)
    assert (link_of(harness, "7"), link_of(harness, "70")) == (None, "10001")
    assert harness.job(CUSTOMER, "7").error_code == "gone"
    assert harness.job(INVOICE, "9").error_code == "dependency_gone"


def test_a_choice_for_a_lost_customer_ends_once_another_has_the_number(harness: SyncHarness) -> None:
    match_by_hand(harness)
    harness.sync(CUSTOMER, "7")
    job_id = harness.job(CUSTOMER, "7").id
    relink(harness.database, job_id, "10001", actor="kari", now=harness.now)
    harness.moment.put(factories.customer("70", number="10001"))
    links.save(
        harness.database, harness.connection.id, Record(CUSTOMER, "70"), links.Link("10001"), now=harness.now
    )
    harness.run()
    assert (link_of(harness, "7"), harness.job(CUSTOMER, "7").error_code) == (None, "gone")


def test_a_link_that_cannot_be_replaced_in_full_stays(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.begin()

    def breaks_off(*_args: object) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(job_actions, "audit_entry", breaks_off)
    with pytest.raises(DatabaseUnavailableError):
        relink_to(harness, "7", "10300")
    assert (link_of(harness, "7"), actions(harness, "7")) == ("10001", [])


def test_a_project_is_matched_again_and_accepts_no_number(harness: SyncHarness) -> None:
    harness.begin()
    assert relink_to(harness, "8", "500", PROJECT) == 0
    assert relink_to(harness, "8", "", PROJECT) == 1
    harness.run()
    assert link_of(harness, "8", PROJECT) == "1"


def test_an_invoice_cannot_be_unlinked(harness: SyncHarness) -> None:
    harness.begin()
    post(harness)
    assert relink_to(harness, "9", "", INVOICE) == 0
    assert link_of(harness, "9", INVOICE) == "2026/1"
