from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from models.admin import job_actions, relink
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.enums import EntityType, JobState, Lane, Outcome
from sync.errors import OutcomeUnknownError, RejectedError, SyncError, UnavailableError
from sync.polling.polls import poll_expenses
from sync.records import Company, LedgerLine, SetupPart, VatCode, VoucherDocuments
from tests import factories
from tests.fakes import FakeErp
from tests.sync.conftest import SyncHarness
from tests.sync.flows.supplier_vouchers import (
    DAY,
    PDF,
    PNG,
    VOUCHER,
    amounts,
    cost,
    enter,
    enter_and_sync,
    prepare,
    sync_voucher,
)

NOT_LISTED, ON_NO_PROJECT = "Account 4000 isn't listed for expenses", "The cost on account 4300 has no project"


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    return prepare(harness)


def test_a_posted_cost_becomes_an_expense_with_its_document(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(100000, vat_code="1"), vat=25000)
    ((expense_id, draft),) = harness.moment.expenses.items()
    assert (draft.amount, draft.description, draft.day) == (125000, "Limtre", DAY)
    assert (draft.supplier, draft.invoice_number) == ("Byggmaker Øst AS", "F-77")
    assert (draft.project_id, draft.activity_id, draft.billable) == ("8", "8-Expenses", True)
    assert harness.moment.documents[expense_id] == {"Byggmaker Øst AS F-77.pdf": b"%PDF"}
    assert harness.job(EntityType.EXPENSE, VOUCHER).outcome is Outcome.SYNCED


def test_a_voucher_read_again_changes_nothing(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    sync_voucher(harness)
    assert amounts(harness) == [125000]
    assert harness.moment.calls["upload_document"] == 1
    assert harness.job(EntityType.EXPENSE, VOUCHER).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("project", [1, 77], ids=["synced", "skipped"])
def test_a_repeated_voucher_keeps_its_received_time_until_it_changes(harness: SyncHarness, project: int) -> None:
    harness.change_settings(entity_types=["expense"])
    enter(harness, cost(125000, project_number=project))
    first, again = polled(harness), polled(harness)
    assert again.received_at == first.received_at
    assert (again.revision, again.updated_at > first.updated_at) == (first.revision + 1, True)
    enter(harness, cost(250000, project_number=project))
    assert polled(harness).received_at == harness.now


def polled(harness: SyncHarness) -> JobView:
    """Poll the expenses a quarter of an hour later, and sync the result."""
    harness.later(minutes=15)
    lane = Lane(harness.connection.id, EntityType.EXPENSE)
    poll_expenses(harness.database, harness.erp, lane, settings=harness.connection.settings, now=harness.now)
    harness.drain(EntityType.EXPENSE)
    return harness.job(EntityType.EXPENSE, VOUCHER)


def test_costs_on_several_projects_and_accounts_become_an_expense_for_each(harness: SyncHarness) -> None:
    lines = (
        cost(60000, vat_code="1"),
        cost(40000, project_number=2, vat_code="1"),
        cost(20000, 6590, vat_code="1"),
    )
    enter_and_sync(harness, *lines, cost(10000, vat_code="1"), vat=32500)
    assert sorted(amounts(harness)) == [25000, 50000, 87500]
    assert all(harness.moment.documents[each] for each in harness.moment.expenses)


def test_a_credit_note_is_a_negative_expense(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(-100000, vat_code="1"), vat=-25000)
    assert amounts(harness) == [-125000]


def test_a_foreign_invoice_stays_in_kroner_and_names_its_currency(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(112345, currency="EUR"), currency="EUR")
    (draft,) = harness.moment.expenses.values()
    assert (draft.amount, draft.description) == (112345, "Limtre (EUR)")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([cost(1000, 4000)], ("not_listed", NOT_LISTED)),
        ([cost(1000, project_number=77)], ("unknown_project", "Moment has no project 77")),
        ([cost(1000, hidden=True)], ("no_costs", "It has no costs or isn't in the ledger")),
        ([cost(1, project_number=None), cost(1, 4000)], ("no_project", f"{ON_NO_PROJECT}; {NOT_LISTED}")),
    ],
)
def test_a_skipped_cost_says_why(harness: SyncHarness, lines: list[LedgerLine], told: tuple[str, str]) -> None:
    enter_and_sync(harness, *lines)
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.outcome, job.error_code, job.message) == (Outcome.SKIPPED, *told)
    assert not harness.moment.expenses
    assert harness.mails() == []


