from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete

from models.admin import discrepancies, job_list
from models.admin.job_filter import JobFilter
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import links
from models.inbox.links import Link
from models.schema.tables import LinkRow, SyncJobRow
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, SyncError, UnavailableError
from sync.records import Company, Entry, ExportStatus, FiscalYear, LedgerLine, ProjectDraft, SetupPart
from tests import factories
from tests.sync.conftest import SyncHarness

DAY = date(2026, 3, 2)


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    harness.moment.put(factories.customer("7"), factories.project("8"))
    harness.prove_vat()
    return harness


def sync(harness: SyncHarness, *record_ids: str) -> None:
    harness.sync(EntityType.INVOICE, *(record_ids or ["9"]))


def run_later(harness: SyncHarness) -> None:
    harness.run_after(hours=3)


def put(harness: SyncHarness, record_id: str = "9", **values: Any) -> None:
    harness.moment.put(factories.invoice(record_id, **values))


def post(harness: SyncHarness, record_id: str = "9", **values: Any) -> None:
    put(harness, record_id, **values)
    sync(harness, record_id)


def test_a_finalized_invoice_becomes_a_voucher_after_its_customer_and_project(harness: SyncHarness) -> None:
    post(harness, lines=(factories.line("1000.00"), factories.line("230.00", account=3020)))
    voucher = harness.erp.vouchers[2026, 1]
    assert voucher.entries == (
        Entry(1500, 123000, 10001, project_number=1),
        Entry(3000, -80000, 10001, "3", 1),
        Entry(3020, -20000, 10001, "31", 1),
        Entry(2701, -20000, 10001, "3"),
        Entry(2702, -3000, 10001, "31"),
    )
    assert (voucher.invoice_number, voucher.day, voucher.due) == (1, date(2026, 3, 2), date(2026, 3, 16))
    assert voucher.comment == "Moment: Invoice 1 https://moment.example/invoices/9"


def test_invoices_and_projects_that_need_attention_are_found_by_their_customer(harness: SyncHarness) -> None:
    put(harness)
    put(harness, "10", number=77, amounts=("12.00",), day=date(1999, 1, 1))
    for record_id in ("9", "10", "9"):
        sync(harness, record_id)
    found = job_list.latest(harness.database, JobFilter(text="nordlys"))
    assert {view.record for view in found} == {
        Record(EntityType.CUSTOMER, "7"),
        Record(EntityType.PROJECT, "8"),
        Record(EntityType.INVOICE, "9"),
        Record(EntityType.INVOICE, "10"),
    }
    (posted,) = job_list.latest(harness.database, JobFilter(text="nordlys 2026"))
    assert posted.record.id == "9"


def test_a_posted_invoice_is_left_alone_however_often_the_event_comes(harness: SyncHarness) -> None:
    put(harness)
    for _ in range(3):
        sync(harness)
    assert harness.erp.calls["post"] == 1
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.UNCHANGED


def test_a_credit_note_reverses_the_amounts(harness: SyncHarness) -> None:
    post(harness, amounts=("-1250.00",), credit_note=True)
    assert [entry.amount for entry in harness.erp.vouchers[2026, 1].entries] == [-125000, 100000, 25000]


def test_the_factoring_id_replaces_the_customers_own_number(harness: SyncHarness) -> None:
    harness.change_settings(factoring_id=99)
    harness.erp.companies[99] = Company(99, "Factoring AS")
    post(harness)
    assert {entry.customer_number for entry in harness.erp.vouchers[2026, 1].entries} == {99}


@pytest.mark.parametrize(
    ("values", "error_code"),
    [
        ({"finalized": False, "number": None}, "not_finalized"),
        ({"export_status": ExportStatus.DO_NOT_TRANSFER}, "do_not_transfer"),
        ({"export_status": ExportStatus.TRANSFERRED}, "transferred"),
    ],
)
def test_an_invoice_marked_as_do_not_transfer_is_skipped(
    harness: SyncHarness, values: dict[str, Any], error_code: str
) -> None:
    post(harness, **values)
    assert not harness.erp.vouchers
    job = harness.job(EntityType.INVOICE, "9")
    assert (job.outcome, job.error_code) == (Outcome.SKIPPED, error_code)
    assert harness.mails() == []


