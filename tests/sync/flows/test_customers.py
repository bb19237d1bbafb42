from dataclasses import replace

import pytest

from models.admin import match_questions
from models.enums import EntityType, JobState, Outcome
from models.inbox import questions
from sync.errors import OutcomeUnknownError, SyncError, UnavailableError
from sync.records import Address, Company, CustomerDetails
from tests import factories
from tests.sync.conftest import SyncHarness


def sync(harness: SyncHarness, *record_ids: str) -> None:
    harness.sync(EntityType.CUSTOMER, *(record_ids or ["7"]))


def test_a_new_customer_is_saved_and_its_number_returned_to_moment(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7"))
    assert harness.erp.companies == {10001: Company(10001, "Nordlys Arkitekter AS", "923609016", "7")}
    assert harness.moment.customers["7"].number == "10001"
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED


def test_the_echo_of_the_returned_number_makes_no_call_to_24sevenoffice(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7"))
    harness.erp.calls.clear()
    sync(harness)
    assert not harness.erp.calls
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.UNCHANGED


def test_a_changed_customer_overwrites_the_same_company(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7"))
    harness.put_and_sync(factories.customer("7", name="Nordlys AS", number="10001"))
    assert harness.erp.companies == {10001: Company(10001, "Nordlys AS", "923609016", "7")}


def test_many_customers_are_saved_in_one_call(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"), factories.customer("8", name="Fjord AS", organization_number=""))
    sync(harness, "7", "8")
    assert harness.erp.calls["save_companies"] == 1
    assert [harness.moment.customers[each].number for each in "78"] == ["10001", "10002"]


def test_a_refused_customer_delays_no_other(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="Refused AS"), factories.customer("8", name="Fjord AS"))
    sync(harness, "7", "8")
    assert harness.job(EntityType.CUSTOMER, "7").state is JobState.NEEDS_ATTENTION
    assert harness.job(EntityType.CUSTOMER, "8").outcome is Outcome.SYNCED
    assert harness.mails() == [("needs_attention", "Customer Refused AS")]


def test_a_customer_whose_save_lost_its_answer_is_found_again_by_its_external_id(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"))
    harness.erp.fails_after["save_companies"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    harness.run_after(hours=1)
    assert list(harness.erp.companies) == [10001]
    assert harness.moment.customers["7"].number == "10001"


def test_a_number_that_could_not_be_returned_is_returned_later(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"))
    harness.moment.fails_before["write_customer_number"] = [UnavailableError("Moment is down.")]
    sync(harness)
    assert harness.moment.customers["7"].number == ""
    harness.run_after(hours=1)
    assert harness.moment.customers["7"].number == "10001"
    assert harness.erp.calls["save_companies"] == 1


def test_a_number_changed_by_hand_in_moment_is_corrected(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7"))
    harness.put_and_sync(factories.customer("7", number="555"))
    assert harness.moment.customers["7"].number == "10001"


def test_a_customer_known_to_both_systems_before_is_linked_by_its_number(harness: SyncHarness) -> None:
    harness.erp.companies[10001] = Company(10001, "NORDLYS ARKITEKTER AS", "923 609 016")
    harness.put_and_sync(factories.customer("7", number="10001"))
    assert list(harness.erp.companies) == [10001]


@pytest.mark.parametrize(("choice", "number"), [("20001", "20001"), (questions.CREATE_NEW, "10002")])
def test_a_supplier_under_the_number_is_asked_about_and_stays_a_supplier(
    harness: SyncHarness, choice: str, number: str
) -> None:
    supplier = Company(20001, "Nordlys Arkitekter AS", "923609016", supplier=True)
    harness.erp.companies[20001] = supplier
    harness.put_and_sync(factories.customer("7", number="20001"))
    assert harness.job(EntityType.CUSTOMER, "7").error_code == "which_customer"
    assert harness.erp.companies == {20001: supplier}
    assert answer(harness, choice) == 1
    harness.run()
    assert harness.moment.customers["7"].number == number
    assert harness.erp.companies[20001].supplier


def test_a_person_stays_a_person_if_moment_gives_no_customer_type(harness: SyncHarness) -> None:
    kari = {"name": "Kari Nordmann", "organization_number": ""}
    harness.put_and_sync(factories.customer("7", is_company=False, **kari))
    harness.put_and_sync(factories.customer("7", is_company=None, number="10001", phone="90 00 00 00", **kari))
    assert harness.erp.calls["save_companies"] == 2
    assert harness.erp.companies[10001].person


def test_several_e_mail_addresses_in_one_field_give_a_warning(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", email="post@x.example", invoice_email="a@x.example; b@x.example"))
    (warning,) = harness.job(EntityType.CUSTOMER, "7").warnings
    assert warning.startswith("The email address for invoices holds several addresses.")
    assert "a@x.example; b@x.example" in harness.erp.emails[10001].values()


def test_a_number_that_is_another_companys_in_24sevenoffice_is_not_taken_over(harness: SyncHarness) -> None:
    harness.erp.companies[10001] = Company(10001, "Helt Andre AS", "974760673")
    harness.put_and_sync(factories.customer("7", number="10001"))
    assert harness.erp.companies[10001].name == "Helt Andre AS"
    assert harness.moment.customers["7"].number == "10002"


def test_a_deleted_customer_is_skipped(harness: SyncHarness) -> None:
    sync(harness)
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SKIPPED


def test_a_customer_without_a_name_needs_attention(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", name=" \x00 "))
    job = harness.job(EntityType.CUSTOMER, "7")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "no_name")
    assert not harness.erp.companies


@pytest.mark.parametrize(
    ("number", "sent", "warning"),
    [
        ("923609017", "923609017", "“923609017” isn't a Norwegian organization number."),
        ("12345", "12345", "“12345” isn't a Norwegian organization number."),
        ("010190 12345", "", "Moment has an identity number in place of the organization number."),
    ],
)
def test_an_invalid_organization_number_is_a_warning_until_it_is_corrected(
    harness: SyncHarness, number: str, sent: str, warning: str
) -> None:
    harness.moment.put(factories.customer("7", organization_number=number))
    for _ in range(2):
        sync(harness)
        job = harness.job(EntityType.CUSTOMER, "7")
        assert job.state is JobState.DONE
        assert [told[: len(warning)] for told in job.warnings] == [warning]
    assert harness.erp.companies[10001].organization_number == sent
    assert harness.mails() == []
    harness.put_and_sync(factories.customer("7", organization_number=""))
    assert harness.job(EntityType.CUSTOMER, "7").warnings == ()


def test_an_invalid_organization_number_does_not_make_a_person_a_business(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", organization_number="010190", is_company=False))
    assert harness.erp.companies[10001].person


def test_a_corrected_customer_is_synced_and_a_mail_says_so(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", name=""))
    harness.put_and_sync(factories.customer("7"))
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED
    assert [turn for turn, _ in harness.mails()] == ["needs_attention", "resolved"]


NORDLYS = Company(10234, "Nordlys Arkitekter AS", "923 609 016")
BRANCHES = (Company(10235, "Nordlys Oslo", "923609016"), Company(10236, "Nordlys Bergen", "923609016"))


def candidates(harness: SyncHarness, record_id: str = "7") -> list[str]:
    job_id = harness.job(EntityType.CUSTOMER, record_id).id
    return [each.number for each in match_questions.candidates_of(harness.database, job_id)]


def answer(harness: SyncHarness, choice: str, record_id: str = "7") -> int:
    job_id = harness.job(EntityType.CUSTOMER, record_id).id
    return match_questions.answer(harness.database, job_id, choice, actor="test", now=harness.now).count


def add_to_ledger(harness: SyncHarness, *companies: Company) -> None:
    harness.erp.companies |= {company.number: company for company in companies}


def test_a_matched_customer_keeps_the_addresses_that_moment_does_not_have(harness: SyncHarness) -> None:
    by_hand = ("regnskap@nordlys.example", "faktura@nordlys.example")
    add_to_ledger(harness, replace(NORDLYS, emails=by_hand))
    harness.put_and_sync(factories.customer("7", email="", invoice_email=""))
    assert [(each.moment_id, each.emails) for each in harness.erp.all_companies()] == [("7", by_hand)]


def test_an_existing_customer_is_linked_and_its_number_returned(harness: SyncHarness) -> None:
    add_to_ledger(harness, NORDLYS)
    harness.put_and_sync(factories.customer("7"))
    assert harness.erp.companies == {10234: Company(10234, "Nordlys Arkitekter AS", "923609016", "7")}
    assert harness.moment.customers["7"].number == "10234"
    sync(harness)
    assert harness.erp.calls["save_companies"] == 1


def test_the_customer_index_is_read_once_for_a_batch_and_not_for_linked_ones(harness: SyncHarness) -> None:
    for number in range(30):
        harness.moment.put(factories.customer(str(number), name=f"Kunde {number} AS", organization_number=""))
    sync(harness, *map(str, range(30)))
    harness.put_and_sync(factories.customer("7", name="Kunde sju AS", organization_number="", number="10008"))
    assert (harness.erp.calls["all_companies"], harness.erp.calls["save_companies"]) == (1, 2)


def ask(harness: SyncHarness) -> None:
    """Have a person asked which of two customers in the ledger it is."""
    add_to_ledger(harness, *BRANCHES)
    harness.put_and_sync(factories.customer("7"))


def test_a_person_chooses_among_several_matches_and_the_choice_is_applied(harness: SyncHarness) -> None:
    ask(harness)
    job = harness.job(EntityType.CUSTOMER, "7")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "which_customer")
    assert "10235 Nordlys Oslo; 10236 Nordlys Bergen" in job.message
    assert candidates(harness) == ["10235", "10236"]
    assert answer(harness, "10236") == 1
    harness.run()
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED
    assert harness.erp.companies[10236].moment_id == "7"
    assert harness.erp.companies[10235] == BRANCHES[0]
    assert candidates(harness) == []
    assert [turn for turn, _ in harness.mails()] == ["needs_attention", "resolved"]


def test_a_person_may_answer_that_it_is_a_new_one_however_often_it_is_tried(harness: SyncHarness) -> None:
    ask(harness)
    answer(harness, questions.CREATE_NEW)
    harness.erp.fails_after["save_companies"] = [OutcomeUnknownError("No answer.")]
    harness.run()
    harness.run_after(hours=1)
    assert len(harness.erp.companies) == 3
    assert harness.moment.customers["7"].number not in ("", "10235", "10236")


def test_an_answer_that_is_not_offered_is_ignored(harness: SyncHarness) -> None:
    ask(harness)
    assert [answer(harness, choice) for choice in ("10001", "", "10235", "10235")] == [0, 0, 1, 0]


def test_a_chosen_customer_that_is_gone_is_asked_about_again(harness: SyncHarness) -> None:
    add_to_ledger(harness, *BRANCHES, Company(10237, "Nordlys Tromsø", "923609016"))
    harness.put_and_sync(factories.customer("7"))
    del harness.erp.companies[10236]
    answer(harness, "10236")
    harness.run()
    assert candidates(harness) == ["10235", "10237"]


def test_two_moment_customers_that_match_the_same_one_are_not_both_linked(harness: SyncHarness) -> None:
    add_to_ledger(harness, NORDLYS)
    for record_id in "789":
        harness.moment.put(factories.customer(record_id))
    sync(harness, "7", "8")
    sync(harness, "9")
    assert harness.moment.customers["7"].number == "10234"
    assert harness.erp.companies[10234].moment_id == "7"
    for record_id in "89":
        assert harness.job(EntityType.CUSTOMER, record_id).error_code == "which_customer"
        (offered,) = match_questions.candidates_of(
            harness.database, harness.job(EntityType.CUSTOMER, record_id).id
        )
        assert (offered.number, offered.note) == ("10234", "taken")
    answer(harness, "10234", "8")
    answer(harness, questions.CREATE_NEW, "9")
    harness.run()
    assert harness.job(EntityType.CUSTOMER, "8").error_code == "which_customer"
    assert harness.job(EntityType.CUSTOMER, "9").outcome is Outcome.SYNCED
    assert len(harness.erp.companies) == 2


def test_a_customer_with_a_question_delays_no_other(harness: SyncHarness) -> None:
    add_to_ledger(harness, *BRANCHES)
    harness.moment.put(factories.customer("7"), factories.customer("8", name="Fjord AS", organization_number=""))
    sync(harness, "7", "8")
    assert harness.job(EntityType.CUSTOMER, "8").outcome is Outcome.SYNCED
    assert harness.erp.calls["save_companies"] == 1


def test_an_invoice_of_a_private_person_is_not_booked_on_a_stranger_of_the_same_name(harness: SyncHarness) -> None:
    add_to_ledger(harness, Company(10055, "Jan Hansen", emails=("jan.hansen@gammel.example",)))
    add_to_ledger(harness, Company(10056, "Hansen", "983658776"))
    harness.moment.put(
        factories.customer("7", name="Jan Hansen", organization_number="", email="", is_company=False)
    )
    harness.moment.put(factories.customer("8", name="Hansen", organization_number="", email="", is_company=False))
    harness.moment.put(factories.invoice("9", project_id=""))
    harness.receive(EntityType.INVOICE, "9")
    sync(harness, "7", "8")
    assert [harness.job(EntityType.CUSTOMER, each).error_code for each in "78"] == ["which_customer"] * 2
    assert not harness.erp.vouchers
    answer(harness, questions.CREATE_NEW)
    answer(harness, questions.CREATE_NEW, "8")
    harness.run()
    assert harness.erp.companies[10056].organization_number == "983658776"
    assert [each.entries[0].customer_number for each in harness.erp.vouchers.values()] == [10003]


@pytest.mark.parametrize(("number", "country"), [("000 000 000", "NO"), ("N/A", "GB")])
def test_two_customers_without_a_number_are_not_merged_and_keep_their_names(
    harness: SyncHarness, number: str, country: str
) -> None:
    add_to_ledger(harness, Company(10001, "Fjordheim Borettslag", number.replace(" ", "")))
    harness.put_and_sync(factories.customer("7", organization_number=number, country=country, email=""))
    assert harness.erp.companies[10001].name == "Fjordheim Borettslag"
    assert [each.organization_number for each in harness.erp.companies.values() if each.number != 10001] == [""]


@pytest.mark.parametrize(
    ("organization_number", "second"),
    [("923609016", "Nordlys Arkitekter AS"), ("", "Nordlys Arkitekter AS"), ("", "Nordlys Arkitekter A/S")],
)
def test_the_same_firm_twice_in_one_batch_does_not_become_two_customers(
    harness: SyncHarness, organization_number: str, second: str
) -> None:
    for record_id, name in (("7", "Nordlys Arkitekter AS"), ("8", second)):
        harness.moment.put(factories.customer(record_id, name=name, organization_number=organization_number))
    harness.moment.put(factories.customer("9", name="Fjord AS", organization_number=""))
    sync(harness, "7", "8", "9")
    assert [each.name for each in harness.erp.companies.values()] == ["Nordlys Arkitekter AS", "Fjord AS"]
    assert harness.job(EntityType.CUSTOMER, "8").error_code == "which_customer"
    assert candidates(harness, "8") == [harness.moment.customers["7"].number]
    answer(harness, questions.CREATE_NEW, "8")
    harness.run()
    assert len(harness.erp.companies) == 3


def test_the_second_of_a_batch_is_saved_if_the_first_is_refused(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="Refused AS"))
    harness.moment.put(factories.customer("8", name="Refused  AS", email=""))
    harness.moment.put(factories.customer("9", name="Nordlys Arkitekter AS"))
    sync(harness, "7", "8", "9")
    assert [each.moment_id for each in harness.erp.companies.values()] == ["9"]
    assert harness.job(EntityType.CUSTOMER, "9").outcome is Outcome.SYNCED


def test_saved_customers_stay_saved_if_the_search_for_a_second_fails(harness: SyncHarness) -> None:
    for record_id in "78":
        harness.moment.put(factories.customer(record_id))
    harness.erp.fails_before["all_companies"] = [None, UnavailableError("24SevenOffice is down.")]
    sync(harness, "7", "8")
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED
    assert harness.job(EntityType.CUSTOMER, "8").state is JobState.RETRYING


@pytest.mark.parametrize("error", [OutcomeUnknownError("No answer."), UnavailableError("24SevenOffice is down.")])
def test_a_question_stays_open_if_saving_the_others_fails(harness: SyncHarness, error: SyncError) -> None:
    add_to_ledger(harness, *BRANCHES)
    harness.moment.put(factories.customer("7"), factories.customer("8", name="Fjord AS", organization_number=""))
    harness.erp.fails_before["save_companies"] = [error]
    sync(harness, "7", "8")
    asked = harness.job(EntityType.CUSTOMER, "7")
    assert (asked.state, asked.error_code) == (JobState.NEEDS_ATTENTION, "which_customer")
    assert harness.job(EntityType.CUSTOMER, "8").state is JobState.RETRYING
    assert harness.erp.calls["save_companies"] == 1


def test_a_customer_that_was_saved_but_not_linked_is_found_again(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7"))
    harness.erp.companies.clear()  # so that the next one gets the same number
    del harness.moment.customers["7"]
    harness.moment.put(factories.customer("8", name="Fjord AS", organization_number=""))
    harness.moment.fails_before["customer"] = [None, UnavailableError("Moment is down.")]
    sync(harness, "8")
    assert harness.job(EntityType.CUSTOMER, "8").state is JobState.RETRYING
    harness.moment.put(factories.customer("8", name="Fjell AS", organization_number=""))
    harness.run_after(hours=1)
    assert harness.erp.companies == {10001: Company(10001, "Fjell AS", "", "8")}


@pytest.mark.parametrize("own", ["501", ""])
def test_a_number_that_moment_does_not_keep_is_returned_once_and_then_asked_about(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    harness.moment.put(factories.customer("7", number=own))

    def keeps_its_own(record_id: str, number: int) -> None:  # noqa: ARG001 - that is what it is about
        harness.moment.calls["write_customer_number"] += 1
        harness.receive(EntityType.CUSTOMER, record_id)  # every PATCH causes a webhook

    monkeypatch.setattr(harness.moment, "write_customer_number", keeps_its_own)
    for _ in range(3):
        sync(harness)
        harness.later(hours=1)
    job = harness.job(EntityType.CUSTOMER, "7")
    assert harness.moment.calls["write_customer_number"] == 1
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "number_kept")
    harness.put_and_sync(factories.customer("7", number="10001"))
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.UNCHANGED
    monkeypatch.undo()
    harness.put_and_sync(factories.customer("7", number=own))
    assert harness.moment.customers["7"].number == "10001"


def test_a_question_shows_moments_customer_beside_the_candidates(harness: SyncHarness) -> None:
    add_to_ledger(harness, *BRANCHES)
    street = Address("visit", "Storgata 1", "5003", "Bergen", "NO")
    harness.erp.details[10236] = [CustomerDetails(addresses=(street,))]
    harness.moment.put(
        factories.customer(
            "7",
            number="4711",
            organization_number="923 609 016",
            addresses=(Address("post", "Kaia 2", "0150", "Oslo"),),
        )
    )
    sync(harness)
    question = match_questions.open_question(harness.database, harness.job(EntityType.CUSTOMER, "7").id)
    assert question
    assert question.moment_record
    own = question.moment_record
    assert (own.number, own.name, own.organization_number) == ("4711", "Nordlys Arkitekter AS", "923609016")
    assert (own.address, question.candidates[1].address) == ("Kaia 2, 0150 Oslo", "Storgata 1, 5003 Bergen")


def undo(harness: SyncHarness, record_id: str = "7") -> int:
    job_id = harness.job(EntityType.CUSTOMER, record_id).id
    return match_questions.undo(harness.database, job_id, actor="test", now=harness.now).count


@pytest.mark.parametrize("written", [False, True])
def test_a_choice_is_undone_and_the_question_asked_again(harness: SyncHarness, *, written: bool) -> None:
    ask(harness)
    answer(harness, "10236")
    if written:
        harness.run()
        assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED
    assert (undo(harness), undo(harness)) == (1, 0)
    harness.run()
    job = harness.job(EntityType.CUSTOMER, "7")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "which_customer")
    assert candidates(harness) == ["10235", "10236"]
    assert answer(harness, "10235") == 1
    harness.run()
    assert harness.moment.customers["7"].number == "10235"
    assert harness.erp.companies[10235].moment_id == "7"


@pytest.mark.parametrize("lost", [False, True])
def test_after_a_choice_is_undone_a_new_customer_is_a_new_one(harness: SyncHarness, *, lost: bool) -> None:
    ask(harness)
    answer(harness, "10236")
    harness.run()
    undo(harness)
    answer(harness, questions.CREATE_NEW)
    harness.erp.fails_after["save_companies"] = [OutcomeUnknownError("No answer.")] if lost else []
    harness.run()
    harness.run_after(hours=1)
    assert len(harness.erp.companies) == 3
    assert harness.moment.customers["7"].number not in ("", "10235", "10236")


def test_an_undone_match_is_asked_about_and_not_matched_automatically(harness: SyncHarness) -> None:
    ask(harness)
    answer(harness, "10236")
    harness.run()
    undo(harness)
    sync(harness)
    assert harness.job(EntityType.CUSTOMER, "7").error_code == "which_customer"
    assert candidates(harness) == ["10236"]
    answer(harness, "10236")
    harness.run()
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.SYNCED


def test_a_link_made_without_a_choice_cannot_be_undone(harness: SyncHarness) -> None:
    add_to_ledger(harness, NORDLYS)
    harness.put_and_sync(factories.customer("7"))
    assert undo(harness) == 0
    assert harness.moment.customers["7"].number == "10234"