def test_vouchers_older_than_the_first_day_are_left_alone(harness: SyncHarness) -> None:
    harness.change_settings(expense_from=DAY + timedelta(days=1))
    enter_and_sync(harness, cost(1000))
    assert harness.job(EntityType.EXPENSE, VOUCHER).message == "Dated before 21.02.2026"


def test_an_expense_waits_until_its_document_is_approved(harness: SyncHarness) -> None:
    harness.erp.stamps[55] = VoucherDocuments(pending=True)
    enter_and_sync(harness, cost(125000))
    assert harness.job(EntityType.EXPENSE, VOUCHER).message == "The document is awaiting approval"
    harness.erp.stamps[55] = VoucherDocuments((PDF,))
    harness.run_after(days=1)
    assert amounts(harness) == [125000]


def test_a_waiting_voucher_that_changes_is_synced_at_once(harness: SyncHarness) -> None:
    harness.erp.stamps[55] = VoucherDocuments(pending=True)
    enter_and_sync(harness, cost(125000))
    harness.erp.stamps[55] = VoucherDocuments((PDF,))
    sync_voucher(harness)
    assert amounts(harness) == [125000]


def test_a_later_document_is_added_to_the_existing_expense(harness: SyncHarness) -> None:
    harness.erp.stamps[55] = VoucherDocuments((PDF,), pending=True)
    enter_and_sync(harness, cost(125000))
    harness.erp.stamps[55] = VoucherDocuments((PDF, PNG))
    harness.run_after(days=2)
    (files,) = harness.moment.documents.values()
    assert files == {"Byggmaker Øst AS F-77.pdf": b"%PDF", "Byggmaker Øst AS F-77.png": b"PNG"}


def test_documents_of_the_same_type_have_different_names(harness: SyncHarness) -> None:
    harness.erp.stamps[55] = VoucherDocuments((PDF, replace(PNG, type="pdf")))
    enter_and_sync(harness, cost(125000))
    (files,) = harness.moment.documents.values()
    assert files == {"Byggmaker Øst AS F-77.pdf": b"%PDF", "Byggmaker Øst AS F-77 (2).pdf": b"PNG"}


def test_a_broken_document_does_not_lose_the_expense_and_is_retried(harness: SyncHarness) -> None:
    content = harness.erp.contents.pop("1")
    enter_and_sync(harness, cost(125000))
    assert amounts(harness) == [125000]
    assert harness.job(EntityType.EXPENSE, VOUCHER).state is JobState.RETRYING
    harness.erp.contents["1"] = content
    harness.run_after(hours=1)
    assert list(harness.moment.documents.values()) == [{"Byggmaker Øst AS F-77.pdf": b"%PDF"}]


def test_a_document_that_stays_missing_needs_attention_in_the_end(harness: SyncHarness) -> None:
    harness.erp.contents.clear()
    enter_and_sync(harness, cost(125000))
    for _ in range(10):
        harness.run_after(hours=2)
    assert harness.mails() == [("needs_attention", "Voucher 40001/2026 (Byggmaker Øst AS F-77)")]


def test_a_lost_response_to_an_upload_makes_no_second_file(harness: SyncHarness) -> None:
    harness.moment.fails_after["upload_document"] = [OutcomeUnknownError("No answer.")]
    enter_and_sync(harness, cost(125000))
    harness.run_after(hours=1)
    assert harness.moment.calls["upload_document"] == 1
    assert list(harness.moment.documents.values()) == [{"Byggmaker Øst AS F-77.pdf": b"%PDF"}]