def test_invoices_from_before_the_first_day_are_left_alone(harness: SyncHarness) -> None:
    put(harness, "9", number=1, day=DAY - timedelta(days=1))
    put(harness, "10", number=2)
    harness.receive(EntityType.INVOICE, "9", "10")
    harness.change_settings(entity_types=["customer", "project"])
    harness.run()
    assert (harness.erp.vouchers, harness.job(EntityType.INVOICE, "9").state) == ({}, JobState.QUEUED)
    harness.change_settings(entity_types=["customer", "project", "invoice"], invoice_from=DAY)
    harness.run()
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [2]
    job = harness.job(EntityType.INVOICE, "9")
    assert (job.outcome, job.error_code, job.message) == (
        Outcome.SKIPPED,
        "before_first_day",
        "Dated before 02.03.2026",
    )


def test_the_invoices_of_a_batch_are_posted_in_one_call(harness: SyncHarness) -> None:
    for n in range(1, 11):
        put(harness, str(n), number=n)
    sync(harness, *map(str, range(1, 11)))
    assert len(harness.erp.vouchers) == 10
    assert harness.erp.calls["post"] == 1


def test_each_call_posts_vouchers_of_one_fiscal_year(harness: SyncHarness) -> None:
    put(harness, "1", number=1, day=date(2025, 12, 31))
    put(harness, "2", number=2, day=date(2026, 1, 1))
    sync(harness, "1", "2")
    assert set(harness.erp.vouchers) == {(2025, 1), (2026, 2)}
    assert harness.erp.calls["post"] == 2


def test_a_refused_invoice_does_not_delay_the_others(harness: SyncHarness) -> None:
    for n in range(1, 6):
        put(harness, str(n), number=n, kid="refuse me" if n == 3 else "")
    sync(harness, *"12345")
    assert {number for _, number in harness.erp.vouchers} == {1, 2, 4, 5}
    assert harness.job(EntityType.INVOICE, "3").message == "KID is wrong."
    assert harness.mails() == [("needs_attention", "Invoice 3")]


def test_a_voucher_with_a_lost_response_is_found_and_not_posted_again(harness: SyncHarness) -> None:
    put(harness)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    assert harness.job(EntityType.INVOICE, "9").state is JobState.RETRYING
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert harness.erp.calls["post"] == 1


def test_a_voucher_that_was_not_saved_after_all_is_posted(harness: SyncHarness) -> None:
    put(harness)
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_a_voucher_that_was_saved_despite_a_refusal_is_found(harness: SyncHarness) -> None:
    put(harness, "1", number=1)
    put(harness, "2", number=2)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("SystemError", otherwise=RejectedError("SystemError"))]
    sync(harness, "1", "2")
    assert len(harness.erp.vouchers) == 2
    assert harness.erp.calls["post"] == 1
    assert harness.mails() == []


