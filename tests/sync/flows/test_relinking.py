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
from tests.sync.conftest import World

CUSTOMER, INVOICE, PROJECT = EntityType.CUSTOMER, EntityType.INVOICE, EntityType.PROJECT

RELEASED = "Customer Nordlys Arkitekter AS: unlinked from number 10001 in 24SevenOffice."


def link_of(world: World, record_id: str, entity_type: EntityType = CUSTOMER) -> str | None:
    found = links.find(world.database, world.connection.id, Record(entity_type, record_id))
    return found.remote_id if found else None


def say(world: World, record_id: str, number: str, entity_type: EntityType = CUSTOMER) -> int:
    job_id = world.job(entity_type, record_id).id
    return relink(world.database, job_id, number, actor="kari", now=world.now).count


def deeds(world: World, record_id: str) -> list[tuple[str, str]]:
    told = job_details.actions(world.database, world.job(CUSTOMER, record_id).id)
    return [(each.actor, each.action) for each in reversed(told)]


def booked_on(world: World) -> list[int]:
    return [each.entries[0].customer_number for each in world.erp.vouchers.values()]


def post(world: World, record_id: str = "9", *, number: int = 1, customer_id: str = "7") -> None:
    invoice = factories.invoice(record_id, number=number, customer_id=customer_id, project_id="")
    world.moment.put(invoice)
    world.sync(INVOICE, record_id)


def begin_merged(world: World) -> None:
    """Begin, then merge the customer into another one in 24SevenOffice."""
    world.begin()
    del world.erp.companies[10001]
    world.erp.companies[10300] = Company(10300, "Nordlys Arkitekter AS", "923609016")


def test_an_invoice_goes_to_the_customer_that_its_own_was_merged_into_in_24sevenoffice(world: World) -> None:
    world.begin()
    del world.erp.companies[10001]
    world.erp.companies[10300] = Company(10300, "Nordlys Arkitekter", "923609016")
    post(world)
    assert booked_on(world) == [10300]
    assert (link_of(world, "7"), world.moment.customers["7"].number) == ("10300", "10300")
    assert deeds(world, "7")[0] == ("the integration", f"{RELEASED} It no longer exists in 24SevenOffice.")


@pytest.mark.parametrize("renamed", [False, True])
def test_a_customer_deleted_in_24sevenoffice_is_asked_about_and_never_recreated(
    world: World, *, renamed: bool
) -> None:
    world.begin()
    del world.erp.companies[10001]
    if renamed:
        world.put_and_sync(factories.customer("7", name="Nordlys AS", number="10001"))
    post(world)
    job = world.job(CUSTOMER, "7")
    assert (job.state, job.error_code, dict(world.erp.companies)) == (
        JobState.NEEDS_ATTENTION,
        "which_customer",
        {},
    )
    assert booked_on(world) == []
    match_questions.answer(world.database, job.id, questions.CREATE_NEW, actor="kari", now=world.now)
    world.run()
    assert booked_on(world) == list(world.erp.companies)
    assert world.job(INVOICE, "9").outcome is Outcome.SYNCED


def test_a_project_deleted_in_24sevenoffice_is_recreated_before_its_invoice(world: World) -> None:
    world.begin()
    del world.erp.projects[1]
    world.put_and_sync(factories.invoice("9"))
    assert list(world.erp.projects) == [1]
    assert world.job(INVOICE, "9").outcome is Outcome.SYNCED


def test_a_project_waits_for_a_customer_deleted_in_24sevenoffice(world: World) -> None:
    begin_merged(world)
    world.put_and_sync(factories.project("8", name="Kulturhuset, trinn 2"))
    assert world.erp.projects[1].customer_number == 10300


def put_three(world: World, entity_type: EntityType) -> None:
    for each in ("1", "2", "3"):
        invoice = factories.invoice(each, number=int(each), project_id="8" if entity_type is PROJECT else "")
        world.moment.put(invoice)
    world.receive(INVOICE, "1", "2", "3")


