from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import RejectedError
from sync.money import format_kroner, to_ore
from sync.records import Chart, InvoiceLine, LedgerLine, VatCode, Voucher
from sync.rules.vouchers import check_rate, find_posted, voucher_comment, voucher_of
from tests import factories
from tests.fakes import CHART, VAT_CODES, lines_of

AMOUNT = st.decimals(min_value=-10_000_000, max_value=10_000_000, places=2)
LINE = st.builds(InvoiceLine, AMOUNT, st.sampled_from([3000, 3020, 3100]), st.sampled_from(["", "3"]), st.just(""))
LINES = st.lists(LINE, min_size=1, max_size=30)
RATE = st.decimals(min_value="0.0001", max_value=1000, places=4)


def voucher(lines: tuple[InvoiceLine, ...] = (), *, voucher_vat: str = "net", **values: Any) -> Voucher:
    return voucher_of(
        factories.invoice(lines=lines or (factories.line(),), **values),
        customer_number=10001,
        project_number=int,
        chart=Chart(CHART, VAT_CODES),
        settings=factories.settings(vat_codes={3020: "31"}, voucher_vat=voucher_vat),
        comment="Moment",
    )


@pytest.mark.parametrize("amount", ["1E30", "-1E30", "1E999999999", "NaN", "sNaN", "-Infinity", "1000000000000"])
def test_an_amount_too_large_for_the_ledger_is_refused(amount: str) -> None:
    with pytest.raises(
        RejectedError, match=f"The amount {amount.replace('1E9', r'1E.9').replace('1E3', r'1E.3')} is"
    ):
        to_ore(Decimal(amount))


def test_an_invoice_too_large_at_its_rate_is_refused() -> None:
    with pytest.raises(RejectedError) as refusal:
        voucher(currency="EUR", rate=Decimal(10) ** 11)
    assert refusal.value.error_code == "amount"


def made_of(lines: list[InvoiceLine], **values: Any) -> Voucher:
    """Make the voucher of lines, a credit note if they are negative."""
    credits_ = sum(line.amount for line in lines) < 0
    return voucher(tuple(lines), credit_note=credits_, **values)


@given(LINES)
def test_a_voucher_in_kroner_is_the_invoice_to_the_ore(lines: list[InvoiceLine]) -> None:
    made = made_of(lines, voucher_vat="gross")
    assert sum(entry.amount for entry in made.entries) == 0
    assert made.entries[0].amount == sum(line.amount for line in lines) * 100
    for account in CHART:
        wanted = sum(line.amount for line in lines if line.account == account) * 100
        assert -sum(entry.amount for entry in made.entries[1:] if entry.account == account) == wanted


@given(LINES, RATE)
def test_a_voucher_in_another_currency_balances_and_rounding_falls_on_the_largest(
    lines: list[InvoiceLine], rate: Decimal
) -> None:
    made = made_of(lines, currency="EUR", rate=rate)
    assert sum(entry.amount for entry in made.entries) == 0


def test_settings_override_the_lines_vat_code_and_the_line_the_charts() -> None:
    lines = (
        factories.line(account=3000),
        factories.line(account=3000, tax_code="5"),
        factories.line(account=3020, tax_code="31"),
    )
    assert [entry.tax_code for entry in voucher(lines, voucher_vat="gross").entries[1:]] == ["3", "5", "31"]


def test_a_line_with_its_own_project_is_posted_on_that_project() -> None:
    lines = (factories.line(), factories.line(project_id="12"))
    assert [entry.project_number for entry in voucher(lines).entries] == [8, 8, 12, None]


@pytest.mark.parametrize("revenue_net", [False, True])
def test_a_posted_voucher_is_recognized_however_the_ledger_splits_its_revenue(revenue_net: bool) -> None:  # noqa: FBT001 (a case)
    made = voucher()
    held = lines_of(made)
    if revenue_net:
        held = [held[0], replace(held[1], amount=-100000), replace(held[1], account=2701, amount=-25000)]
    assert find_posted(made, held) == 1