@pytest.mark.parametrize("fails", [UnavailableError("Down."), MisconfiguredError("Wrong password.")])
def test_a_failed_search_leaves_the_outcome_unknown(harness: SyncHarness, fails: SyncError) -> None:
    harness.change_settings(voucher_number="series")
    put(harness)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("Error.", otherwise=UnavailableError("Error."))]
    harness.erp.fails_before["posted"] = [fails]
    sync(harness)
    harness.connections.resume(harness.connection.id, actor="test", now=harness.now, despite_failed_test=True)
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_a_year_that_cannot_be_numbered_does_not_affect_the_other(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    put(harness, "1", number=1, day=date(2025, 12, 31))
    put(harness, "2", number=2)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    harness.erp.fails_before["next_voucher_number"] = [None, UnavailableError("Down.")]
    sync(harness, "1", "2")
    run_later(harness)
    assert sorted(harness.erp.vouchers) == [(2025, 1), (2026, 1)]


def test_a_failed_search_for_a_lost_customer_does_not_affect_the_others(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    put(harness, "1", number=1, day=date(2025, 12, 31))
    put(harness, "2", number=2, kid="refuse me")
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    harness.erp.fails_before["existing_companies"] = [UnavailableError("Down.")]
    sync(harness, "1", "2")
    still_at_work = harness.erp.vouchers.pop((2025, 1))
    harness.run_after(seconds=50)
    harness.erp.vouchers[2025, 7] = still_at_work
    run_later(harness)
    assert list(harness.erp.vouchers) == [(2025, 7)]
    assert harness.job(EntityType.INVOICE, "2").message == "KID is wrong."


def test_another_voucher_under_the_same_number_is_not_touched_and_a_person_is_asked(harness: SyncHarness) -> None:
    post(harness, amounts=("1250.00",))
    post(harness, "10", number=1, amounts=("999.00",))
    assert harness.erp.vouchers[2026, 1].entries[0].amount == 125000
    assert harness.job(EntityType.INVOICE, "10").error_code == "differs"
    assert harness.mails() == [("needs_attention", "Invoice 1")]


SUPPLIERS = ((2400, -5000, 50001), (4300, 5000, None))
A_COST_OF_ONE = ((4300, 5000, None),)
PREPAYMENT = ((1920, 125000, None), (1500, -125000, 10001))
OF_ANOTHER = ((1500, 99900, 10002), (3000, -99900, 10002))


@pytest.mark.parametrize("lines", [SUPPLIERS, A_COST_OF_ONE, PREPAYMENT, OF_ANOTHER])
def test_other_entries_with_the_invoice_number_block_no_invoice(
    harness: SyncHarness, lines: tuple[tuple[int, int, int | None], ...]
) -> None:
    put(harness)
    harness.erp.others = [posted_line(20007, *line) for line in lines]
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_an_invoice_credited_on_a_suppliers_account_is_found_again_after_a_lost_call(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    harness.erp.chart[2490] = ""
    put(harness, lines=(factories.line("1250.00"), factories.line("-250.00", account=2490)))
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_a_payment_is_not_mistaken_for_the_credit_note_with_its_number(harness: SyncHarness) -> None:
    put(harness, amounts=("-1250.00",), credit_note=True)
    harness.erp.others = [posted_line(20007, *line) for line in PREPAYMENT]
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert list(harness.erp.vouchers) == [(2026, 1)]


@pytest.mark.parametrize(
    "lines",
    [
        [(1500, 125000, 10002), (3000, -125000, 10002)],
        [(1500, 99900, 10001), (2900, -99900, 10001)],
        [(1500, 99900, 10001)],
        [(1510, 125000, None), (3000, -125000, None)],
    ],
    ids=["another customer", "revenue moved", "only the receivable", "another receivables account"],
)
def test_a_voucher_that_may_be_the_lost_one_is_compared_by_a_person(
    harness: SyncHarness, lines: list[tuple[int, int, int | None]]
) -> None:
    put(harness)
    harness.erp.others = [posted_line(7, *line, day=DAY) for line in lines]
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").error_code == "differs"
    assert harness.erp.vouchers == {}


def posted_line(voucher: int, account: int, amount: int, customer: int | None, *, day: date = DAY) -> LedgerLine:
    return LedgerLine(
        account, amount, day, voucher_number=voucher, type=voucher, invoice_number="1", customer_number=customer
    )


def test_a_draft_with_an_unknown_outcome_needs_attention(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    put(harness)
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").error_code == "unseen_draft"
    assert harness.erp.calls["post"] == 1


def test_a_person_who_has_looked_for_a_possible_draft_can_have_it_posted(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    put(harness)
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    run_later(harness)
    harness.retry(EntityType.INVOICE, "9")
    harness.run()
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_a_draft_left_before_posting_changed_is_not_posted_too(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft", voucher_number="series")
    harness.erp.keeps_drafts = True
    put(harness)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    harness.change_settings(posting="ledger")
    harness.erp.keeps_drafts = False
    run_later(harness)
    assert (len(harness.erp.drafts), len(harness.erp.vouchers)) == (1, 0)
    assert harness.job(EntityType.INVOICE, "9").error_code == "unseen_draft"


def test_a_lost_draft_that_a_person_has_posted_since_is_found_in_the_ledger(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    put(harness)
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    harness.change_settings(posting="ledger")
    run_later(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert harness.erp.calls["post"] == 1


def test_after_a_call_that_never_arrived_a_draft_may_be_saved(harness: SyncHarness) -> None:
    put(harness)
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    harness.change_settings(posting="draft")
    harness.erp.keeps_drafts = True
    run_later(harness)
    assert (len(harness.erp.drafts), harness.job(EntityType.INVOICE, "9").outcome) == (1, Outcome.SYNCED)


def test_a_draft_whose_link_is_gone_is_not_posted_after_posting_changed(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    harness.erp.keeps_drafts = True
    post(harness)
    harness.change_settings(posting="ledger")
    harness.erp.keeps_drafts = False
    sync(harness)  # unchanged, in the new mode
    record = Record(EntityType.INVOICE, "9")
    discrepancies.resend(
        harness.database, harness.connection.id, record, name="Invoice 1", actor="kari", now=harness.now
    )
    harness.run()
    assert (harness.erp.vouchers, harness.job(EntityType.INVOICE, "9").error_code) == ({}, "unseen_draft")


def test_a_draft_whose_link_could_not_be_saved_is_not_left_a_second_time(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    harness.erp.keeps_drafts = True
    links.save(
        harness.database, harness.connection.id, Record(EntityType.INVOICE, "5"), Link("2026/1"), now=harness.now
    )
    post(harness)
    assert harness.job(EntityType.INVOICE, "9").error_code == "taken"
    harness.later(hours=1)
    sync(harness)
    assert (len(harness.erp.drafts), harness.job(EntityType.INVOICE, "9").error_code) == (1, "unseen_draft")


def test_invoices_are_posted_after_an_outage_of_24sevenoffice(harness: SyncHarness) -> None:
    put(harness)
    harness.erp.fails_before["post"] = [UnavailableError("Down."), UnavailableError("Down.")]
    sync(harness)
    run_later(harness)
    run_later(harness)
    assert list(harness.erp.vouchers) == [(2026, 1)]
    assert harness.mails() == []


def test_the_numbers_of_the_series_are_used_if_the_connection_says_so(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    put(harness, "1", number=501)
    put(harness, "2", number=502)
    sync(harness, "1", "2")
    assert {key: voucher.invoice_number for key, voucher in harness.erp.vouchers.items()} == {
        (2026, 1): 501,
        (2026, 2): 502,
    }


def fail_over(harness: SyncHarness) -> None:
    """Simulate that our database lost its last seconds: the vouchers posted in them have neither a link nor a job."""
    with harness.database.transaction() as session:
        session.execute(delete(LinkRow).where(LinkRow.entity_type == EntityType.INVOICE))
        session.execute(delete(SyncJobRow).where(SyncJobRow.entity_type == EntityType.INVOICE))


@pytest.mark.parametrize("posted", ["1", "12", "1234"])
def test_vouchers_lost_in_a_failover_are_not_posted_twice_in_a_series(harness: SyncHarness, posted: str) -> None:
    harness.change_settings(voucher_number="series")
    for record_id in "1234":
        put(harness, record_id, number=500 + int(record_id))
    sync(harness, *posted)
    fail_over(harness)
    harness.erp.calls.clear()
    sync(harness, *"1234")
    assert sorted(voucher.invoice_number for voucher in harness.erp.vouchers.values()) == [501, 502, 503, 504]
    assert {harness.job(EntityType.INVOICE, record_id).outcome for record_id in "1234"} == {Outcome.SYNCED}
    assert (harness.erp.calls["booked_vouchers"], harness.erp.calls["posted"]) == (1, 0)


def test_before_a_first_posting_in_a_series_a_changed_voucher_is_compared_by_a_person(
    harness: SyncHarness,
) -> None:
    harness.change_settings(voucher_number="series")
    post(harness)
    fail_over(harness)
    post(harness, amounts=("999.00",))
    assert (len(harness.erp.vouchers), harness.job(EntityType.INVOICE, "9").error_code) == (1, "differs")


def test_a_failed_search_before_a_first_posting_posts_nothing(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    put(harness)
    harness.erp.fails_before["posted"] = [UnavailableError("Down.")]
    sync(harness)
    assert (harness.erp.vouchers, harness.job(EntityType.INVOICE, "9").state) == ({}, JobState.RETRYING)
    run_later(harness)
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_moments_numbers_are_used_if_customers_and_projects_are_not_synced(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["invoice"])
    harness.moment.put(factories.customer("7", number="555"))
    harness.erp.companies[555], harness.erp.projects[1] = Company(555, "Nordlys"), ProjectDraft(1, "Kulturhuset")
    post(harness)
    receivable, *_ = harness.erp.vouchers[2026, 1].entries
    assert (receivable.customer_number, receivable.project_number) == (555, 1)


@pytest.mark.parametrize(
    ("values", "error_code"),
    [
        ({"total": Decimal("1250.01")}, "unbalanced"),
        ({"lines": (factories.line(account=3999),)}, "unknown_account"),
        ({"credit_note": True}, "sign"),
        ({"amounts": ("-1250.00",)}, "sign"),
        ({"kid": "1" * 26}, "kid"),
        ({"kid": "1 " * 16 + "1"}, "kid"),
        ({"due": DAY - timedelta(days=1)}, "due_date"),
        ({"number": 2**31}, "invoice_number"),
        ({"day": date(2024, 6, 1)}, "fiscal_year"),
        ({"day": date(2031, 6, 1)}, "fiscal_year"),
        ({"currency": "EUR"}, "currency_rate"),
        ({"number": None}, "invoice_number"),
        ({"customer_id": ""}, "no_customer"),
    ],
)
def test_an_invoice_that_would_be_refused_is_not_sent(
    harness: SyncHarness, values: dict[str, Any], error_code: str
) -> None:
    post(harness, **values)
    job = harness.job(EntityType.INVOICE, "9")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, error_code)
    assert harness.erp.calls["post"] == 0


@pytest.mark.parametrize("amounts", [(), ("0.00",), ("1250.00", "-1250.00")])
def test_an_invoice_that_is_zero_on_each_account_is_done(harness: SyncHarness, amounts: tuple[str, ...]) -> None:
    post(harness, amounts=amounts)
    job = harness.job(EntityType.INVOICE, "9")
    assert (job.state, job.outcome, job.error_code) == (JobState.DONE, Outcome.SKIPPED, "nothing_to_post")
    assert (harness.erp.calls["post"], harness.mails()) == (0, [])


def test_a_year_opened_meanwhile_lets_the_invoice_through(harness: SyncHarness) -> None:
    post(harness, day=date(2027, 1, 5))
    assert harness.job(EntityType.INVOICE, "9").error_code == "fiscal_year"
    harness.erp.years.append(FiscalYear(date(2027, 1, 1), date(2027, 12, 31), locked=False))
    sync(harness)
    assert list(harness.erp.vouchers) == [(2027, 1)]


def test_nothing_is_posted_into_a_fiscal_year_with_an_ambiguous_number(harness: SyncHarness) -> None:
    harness.erp.years = [
        FiscalYear(date(2025, 1, 1), date(2025, 6, 30), locked=False),
        FiscalYear(date(2025, 7, 1), date(2026, 6, 30), locked=False),
        FiscalYear(date(2026, 7, 1), date(2027, 6, 30), locked=False),
    ]
    for number, day in ((1, date(2025, 6, 20)), (2, date(2025, 7, 20)), (3, date(2026, 7, 20))):
        put(harness, str(number), number=number, day=day)
    sync(harness, "1", "2", "3")
    assert [harness.job(EntityType.INVOICE, each).error_code for each in "123"] == [
        "fiscal_year",
        "fiscal_year",
        "",
    ]
    assert list(harness.erp.vouchers) == [(2026, 3)]


@pytest.mark.parametrize(("rate", "error_code"), [("11.43", ""), ("1143", "currency_rate"), ("1", "rate_of_one")])
def test_a_rate_is_compared_with_that_of_24sevenoffice(harness: SyncHarness, rate: str, error_code: str) -> None:
    post(harness, currency="EUR", rate=Decimal(rate))
    assert harness.job(EntityType.INVOICE, "9").error_code == error_code


def test_an_invoice_in_euro_is_posted_in_kroner_and_still_balances(harness: SyncHarness) -> None:
    lines = (factories.line("33.33"), factories.line("33.33", account=3020), factories.line("33.34", account=3100))
    post(harness, lines=lines, currency="EUR", rate=Decimal("11.2345"))
    amounts = [entry.amount for entry in harness.erp.vouchers[2026, 1].entries]
    assert amounts[0] == 112345
    assert sum(amounts) == 0


def test_many_invoices_refused_for_one_account_refresh_the_chart_once(harness: SyncHarness) -> None:
    ids = [str(number) for number in range(1, 21)]
    for number in ids:
        put(harness, number, number=int(number), lines=(factories.line(account=3999),))
    sync(harness, *ids)
    assert {harness.job(EntityType.INVOICE, each).error_code for each in ids} == {"unknown_account"}
    assert harness.erp.forgotten == [SetupPart.CHART]


@pytest.mark.parametrize(
    ("refused", "forgotten"),
    [
        ({"lines": (factories.line(account=3999),)}, [SetupPart.CHART]),
        ({"lines": (factories.line(vat=15),)}, [SetupPart.CHART, SetupPart.VAT_CODES]),
        ({"day": date(2024, 3, 1)}, [SetupPart.FISCAL_YEARS]),
        ({"kid": "refuse me"}, list(SetupPart)),
    ],
)
def test_a_refusal_refreshes_only_the_setup_that_it_is_about(
    harness: SyncHarness, refused: dict[str, Any], forgotten: list[SetupPart]
) -> None:
    post(harness, **refused)
    assert harness.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION
    assert harness.erp.forgotten == forgotten


def test_a_refusal_for_a_missing_customer_refreshes_no_setup(harness: SyncHarness) -> None:
    post(harness)
    del harness.erp.companies[10001]
    post(harness, "10", number=2)
    assert harness.erp.forgotten == []