def test_all_invoices_of_a_batch_wait_for_the_customer_that_is_lost(world: World) -> None:
    begin_merged(world)
    put_three(world, CUSTOMER)
    world.run()
    assert booked_on(world) == [10300, 10300, 10300]
    assert world.mails() == []


def test_all_invoices_of_a_batch_wait_for_the_project_that_is_lost(world: World) -> None:
    world.begin()
    del world.erp.projects[1]
    put_three(world, PROJECT)
    world.run()
    assert len(world.erp.vouchers) == 3
    assert world.mails() == []


def test_all_projects_of_a_batch_wait_for_the_customer_that_is_lost(world: World) -> None:
    begin_merged(world)
    for number in ("81", "82", "83"):
        world.moment.put(factories.project(number, number=number, name=f"Hus {number}"))
    world.sync(PROJECT, "81", "82", "83")
    assert sorted(world.erp.projects) == [1, 81, 82, 83]
    assert world.mails() == []


def test_an_invoice_waits_for_a_customer_that_another_worker_just_found_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_merged(world)
    post_really = world.erp.post

    def meanwhile(vouchers: Sequence[Voucher], *, year: int) -> None:
        monkeypatch.undo()
        world.moment.put(factories.customer("7", name="Nordlys Arkitekter og Co AS", number="10001"))
        world.receive(CUSTOMER, "7")
        world.drain(CUSTOMER)
        post_really(vouchers, year=year)

    monkeypatch.setattr(world.erp, "post", meanwhile)
    post(world)
    assert booked_on(world) == [10300]
    assert world.mails() == []


def test_a_refused_invoice_whose_customer_exists_needs_attention_as_before(world: World) -> None:
    world.begin()
    world.put_and_sync(factories.invoice("9", project_id="", kid="refuse me"))
    assert world.job(INVOICE, "9").state is JobState.NEEDS_ATTENTION
    assert link_of(world, "7") == "10001"


def test_a_project_just_created_by_another_process_is_not_considered_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin()
    world.moment.put(factories.invoice("9", kid="refuse me"))
    monkeypatch.setattr(world.erp, "existing_projects", lambda _: [])  # as what was free is remembered to be so
    world.sync(INVOICE, "9")
    assert world.job(INVOICE, "9").message == "KID is wrong."
    assert link_of(world, "8", PROJECT) == "1"


def test_a_customer_recreated_in_moment_replaces_the_deleted_one(world: World) -> None:
    world.begin()
    world.moment.put(factories.customer("70"))
    del world.moment.customers["7"]
    world.sync(CUSTOMER, "70")
    job = world.job(CUSTOMER, "70")
    offered = match_questions.candidates_of(world.database, job.id)
    assert [(each.number, each.note) for each in offered] == [("10001", "")]
    match_questions.answer(world.database, job.id, "10001", actor="kari", now=world.now)
    world.run()
    assert (link_of(world, "7"), link_of(world, "70")) == (None, "10001")


def test_a_person_chooses_another_customer(world: World) -> None:
    world.begin()
    world.erp.companies[10300] = Company(10300, "Nordlys Holding AS", "974760673")
    assert say(world, "7", "10300") == 1
    world.run()
    assert (link_of(world, "7"), world.moment.customers["7"].number) == ("10300", "10300")
    post(world)
    assert booked_on(world) == [10300]
    assert [deed for actor, deed in deeds(world, "7") if actor == "kari"] == [
        f"{RELEASED} It is being linked to Customer 10300.",
        "Relinked Customer Nordlys Arkitekter AS to number 10300 in 24SevenOffice",
        "Retry: Customer Nordlys Arkitekter AS",
    ]


def test_an_unknown_number_is_refused_and_nothing_is_created(world: World) -> None:
    world.begin()
    say(world, "7", "99999")
    world.run()
    assert world.job(CUSTOMER, "7").error_code == "customer_number"
    assert list(world.erp.companies) == [10001]
    say(world, "7", "")
    world.run()
    assert link_of(world, "7") == "10001"


