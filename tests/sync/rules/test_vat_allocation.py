"""Reads supplier_vouchers.txt, a table for bookkeepers, and checks that costs are as it says."""

import re
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from i18n.messages import Message
from sync.money import NOK
from sync.records import LedgerLine
from sync.rules.vat_allocation import ROUNDED_VAT, gross_amounts, gross_revenue

DAY = date(2026, 3, 2)
_, CODES, VOUCHERS = re.split(
    r"^(?:VAT CODES.*|VOUCHERS)\n",
    Path(__file__).with_name("supplier_vouchers.txt").read_text(),
    flags=re.MULTILINE,
)
LINE = re.compile(
    r"   (\d{4})  (debit|credit) +([\d ]+,\d\d)(?:  code (\d+))?(?: +project (\d+))?(?: +(EUR))?(?: +(?:bears +(-?[\d ]+,\d\d)|(ask)))?"
)
RATES = {
    code: Decimal(rate.removesuffix(" %"))
    for code, rate in (re.split(r" {2,}", row) for row in CODES.splitlines() if row)
}
AMOUNT = st.integers(-10_000_000, 10_000_000).filter(bool)
COST = st.tuples(AMOUNT, st.sampled_from(["1", "11", "13", "91", ""]))


def ore(text: str) -> int:
    return int(Decimal(text.replace(" ", "").replace(",", ".")) * 100)


def read(text: str) -> tuple[LedgerLine, int | str | None]:
    """Read a line of the table, and its expected result: an amount, "ask", or nothing."""
    found = LINE.fullmatch(text)
    assert found, text
    account, side, amount, code, project, currency, bears, ask = found.groups()
    signed = ore(amount) * (1 if side == "debit" else -1)
    line = LedgerLine(
        account=int(account),
        amount=signed,
        day=DAY,
        vat_code=code or "",
        project_number=int(project) if project else None,
        currency=currency or NOK,
    )
    return line, ore(bears) if bears else ask


def vouchers() -> dict[str, list[tuple[LedgerLine, int | str | None]]]:
    blocks = (block.splitlines() for block in VOUCHERS.strip().split("\n\n"))
    return {head: [read(text) for text in lines] for head, *lines in blocks}


@pytest.mark.parametrize("voucher", vouchers().values(), ids=vouchers())
def test_a_cost_gets_the_amount_in_the_table(voucher: list[tuple[LedgerLine, int | str | None]]) -> None:
    assert sum(line.amount for line, _ in voucher) == 0
    told = [(line, bears) for line, bears in voucher if bears is not None]
    found = gross_amounts([line for line, _ in voucher], rates=RATES)
    assert [(line, amount if isinstance(amount, int) else "ask") for line, amount in found] == told


def test_the_table_is_complete() -> None:
    assert [int(head.split(".")[0]) for head in vouchers()] == list(range(1, 54))


def test_why_a_person_is_asked_is_reported_with_the_amounts() -> None:
    lines = [LedgerLine(4300, 100000, DAY, "1"), LedgerLine(2711, 15000, DAY, "1")]
    (_, why), *_ = gross_amounts(lines, rates=RATES)
    assert why == "VAT code 1 has a rate of 25 %, but the voucher has NOK 150,00 of VAT on NOK 1 000,00."


def test_unproven_rates_on_both_sides_have_their_own_message() -> None:
    costs = [
        LedgerLine(4300, 1000000, DAY, "11", project_number=1),
        LedgerLine(4300, -1000000, DAY, "11", project_number=2),
    ]
    lines = [*costs, LedgerLine(2711, 250000, DAY, "11"), LedgerLine(2711, -250000, DAY, "11")]
    (_, why), *_ = gross_amounts(lines, rates=RATES)
    assert why == (
        "Lines with VAT code 11 are in debit and in credit, and their VAT doesn't show that 15 % is right."
    )


def test_revenue_in_debit_and_credit_that_nearly_cancels_keeps_the_rate_of_its_code() -> None:
    revenue = [
        LedgerLine(3000, -100000, DAY, "1", project_number=1),
        LedgerLine(3000, 99900, DAY, "1", project_number=2),
    ]
    found = gross_revenue([*revenue, LedgerLine(2700, -25, DAY, "1")], rates=RATES)
    assert [amount for _, amount in found] == [-125000, 124875]


def test_a_rounding_difference_of_another_currency_is_accepted() -> None:
    lines = [LedgerLine(4300, 100000, DAY, "1", currency="EUR"), LedgerLine(2711, 25011, DAY, "1")]
    assert [amount for _, amount in gross_amounts(lines, rates=RATES)] == [125011]


def _net(costs: list[tuple[int, str]], code: str) -> int:
    return sum(net for net, each in costs if each == code)


def _any_nearly_cancel(costs: list[tuple[int, str]]) -> bool:
    """Return whether lines of a VAT code on both sides nearly cancel out, so that any rate explains their VAT."""
    codes = {code for net, code in costs if (-net > 0, code) in {(each > 0, code) for each, code in costs}}
    return any(abs(_net(costs, code)) <= 10_000 for code in codes)