def test_a_lost_response_to_a_new_expense_makes_no_second_one(harness: SyncHarness) -> None:
    harness.moment.fails_after["create_expense"] = [OutcomeUnknownError("No answer.")]
    enter_and_sync(harness, cost(125000))
    harness.run_after(hours=1)
    assert amounts(harness) == [125000]
    assert all(harness.moment.documents.values())


def test_an_expense_with_a_lost_response_is_found_though_its_cost_was_reversed(harness: SyncHarness) -> None:
    harness.moment.fails_after["create_expense"] = [OutcomeUnknownError("No answer.")]
    enter_and_sync(harness, cost(125000))
    enter(harness, cost(125000, hidden=True))
    harness.run_after(hours=1)
    assert amounts(harness) == []


def test_a_changed_amount_is_corrected(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    enter_and_sync(harness, cost(99000))
    assert amounts(harness) == [99000]


def test_a_cost_moved_to_another_project_is_moved_in_moment(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    enter_and_sync(harness, cost(125000, project_number=2))
    assert [draft.project_id for draft in harness.moment.expenses.values()] == ["9"]


def test_reversing_a_voucher_removes_its_expense_until_it_returns(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    enter_and_sync(harness, cost(125000, hidden=True))
    assert amounts(harness) == []
    assert harness.job(EntityType.EXPENSE, VOUCHER).error_code == "removed"
    enter_and_sync(harness, cost(125000))
    assert amounts(harness) == [125000]


def retry(harness: SyncHarness, *job_ids: int) -> None:
    chosen = JobFilter(ids=frozenset(job_ids)) if job_ids else JobFilter(connection_id=harness.connection.id)
    job_actions.retry(harness.database, chosen, actor="kari", now=harness.now)
    harness.run_after(minutes=5)


@pytest.mark.parametrize(
    ("moved", "left"), [([cost(125000, project_number=2)], ["9"]), ([], [])], ids=["moved", "taken back"]
)
def test_a_set_aside_expense_is_corrected_only_by_a_person(
    harness: SyncHarness, moved: list[LedgerLine], left: list[str]
) -> None:
    enter_and_sync(harness, cost(125000))
    relink.unlink(harness.database, harness.connection.id, actor="kari", now=harness.now)
    enter_and_sync(harness, cost(125000, hidden=True), *moved)
    retry(harness)
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.state, job.error_code, amounts(harness)) == (JobState.NEEDS_ATTENTION, "set_aside", [125000])
    retry(harness, job.id)
    assert [draft.project_id for draft in harness.moment.expenses.values()] == left


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "unnoticed"])
def test_a_set_aside_expense_that_a_person_deleted_is_not_created_again(
    harness: SyncHarness, *, noticed: bool
) -> None:
    enter_and_sync(harness, cost(125000))
    if noticed:
        harness.moment.expenses.clear()
        enter_and_sync(harness, cost(130000))
    relink.unlink(harness.database, harness.connection.id, actor="kari", now=harness.now)
    harness.moment.expenses.clear()
    for amount in (130000, 140000):
        enter_and_sync(harness, cost(amount))
        retry(harness, harness.job(EntityType.EXPENSE, VOUCHER).id)
        assert amounts(harness) == []
    assert harness.job(EntityType.EXPENSE, VOUCHER).state is JobState.DONE