def test_a_customer_linked_to_another_record_is_not_taken_from_it(world: World) -> None:
    world.begin()
    world.put_and_sync(factories.customer("70", name="Fjord AS", organization_number="", email=""))
    with pytest.raises(LinkTakenError, match="Nordlys Arkitekter AS"):
        say(world, "70", "10001")
    assert (link_of(world, "7"), link_of(world, "70")) == ("10001", "10002")


def test_an_invoice_of_a_customer_deleted_in_moment_goes_where_a_person_says(world: World) -> None:
    world.begin()
    del world.moment.customers["7"]
    world.sync(CUSTOMER, "7")
    post(world)
    assert world.job(INVOICE, "9").error_code == "dependency_gone"
    say(world, "7", "10001")
    world.run()
    assert booked_on(world) == [10001]
    assert world.job(INVOICE, "9").outcome is Outcome.SYNCED


def match_by_hand(world: World) -> None:
    """Have a person choose which of two similar customers is customer 7, which Moment loses afterwards."""
    for number in (10001, 10002):
        world.erp.companies[number] = Company(number, "Nordlys Arkitekter AS", "923609016")
    world.put_and_sync(factories.customer("7"))
    match_questions.answer(world.database, world.job(CUSTOMER, "7").id, "10001", actor="kari", now=world.now)
    world.run()
    assert link_of(world, "7") == "10001"
    del world.moment.customers["7"]
    del world.erp.companies[10002]


def test_a_choice_made_while_moment_had_the_customer_does_not_hold_later(world: World) -> None:
    match_by_hand(world)
    for _ in range(2):
        world.sync(CUSTOMER, "7")
        assert (link_of(world, "7"), world.job(CUSTOMER, "7").error_code) == (None, "gone")
    say(world, "7", "10001")
    for _ in range(2):
        world.run()
        assert link_of(world, "7") == "10001"
        world.receive(CUSTOMER, "7")


def test_an_invoice_of_a_customer_merged_in_moment_needs_attention_even_if_matched(world: World) -> None:
    match_by_hand(world)
    world.put_and_sync(factories.customer("70", number="10001"))
    match_questions.answer(world.database, world.job(CUSTOMER, "70").id, "10001", actor="kari", now=world.now)
    world.run()
    post(world)
    assert (link_of(world, "7"), link_of(world, "70")) == (None, "10001")
    assert world.job(CUSTOMER, "7").error_code == "gone"
    assert world.job(INVOICE, "9").error_code == "dependency_gone"


def test_a_choice_for_a_lost_customer_ends_once_another_has_the_number(world: World) -> None:
    match_by_hand(world)
    world.sync(CUSTOMER, "7")
    job_id = world.job(CUSTOMER, "7").id
    relink(world.database, job_id, "10001", actor="kari", now=world.now)
    world.moment.put(factories.customer("70", number="10001"))
    links.save(world.database, world.connection.id, Record(CUSTOMER, "70"), links.Link("10001"), now=world.now)
    world.run()
    assert (link_of(world, "7"), world.job(CUSTOMER, "7").error_code) == (None, "gone")


def test_a_link_that_cannot_be_replaced_in_full_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin()

    def breaks_off(*_args: object) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(job_actions, "audit_entry", breaks_off)
    with pytest.raises(DatabaseUnavailableError):
        say(world, "7", "10300")
    assert (link_of(world, "7"), deeds(world, "7")) == ("10001", [])


def test_a_project_is_matched_again_and_accepts_no_number(world: World) -> None:
    world.begin()
    assert say(world, "8", "500", PROJECT) == 0
    assert say(world, "8", "", PROJECT) == 1
    world.run()
    assert link_of(world, "8", PROJECT) == "1"


def test_an_invoice_cannot_be_unlinked(world: World) -> None:
    world.begin()
    post(world)
    assert say(world, "9", "", INVOICE) == 0
    assert link_of(world, "9", INVOICE) == "2026/1"