def ledger(costs: list[tuple[int, str]], *, coded: bool, apart: bool) -> list[LedgerLine]:
    """Book costs as 24SevenOffice may: VAT lines for each cost or each code, with the code on them or without."""
    lines = [LedgerLine(4300, net, DAY, code, project_number=n) for n, (net, code) in enumerate(costs)]
    nets = costs if apart else [(_net(costs, code), code) for _, code in costs]
    for net, code in nets if apart else dict.fromkeys(nets):
        if rate := RATES.get(code):
            vat = int((net * rate / 100).quantize(Decimal(1), ROUND_HALF_UP))
            lines.append(LedgerLine(2711, vat, DAY, code if coded else ""))
    return [*lines, LedgerLine(2400, -sum(line.amount for line in lines), DAY)]


@given(costs=st.lists(COST, min_size=1, max_size=12), coded=st.booleans(), apart=st.booleans())
def test_costs_come_to_the_vouchers_total_and_each_to_its_own_rate(
    costs: list[tuple[int, str]], *, coded: bool, apart: bool
) -> None:
    assume(apart or not _any_nearly_cancel(costs))  # no VAT line shows that those are net
    lines = ledger(costs, coded=coded, apart=apart)
    found = gross_amounts(lines, rates=RATES)
    amounts = [amount for _, amount in found if isinstance(amount, int)]
    assert sum(amounts) == -lines[-1].amount
    for line, amount in found:
        exact = line.amount * (1 + RATES.get(line.vat_code, Decimal()) / 100)
        assert isinstance(amount, int)
        assert abs(amount - exact) <= len(costs), "cancelling lines inflate a share"


@given(st.lists(COST, min_size=1, max_size=12), st.lists(COST, max_size=4), st.sampled_from([2702, 2711]))
def test_a_cost_always_bears_its_rate_or_less_or_needs_attention(
    costs: list[tuple[int, str]], vat: list[tuple[int, str]], account: int
) -> None:
    lines = [LedgerLine(4300, net, DAY, code) for net, code in costs]
    lines += [LedgerLine(account, amount, DAY, code) for amount, code in vat]
    for line, amount in gross_amounts(lines, rates=RATES):
        if isinstance(amount, int):
            most = abs(line.amount) * (1 + RATES.get(line.vat_code, Decimal()) / 100)
            assert abs(amount) <= most + ROUNDED_VAT + len(lines)


@given(costs=st.lists(COST, min_size=1, max_size=12), coded=st.booleans(), apart=st.booleans())
def test_a_credit_note_reverses_each_cost_of_its_invoice(
    costs: list[tuple[int, str]], *, coded: bool, apart: bool
) -> None:
    lines = ledger(costs, coded=coded, apart=apart)
    reversal = [replace(line, amount=-line.amount) for line in lines]
    there, back = (gross_amounts(each, rates=RATES) for each in (lines, reversal))
    for (_, brought), (_, taken) in zip(there, back, strict=True):
        assert not isinstance(brought, int) or taken == -brought


def test_an_outgoing_credit_note_reverses_each_line_of_its_invoice() -> None:
    def charged(sign: int) -> list[int]:
        lines = [
            LedgerLine(account, amount * sign, DAY, vat_code="1")
            for account, amount in ((3000, -33333), (3000, -33333), (2700, -16667))
        ]
        return [amount for _, amount in gross_revenue(lines, rates=RATES)]

    assert charged(1) == [-41667, -41666]
    assert charged(-1) == [41667, 41666]


@given(
    net=st.integers(1, 10_000_000),
    codes=st.permutations(["1", "11", "13", "91"]),
    per_mille=st.integers(-19, 19),
    off=st.integers(-99, 99),
    currency=st.sampled_from([NOK, "EUR"]),
)
def test_a_wrong_vat_code_is_detected_despite_rounding(
    net: int, codes: list[str], per_mille: int, off: int, currency: str
) -> None:
    """Book VAT at the rate of one code with another code, rounded as in kroner or in another currency."""
    right, booked, *_ = codes
    exact = net * RATES[right] / 100
    vat = round(exact * (1000 + per_mille) / 1000) if currency != NOK else round(exact) + off
    line = LedgerLine(4300, net, DAY, booked, currency=currency)
    ((_, amount),) = gross_amounts([line, LedgerLine(2711, vat, DAY, booked)], rates=RATES)
    is_told_apart = abs(vat - net * RATES[booked] / 100) > (2 if currency == NOK else 20)
    assert not (is_told_apart and isinstance(amount, int))


@given(
    nets=st.lists(st.one_of(AMOUNT, st.sampled_from([1_000_000, -1_000_000])), min_size=1, max_size=6),
    codes=st.permutations(["1", "11", "13"]),
    apart=st.booleans(),
    coded=st.booleans(),
    currency=st.sampled_from([NOK, "EUR"]),
)
def test_costs_on_both_sides_bear_no_wrong_rate(
    nets: list[int], codes: list[str], *, apart: bool, coded: bool, currency: str
) -> None:
    """Book VAT at the rate of one code with another code, for each line or for all, also where lines cancel out."""
    right, booked, _ = codes
    costs = [LedgerLine(4300, net, DAY, booked, project_number=n, currency=currency) for n, net in enumerate(nets)]
    vat = [round(net * RATES[right] / 100) for net in (nets if apart else [sum(nets)])]
    beside = [] if coded else [LedgerLine(7140, 500, DAY)]
    lines = [*costs, *beside, *(LedgerLine(2711, each, DAY, booked if coded else "") for each in vat)]
    for line, amount in gross_amounts(lines, rates=RATES)[: len(costs)]:
        exact = line.amount * (1 + RATES[right] / 100)
        assert isinstance(amount, Message) or abs(amount - exact) <= (3 if coded else 30) * len(lines)