def test_a_set_aside_expense_of_another_moment_company_is_created_again(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    relink.unlink(harness.database, harness.connection.id, actor="kari", now=harness.now)
    harness.moment.expenses.clear()
    harness.change_settings(moment_company="1002")
    sync_voucher(harness)
    retry(harness, harness.job(EntityType.EXPENSE, VOUCHER).id)
    assert amounts(harness) == [125000]


@pytest.mark.parametrize("lost", [OutcomeUnknownError("No answer."), UnavailableError("Moment is down.")])
def test_a_cost_that_returns_after_a_lost_removal_is_synced_again(harness: SyncHarness, lost: SyncError) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.fails_after["delete_expense"] = [lost]
    enter_and_sync(harness, cost(125000, hidden=True))
    assert amounts(harness) == []
    enter(harness, cost(125000))
    harness.run_after(hours=1)
    assert amounts(harness) == [125000]
    assert harness.job(EntityType.EXPENSE, VOUCHER).outcome is Outcome.SYNCED
    sync_voucher(harness)
    assert amounts(harness) == [125000]


def test_a_cost_that_returns_after_a_failed_removal_is_not_duplicated(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.fails_before["delete_expense"] = [OutcomeUnknownError("No answer.")]
    enter_and_sync(harness, cost(125000, hidden=True))
    enter(harness, cost(99000))
    harness.run_after(hours=1)
    assert list(harness.moment.expenses) == ["700"]
    assert amounts(harness) == [99000]


@pytest.mark.parametrize("line", [cost(99000), cost(125000, hidden=True)])
def test_an_invoiced_expense_is_not_touched_and_a_mail_says_what_changed(
    harness: SyncHarness, line: LedgerLine
) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.invoiced |= set(harness.moment.expenses)
    enter_and_sync(harness, line)
    assert amounts(harness) == [125000]
    assert harness.job(EntityType.EXPENSE, VOUCHER).error_code == "invoiced"
    assert len(harness.mails()) == 1


def test_an_expense_deleted_in_moment_does_not_come_back(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.expenses.clear()
    sync_voucher(harness)
    enter_and_sync(harness, cost(99000))
    sync_voucher(harness)
    assert amounts(harness) == []


def test_an_unusable_activity_needs_attention(harness: SyncHarness) -> None:
    harness.moment.closed_activities.add("Expenses")
    enter_and_sync(harness, cost(125000))
    assert harness.job(EntityType.EXPENSE, VOUCHER).state is JobState.NEEDS_ATTENTION
    assert "Activity Expenses" in harness.job(EntityType.EXPENSE, VOUCHER).message


def test_a_project_may_be_billable_or_not_whatever_the_others_are(harness: SyncHarness) -> None:
    harness.change_settings(expense_billable=False, expense_billable_projects={"2": True})
    enter_and_sync(harness, cost(1000), cost(2000, project_number=2))
    assert {draft.project_id: draft.billable for draft in harness.moment.expenses.values()} == {
        "8": False,
        "9": True,
    }


def test_a_nameless_supplier_is_found_in_the_customer_index(harness: SyncHarness) -> None:
    harness.erp.companies[20001] = Company(20001, "Byggmaker Øst AS")
    enter_and_sync(harness, cost(1000), customer_name="")
    (draft,) = harness.moment.expenses.values()
    assert draft.supplier == "Byggmaker Øst AS"


def test_an_outage_syncs_nothing_twice(harness: SyncHarness) -> None:
    lines = (cost(1000), cost(2000, 6590), cost(3000, project_number=2))
    harness.moment.fails_before["create_expense"] = [None, UnavailableError("Moment is down.")]
    enter_and_sync(harness, *lines)
    assert harness.moment.calls["create_expense"] == 2
    harness.run_after(hours=1)
    assert sorted(amounts(harness)) == [1000, 2000, 3000]


def test_outcomes_unknown_before_an_outage_are_verified_afterwards(harness: SyncHarness) -> None:
    away = UnavailableError("Moment is down.")
    harness.moment.fails_after["create_expense"] = [OutcomeUnknownError("No answer.")]
    harness.moment.fails_before["find_expense"] = [None, away]
    enter_and_sync(harness, cost(1000), cost(2000, 6590))
    enter(harness, cost(1000, hidden=True), cost(2000, 6590))
    harness.run_after(hours=1)
    assert amounts(harness) == [2000]


def test_an_expense_that_needs_attention_delays_no_other_of_its_voucher(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(1000), cost(2000, 6590))
    harness.moment.invoiced.add("700")
    harness.moment.fails_before["update_expense"] = [None, OutcomeUnknownError("Moment broke off.")]
    enter_and_sync(harness, cost(1100), cost(2200, 6590))
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.state, harness.mails()) == (JobState.RETRYING, [])
    assert job.message.endswith("The expense is invoiced. Moment broke off.")
    harness.run_after(hours=1)
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "invoiced")
    assert amounts(harness) == [1000, 2200]


def test_all_errors_of_a_voucher_are_reported_at_once(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(1000), cost(2000, 6590))
    harness.moment.invoiced |= {"700", "701"}
    enter_and_sync(harness, cost(1100), cost(2200, 6590))
    told = [f"The ledger now shows {amount} kroner. The expense is invoiced." for amount in ("11,00", "22,00")]
    assert harness.job(EntityType.EXPENSE, VOUCHER).message == " ".join(told)


def test_a_document_of_twenty_expenses_is_downloaded_once(harness: SyncHarness) -> None:
    for number in range(3, 21):
        harness.moment.put(factories.project(str(100 + number), number=str(number), customer_id=""))
    harness.erp.stamps[55] = VoucherDocuments((PDF, PNG))
    enter_and_sync(harness, *(cost(1000, project_number=number) for number in range(1, 21)))
    assert harness.erp.calls["open_document"] == 2
    both = {"Byggmaker Øst AS F-77.pdf": b"%PDF", "Byggmaker Øst AS F-77.png": b"PNG"}
    assert list(harness.moment.documents.values()) == [both] * 20


def test_a_document_that_one_expense_does_not_get_is_uploaded_to_the_others(harness: SyncHarness) -> None:
    harness.moment.fails_before["upload_document"] = [RejectedError("Moment does not like it.")]
    harness.erp.stamps[55] = VoucherDocuments((PDF, replace(PNG, type="pdf")))
    enter_and_sync(harness, cost(1000), cost(2000, 6590))
    first, second = "Byggmaker Øst AS F-77.pdf", "Byggmaker Øst AS F-77 (2).pdf"
    assert list(harness.moment.documents.values()) == [{}, {first: b"%PDF", second: b"PNG"}]
    harness.run_after(hours=1)
    assert list(harness.moment.documents.values()) == [{first: b"%PDF", second: b"PNG"}] * 2


def test_during_an_outage_24sevenoffice_is_asked_for_a_document_once(harness: SyncHarness) -> None:
    harness.erp.fails_before["open_document"] = [UnavailableError("24SevenOffice is down.")]
    enter_and_sync(harness, cost(1000), cost(2000, 6590))
    assert (harness.erp.calls["open_document"], amounts(harness)) == (1, [1000, 2000])


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"expense_from": DAY + timedelta(days=1)}, "Dated before 21.02.2026"),
        ({"expense_accounts": "6590"}, "Account 4300 isn't listed for expenses"),
    ],
)
def test_expenses_that_the_settings_now_exclude_stay_and_are_reported(
    harness: SyncHarness, settings: dict[str, Any], why: str
) -> None:
    enter_and_sync(harness, cost(125000))
    harness.change_settings(**settings)
    enter_and_sync(harness, cost(125000, text="Gips"))
    assert amounts(harness) == [125000]
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.error_code, job.message) == ("kept", f"Earlier imports stay in Moment; {why}")
    enter_and_sync(harness, cost(125000, hidden=True))
    assert amounts(harness) == []