@pytest.mark.parametrize(
    "other",
    [{"amount": 1}, {"account": 1510}, {"day": date(2026, 3, 3)}, {"customer_number": 2}, {"hidden": True}],
)
def test_a_voucher_that_differs_is_not_recognized(other: dict[str, Any]) -> None:
    made = voucher()
    receivable: LedgerLine = replace(lines_of(made)[0], **other)
    assert find_posted(made, [receivable]) is None


def test_a_payment_with_the_same_invoice_number_does_not_hide_the_voucher() -> None:
    made = voucher()
    payment = replace(lines_of(made)[0], voucher_number=77, amount=-125000, day=date(2026, 3, 20))
    assert find_posted(made, [payment, *lines_of(made)]) == 1


def test_kroner_are_written_as_in_norway() -> None:
    assert [format_kroner(amount) for amount in (123456789, -5, 0)] == ["1 234 567,89", "-0,05", "0,00"]


@pytest.mark.parametrize(
    ("currency", "rate", "is_refused"),
    [
        ("SEK", "1.03", False),
        ("SEK", "0.5", False),
        ("SEK", "103.5", True),
        ("SEK", "0.01", True),
        ("JPY", "7.1", True),
        ("CHF", "103.5", True),
        ("CHF", "12.1", True),  # nothing to compare it with
        ("XXX", "1.01", True),  # 1 is the value if no rate was entered
        ("NOK", "1", False),
    ],
)
def test_a_rate_that_is_far_off_or_has_nothing_to_compare_is_refused(
    currency: str,
    rate: str,
    is_refused: bool,  # noqa: FBT001 - a case
) -> None:
    invoice = factories.invoice(currency=currency, rate=Decimal(rate))
    listed = {"SEK": Decimal("1.035"), "JPY": Decimal("0.071"), "XXX": Decimal(1)}
    if not is_refused:
        check_rate(invoice, listed=listed)
        return
    with pytest.raises(RejectedError) as refused:
        check_rate(invoice, listed=listed)
    assert refused.value.error_code == "currency_rate"


@pytest.mark.parametrize("currency", ["EUR", "SEK", "CHF", "XXX"])
def test_a_rate_of_exactly_1_is_refused_whatever_24sevenoffice_has(currency: str) -> None:
    listed = {"EUR": Decimal("11.5"), "SEK": Decimal("1.035"), "XXX": Decimal(100) / 100}
    for rate in ("1", "1.000000"):
        invoice = factories.invoice(currency=currency, rate=Decimal(rate))
        with pytest.raises(RejectedError) as refused:
            check_rate(invoice, listed=listed)
        assert (refused.value.error_code, refused.value.message) == (
            "rate_of_one",
            f"The invoice has exactly 1 krone for one {currency}, as if no rate was entered.",
        )
        assert refused.value.remedy.startswith("If no rate was entered")


@pytest.mark.parametrize(
    ("number", "rate", "comment"),
    [
        ("30", "11.745512", "Moment: Kreditnota 30 EUR -12 500,00 til kurs 11,745512."),
        ("30", "1.0345", "Moment: Kreditnota 30 EUR -12 500,00 til kurs 1,0345."),
        ("30123", "11.7455", "Moment: Kreditnota 30123 EUR -12 500,00 til kurs 11,7455."),
    ],
)
def test_a_comment_has_the_full_rate(number: str, rate: str, comment: str) -> None:
    invoice = factories.invoice(
        number=int(number), credited="26000123", currency="EUR", rate=Decimal(rate), total=Decimal(-12500)
    )
    title = f"Kreditnota {number}"
    said = voucher_comment(invoice, title=title, url="", settings=factories.settings(language="nb"))
    assert said == comment


def test_a_receivable_keeps_its_project_if_the_total_is_rounded_to_a_krone() -> None:
    lines = tuple(replace(factories.line("749.90"), project_id="5") for _ in range(2))
    invoice = factories.invoice(lines=lines, total=Decimal(1500), project_id="")
    made = voucher_of(
        invoice,
        chart=Chart({1500: "0", 3000: "3", 7740: "0"}, {"3": VatCode(Decimal(25), 2701)}),
        customer_number=10001,
        project_number=int,
        comment="",
        settings=factories.settings(rounding_account=7740),
    )
    assert made.entries[0].project_number == 5
