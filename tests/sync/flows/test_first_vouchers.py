"""The first voucher of each VAT code is read back before another one is posted."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from models.admin import job_actions
from models.connections import alert_outbox
from models.enums import EntityType, JobState, Outcome
from models.inbox import vat_checks
from models.inbox.vat_checks import VatStatus
from sync.errors import OutcomeUnknownError, RejectedError, UnavailableError
from sync.records import LedgerLine
from tests import factories
from tests.sync.conftest import SyncHarness

VOUCHER_VAT = ["net", "gross"]
DAY = factories.invoice("1").day


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    harness.moment.put(factories.customer("7"), factories.project("8"))
    return harness


def sync(harness: SyncHarness, *record_ids: str) -> None:
    harness.sync(EntityType.INVOICE, *record_ids)


def put(harness: SyncHarness, record_id: str, **values: Any) -> None:
    harness.moment.put(factories.invoice(record_id, number=int(record_id), **values))


def post(harness: SyncHarness, *record_ids: str, **values: Any) -> None:
    for record_id in record_ids:
        put(harness, record_id, **values)
    sync(harness, *record_ids)


def pause_for_wrong_vat(harness: SyncHarness) -> None:
    """Make the connection pause because of the voucher of invoice 1, which has its VAT on the revenue account."""
    harness.change_settings(voucher_vat="gross")
    harness.erp.leaves_vat = True
    post(harness, "1", "2")
    assert len(harness.erp.vouchers) == 1


def vat_statuses(harness: SyncHarness, voucher_vat: str = "net") -> dict[str, VatStatus]:
    return {
        each.vat_code: each.status
        for each in vat_checks.find(harness.database, harness.connection.id, voucher_vat)
    }


def nothing_posted(*_: object, **__: object) -> list[LedgerLine]:
    return []


def resume(harness: SyncHarness) -> None:
    harness.connections.resume(harness.connection.id, actor="kari", now=harness.now, despite_failed_test=True)
    harness.run()


def dismiss(harness: SyncHarness, record_id: str) -> None:
    job_filter = harness.only(EntityType.INVOICE, record_id)
    job_actions.dismiss(harness.database, job_filter, because="Corrected", actor="kari", now=harness.now)


@pytest.mark.parametrize("voucher_vat", VOUCHER_VAT)
def test_the_first_voucher_of_each_code_goes_alone_and_is_read_back(
    harness: SyncHarness, voucher_vat: str
) -> None:
    harness.change_settings(voucher_vat=voucher_vat)
    for number in ("1", "2", "3"):
        put(harness, number)
    put(harness, "4", lines=(factories.line(account=3020),))
    sync(harness, "1", "2", "3", "4")
    assert (harness.erp.calls["post"], harness.erp.calls["posted"], harness.erp.calls["supplier_voucher"]) == (
        3,
        2,
        2,
    )
    assert vat_statuses(harness, voucher_vat) == {"3": VatStatus.RIGHT, "31": VatStatus.RIGHT}
    post(harness, "5", lines=(factories.line(), factories.line(account=3020)))
    assert (harness.erp.calls["post"], harness.erp.calls["posted"]) == (4, 2)


def test_revenue_that_includes_vat_stops_the_lane_after_one_voucher(harness: SyncHarness) -> None:
    harness.change_settings(voucher_vat="gross")
    harness.erp.leaves_vat = True
    post(harness, "1", "2", "3")
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [1]
    connection = harness.connections.get(harness.connection.id)
    assert connection.paused_because == (
        "The voucher of invoice 1 is the first with its VAT code, but the voucher in the ledger is different: account "
        "2701 has 0,00 for -250,00; account 3000 has -1 250,00 for -1 000,00. Posting has stopped."
    )
    assert {title for _, title in harness.mails()} == {"Demo AS"}
    assert harness.job(EntityType.INVOICE, "1").error_code == "vat_differs"
    assert vat_statuses(harness, "gross") == {"3": VatStatus.WRONG}


def test_a_wrong_voucher_stops_those_of_the_next_fiscal_year_and_of_other_codes(harness: SyncHarness) -> None:
    put(harness, "9", lines=(factories.line(account=3020),))
    harness.change_settings(voucher_vat="gross")
    sync(harness, "9")
    harness.erp.leaves_vat = True
    put(harness, "1", day=date(2025, 12, 30), due=date(2026, 1, 13))
    for number in ("2", "3"):
        put(harness, number, lines=(factories.line(account=3020),))
    sync(harness, "1", "2", "3")
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [9, 1]
    assert "Posting has stopped" in (harness.connections.get(harness.connection.id).paused_because or "")


def test_with_the_other_voucher_vat_the_rest_is_posted_and_the_wrong_one_is_left(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    harness.change_settings(voucher_vat="net")
    resume(harness)
    wrong, right = harness.job(EntityType.INVOICE, "1"), harness.job(EntityType.INVOICE, "2")
    assert (wrong.state, wrong.error_code) == (JobState.NEEDS_ATTENTION, "vat_differs")
    assert (right.state, right.outcome) == (JobState.DONE, Outcome.SYNCED)
    assert vat_statuses(harness) == {"3": VatStatus.RIGHT}


def test_resuming_with_the_same_voucher_vat_posts_nothing_more(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    for _ in range(2):
        resume(harness)
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [1]
    assert harness.connections.get(harness.connection.id).paused_because


@pytest.mark.parametrize("by", ["correction", "removal", "dismissal"])
def test_once_a_person_has_handled_the_wrong_voucher_the_next_is_the_first(harness: SyncHarness, by: str) -> None:
    pause_for_wrong_vat(harness)
    resume(harness)
    if by == "dismissal":
        dismiss(harness, "1")
    elif by == "removal":
        del harness.erp.vouchers[2026, 1]
    harness.erp.leaves_vat = by == "dismissal"
    resume(harness)
    expected = VatStatus.WRONG if by == "dismissal" else VatStatus.RIGHT
    assert (vat_statuses(harness, "gross"), len(harness.erp.vouchers)) == ({"3": expected}, 1 + (by != "removal"))


def others(number: int, *amounts: tuple[int, int], customer: int = 10001, day: date = DAY) -> list[LedgerLine]:
    """Return a voucher that someone else posted with invoice number 1, given its amount on each account."""
    return [
        LedgerLine(
            voucher_number=number,
            type=101,
            account=account,
            amount=amount,
            day=day,
            invoice_number="1",
            customer_number=customer,
            vat_code="3" if account == 3000 else "",
        )
        for account, amount in amounts
    ]


def test_a_reversed_and_reentered_voucher_counts_with_all_of_its_vouchers(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    harness.erp.others = [
        *others(901, (1500, -125000), (3000, 125000)),
        *others(902, (1500, 125000), (3000, -100000), (2701, -25000)),
    ]
    resume(harness)
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [1, 2]


def test_a_fully_reversed_voucher_no_longer_counts(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    harness.erp.others = others(901, (1500, -125000), (3000, 125000))
    resume(harness)
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [1, 2]


def test_vouchers_of_others_under_the_same_number_are_not_counted(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    del harness.erp.vouchers[2026, 1]
    harness.erp.others = [
        *others(901, (1500, 125000), (3000, -100000), (2701, -25000), day=DAY + timedelta(days=1)),
        *others(902, (4300, 80000), (2711, 20000), (2400, -100000), customer=20001),
        *others(903, (1500, 62500), (3000, -50000), (2701, -12500), customer=10009),
    ]
    resume(harness)
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [2]


def test_the_mail_about_a_wrong_voucher_names_both_remedies(harness: SyncHarness) -> None:
    pause_for_wrong_vat(harness)
    remedy = remedy_of_pause(harness)
    assert "choose the other option for Voucher VAT" in remedy
    assert "mark invoice 1 as resolved before you resume: it isn't checked again" in remedy


def remedy_of_pause(harness: SyncHarness) -> str:
    (address,) = harness.connection.settings.error_emails
    (alert,) = [each for each in alert_outbox.pending_alerts(harness.database, address) if each.type == "paused"]
    return alert.remedy


def test_a_corrected_voucher_agrees_when_it_is_retried(harness: SyncHarness) -> None:
    harness.change_settings(voucher_vat="gross")
    harness.erp.leaves_vat = True
    post(harness, "1")
    resume(harness)
    assert harness.job(EntityType.INVOICE, "1").state is JobState.NEEDS_ATTENTION
    harness.erp.leaves_vat = False
    sync(harness, "1")
    harness.run_after(minutes=2)
    assert harness.job(EntityType.INVOICE, "1").outcome is Outcome.UNCHANGED
    assert len(harness.erp.vouchers) == 1


def test_another_vat_code_in_the_ledger_stops_the_lane(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = harness.erp.supplier_voucher

    def other_code(voucher: str) -> list[LedgerLine]:
        return [replace(line, vat_code="5") if line.account == 3000 else line for line in real(voucher)]

    monkeypatch.setattr(harness.erp, "supplier_voucher", other_code)
    post(harness, "1")
    assert "account 3000 has VAT code 5 for 3" in (
        harness.connections.get(harness.connection.id).paused_because or ""
    )


def test_a_voucher_that_the_ledger_does_not_show_yet_delays_the_next(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.erp, "posted", nothing_posted)
    post(harness, "1", "2")
    assert (len(harness.erp.vouchers), harness.job(EntityType.INVOICE, "1").error_code) == (1, "vat_not_seen")
    monkeypatch.undo()
    harness.run_after(hours=1)
    assert {harness.job(EntityType.INVOICE, each).state for each in ("1", "2")} == {JobState.DONE}
    assert (len(harness.erp.vouchers), vat_statuses(harness)) == (2, {"3": VatStatus.RIGHT})


def test_a_voucher_that_the_ledger_does_not_show_for_hours_pauses_the_connection(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.erp, "posted", nothing_posted)
    post(harness, "1", "2")
    harness.run_after(hours=5)
    assert harness.connections.get(harness.connection.id).paused_because == ""
    harness.run_after(hours=2)
    assert harness.connections.get(harness.connection.id).paused_because == (
        "The voucher of invoice 1 is the first with its VAT code. 24SevenOffice accepted it more than 6 hours "
        "ago, and the ledger doesn't show it. Posting has stopped."
    )
    assert "Look for the voucher in 24SevenOffice" in remedy_of_pause(harness)
    dismiss(harness, "1")
    monkeypatch.undo()
    resume(harness)
    assert harness.job(EntityType.INVOICE, "2").outcome is Outcome.SYNCED
    assert vat_statuses(harness) == {"3": VatStatus.RIGHT}


def test_the_hours_count_from_when_the_voucher_was_sent_last(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.erp, "posted", nothing_posted)
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.", error_code="no_answer")]
    post(harness, "1")
    harness.run_after(hours=7)
    assert harness.erp.calls["post"] == 2
    assert harness.job(EntityType.INVOICE, "1").error_code == "vat_not_seen"


def test_a_read_back_that_fails_after_posting_is_repeated(harness: SyncHarness) -> None:
    harness.erp.fails_before["posted"] = [UnavailableError("Down.", error_code="no_connection")]
    post(harness, "1")
    assert (len(harness.erp.vouchers), vat_statuses(harness)) == (1, {"3": VatStatus.PENDING})
    harness.run_after(hours=1)
    assert vat_statuses(harness) == {"3": VatStatus.RIGHT}
    assert harness.erp.calls["post"] == 1


@pytest.mark.parametrize("changed", VOUCHER_VAT)
def test_after_a_lost_response_a_voucher_is_read_back_as_its_vat_was_sent(
    harness: SyncHarness, changed: str
) -> None:
    harness.change_settings(voucher_vat="gross")
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.", error_code="no_answer")]
    post(harness, "1")
    harness.change_settings(voucher_vat=changed)
    harness.run_after(hours=1)
    assert (vat_statuses(harness, "gross"), vat_statuses(harness, "net")) == ({"3": VatStatus.RIGHT}, {})
    assert len(harness.erp.vouchers) == 1


def test_a_refused_voucher_leaves_the_next_to_be_the_first(harness: SyncHarness) -> None:
    put(harness, "1", kid="refuse me")
    put(harness, "2")
    sync(harness, "1", "2")
    assert harness.job(EntityType.INVOICE, "1").state is JobState.NEEDS_ATTENTION
    (check,) = vat_checks.find(harness.database, harness.connection.id, "net")
    assert (check.status, check.record_id) == (VatStatus.RIGHT, "2")


def test_a_deleted_invoice_blocks_no_other(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.", error_code="no_answer")]
    post(harness, "1")
    del harness.moment.invoices["1"]
    post(harness, "2")
    assert vat_statuses(harness) == {"3": VatStatus.RIGHT}


def test_drafts_are_not_read_back(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    harness.erp.keeps_drafts = True
    post(harness, "1", "2")
    assert (len(harness.erp.drafts), harness.erp.calls["post"], harness.erp.calls["posted"]) == (2, 1, 0)


def test_a_connection_with_another_client_verifies_its_vat_codes_again(harness: SyncHarness) -> None:
    harness.prove_vat()
    harness.change_settings(moment_company="1002", moment_api_key="another-key")
    assert vat_statuses(harness) == {}


def test_an_invoice_that_was_posted_is_not_read_back_each_time(harness: SyncHarness) -> None:
    put(harness, "1")
    for _ in range(3):
        sync(harness, "1")
    assert harness.erp.calls["posted"] == 1


def test_a_vat_code_without_an_account_for_its_vat_is_refused(harness: SyncHarness) -> None:
    harness.erp.rates["77"] = Decimal(25)
    post(harness, "1", lines=(factories.line(tax_code="77"),))
    job = harness.job(EntityType.INVOICE, "1")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "vat_account")


def test_a_refusal_of_another_record_is_no_reason_to_stop(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [RejectedError("No.", error_code="refused")]
    put(harness, "1")
    put(harness, "2")
    sync(harness, "1", "2")
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [2]


@pytest.mark.parametrize("codes", [("3", "3"), ("3", "33")])
def test_vat_of_zero_proves_no_code(harness: SyncHarness, codes: tuple[str, str]) -> None:
    harness.change_settings(voucher_vat="gross")
    harness.erp.leaves_vat = True
    harness.erp.rates["33"] = Decimal(25)
    harness.put_and_sync(factories.project("9", number="2"))
    taken, given = (
        factories.line(each, tax_code=code) for each, code in zip(("-1250", "1250"), codes, strict=True)
    )
    put(harness, "1", lines=(replace(given, project_id="9"), taken, factories.line("500.00", account=3100)))
    for number in ("2", "3"):
        put(harness, number)
    sync(harness, "1", "2", "3")
    assert [each.invoice_number for each in harness.erp.vouchers.values()] == [1, 2]
    assert vat_statuses(harness, "gross") == {"3": VatStatus.WRONG, "5": VatStatus.RIGHT}


@pytest.mark.parametrize("voucher_vat", VOUCHER_VAT)
@pytest.mark.parametrize(("amount", "proves"), [("0.01", False), ("0.02", False), ("0.03", True)])
def test_an_invoice_too_small_to_bear_vat_proves_no_code_with_a_rate(
    harness: SyncHarness,
    voucher_vat: str,
    amount: str,
    proves: bool,  # noqa: FBT001 - a case
) -> None:
    harness.change_settings(voucher_vat=voucher_vat)
    post(harness, "1", amounts=(amount,))
    assert vat_statuses(harness, voucher_vat) == ({"3": VatStatus.RIGHT} if proves else {})
    post(harness, "2")
    assert (harness.erp.calls["supplier_voucher"], vat_statuses(harness, voucher_vat)) == (
        2 - proves,
        {"3": VatStatus.RIGHT},
    )


def test_a_code_with_an_unknown_rate_is_never_proven(harness: SyncHarness) -> None:
    harness.change_settings(voucher_vat="gross")
    del harness.erp.rates["3"]
    post(harness, "1", "2")
    assert (harness.erp.calls["post"], harness.erp.calls["supplier_voucher"], vat_statuses(harness, "gross")) == (
        2,
        2,
        {},
    )