def test_an_expense_stays_when_its_project_gets_another_number(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000), cost(1000, project_number=2))
    harness.moment.put(factories.project("8", number="7", customer_id=""))
    enter_and_sync(harness, cost(125000), cost(2000, project_number=2))
    assert amounts(harness) == [125000, 2000]
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert job.outcome is Outcome.SYNCED
    assert "Earlier imports stay in Moment; Moment has no project 1" in job.message


def test_an_expense_that_someone_deleted_is_not_reported_as_staying(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.expenses.clear()
    enter_and_sync(harness, cost(99000))
    harness.change_settings(expense_accounts="6590")
    sync_voucher(harness)
    assert harness.job(EntityType.EXPENSE, VOUCHER).outcome is Outcome.UNCHANGED


def test_what_the_project_decides_of_an_expense_survives_a_corrected_text(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    decided = replace(harness.moment.expenses["700"], billable=False, activity_id="8-Complaints")
    harness.moment.expenses["700"] = decided
    harness.moment.closed_activities.add("Expenses")
    enter_and_sync(harness, cost(125000, text="Gipsplater"))
    assert harness.moment.expenses["700"] == replace(decided, description="Gipsplater")


def test_other_activity_or_billing_settings_leave_invoiced_expenses_alone(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    harness.moment.invoiced.add("700")
    harness.change_settings(expense_billable=False, expense_activity="Utlegg")
    sync_voucher(harness)
    assert harness.job(EntityType.EXPENSE, VOUCHER).outcome is Outcome.UNCHANGED


def test_a_voucher_without_lines_removes_nothing_and_needs_attention(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(125000))
    harness.erp.purchases[VOUCHER] = []
    sync_voucher(harness)
    assert amounts(harness) == [125000]
    assert harness.job(EntityType.EXPENSE, VOUCHER).error_code == "voucher_gone"


def test_vat_that_does_not_add_up_needs_attention_before_anything_is_synced(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(100000, vat_code="1"), cost(1000, 6590), vat=15000)
    assert amounts(harness) == []
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "vat_unclear")
    enter_and_sync(harness, cost(100000, vat_code="1"), cost(1000, 6590), vat=25000)
    assert amounts(harness) == [125000, 1000]


class RemembersRates(FakeErp):
    """Returns the rates as they were when last refreshed."""

    def __init__(self) -> None:
        super().__init__()
        self.remembered = dict(self.rates)

    def vat_codes(self) -> Mapping[str, VatCode]:
        return {number: VatCode(rate) for number, rate in self.remembered.items()}

    def forget(self, *parts: SetupPart) -> None:
        super().forget(*parts)
        if SetupPart.VAT_CODES in parts:
            self.remembered = dict(self.rates)


def test_a_vat_code_set_up_meanwhile_needs_no_attention(harness: SyncHarness) -> None:
    harness.erp = RemembersRates()
    harness.erp.rates["14"] = Decimal("12.5")
    enter_and_sync(harness, cost(100000, vat_code="14"), vat=12500)
    assert amounts(harness) == [112500]
    assert harness.erp.forgotten == [SetupPart.VAT_CODES]


def test_many_vouchers_with_unclear_vat_refresh_the_rates_once(harness: SyncHarness) -> None:
    for n in range(5):
        enter(harness, cost(100000, vat_code="1"), vat=15000, voucher=f"2026-4-4000{n}")
        harness.receive(EntityType.EXPENSE, f"2026-4-4000{n}")
    harness.run()
    assert harness.job(EntityType.EXPENSE, "2026-4-40004").error_code == "vat_unclear"
    assert harness.erp.forgotten == [SetupPart.VAT_CODES]


def test_vat_that_does_not_add_up_on_other_lines_delays_nothing(harness: SyncHarness) -> None:
    enter_and_sync(harness, cost(100000, 4000, vat_code="1"), cost(1000), vat=15000)
    assert amounts(harness) == [1000]


def test_an_amount_from_the_bank_bears_no_vat_of_its_costs(harness: SyncHarness) -> None:
    lines = [cost(100000, vat_code="1"), LedgerLine(2711, 25000, DAY, "1"), LedgerLine(1920, -125000, DAY)]
    harness.erp.purchases[VOUCHER] = lines
    sync_voucher(harness)
    assert amounts(harness) == [125000]
