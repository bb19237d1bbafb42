"""The VAT of outgoing vouchers, in both ways, for invoices as Moment may calculate them."""

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.records import Chart, Invoice, InvoiceLine, LedgerLine, Voucher
from sync.rules.output_vat import differences, other_codes
from sync.rules.vouchers import voucher_of
from tests import factories
from tests.fakes import CHART, RATES, VAT_CODES, lines_of

NET = st.decimals(min_value=-100_000, max_value=100_000, places=2)
LINE = st.tuples(NET, st.sampled_from([3000, 3020, 3100]), st.sampled_from(["8", "9"]))
LINES = st.builds(
    lambda lines, times: lines * times, st.lists(LINE, min_size=1, max_size=12), st.sampled_from([1, 1, 10])
)
ROUNDING = 7740
WHOLE = Decimal(1)


@dataclass(frozen=True)
class Priced:
    """An invoice, its VAT for each VAT code, and the rounding of its total to a whole krone."""

    invoice: Invoice
    vat: dict[str, Decimal]
    rounding: Decimal = Decimal()


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def priced(
    lines: list[tuple[Decimal, int, str]], *, per_line: bool, tells_net: bool = True, whole: bool = False
) -> Priced:
    """Price lines as Moment may: VAT is rounded for each line, or once for each rate (EN 16931, BR-CO-17).

    A total that both ways give, or that is ``whole`` and near both, does not show which it is: VAT is rounded
    once.
    """
    net: dict[str, Decimal] = defaultdict(Decimal)
    vat: dict[str, Decimal] = defaultdict(Decimal)
    made = []
    for amount, account, project in lines:
        code = CHART[account]
        gross = rounded(amount * (1 + RATES[code] / 100))
        net[code] += amount
        vat[code] += gross - amount
        told = amount if tells_net else None
        made.append(InvoiceLine(gross, account, project_id=project, vat=RATES[code], net=told))
    once = {code: rounded(amount * RATES[code] / 100) for code, amount in net.items()}
    both = [(sum(net.values(), Decimal()) + sum(each.values(), Decimal()), each) for each in (once, dict(vat))]
    exact, shown = both[per_line]
    total = exact.quantize(WHOLE, ROUND_HALF_UP) if whole else exact
    exact, shown = next((each for each in both if each[0] == total), both[abs(total - both[0][0]) > WHOLE / 2])
    invoice = factories.invoice(lines=tuple(made), total=total, credit_note=total < 0)
    return Priced(invoice, shown, total - exact)


def voucher(invoice: Invoice, voucher_vat: str) -> Voucher:
    return voucher_of(
        invoice,
        customer_number=10001,
        project_number=int,
        chart=Chart({**CHART, ROUNDING: ""}, VAT_CODES),
        settings=factories.settings(voucher_vat=voucher_vat, rounding_account=ROUNDING),
        comment="",
    )


def vat_held(lines: list[LedgerLine]) -> dict[str, int]:
    held: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.account in (2701, 2702):
            held[line.vat_code] -= line.amount
    return held


def check_both_ways(case: Priced) -> None:
    net, gross = voucher(case.invoice, "net"), voucher(case.invoice, "gross")
    assert net.entries[0] == gross.entries[0]
    assert net.entries[0].amount == case.invoice.total * 100
    assert sum(entry.amount for entry in net.entries) == sum(entry.amount for entry in gross.entries) == 0
    for made in (net, gross):
        rounded_by = -sum(entry.amount for entry in made.entries if entry.account == ROUNDING)
        assert rounded_by == case.rounding * 100
    own, split = vat_held(lines_of(net)), vat_held(lines_of(gross))
    assert {code: Decimal(own[code]) / 100 for code in case.vat} == case.vat
    for code, vat in case.vat.items():
        lines = [line for line in case.invoice.lines if CHART[line.account] == code]
        assert abs(split[code] - vat * 100) <= Decimal(len(lines)) - Decimal("0.5")
    assert differences(net, lines_of(net)) == differences(gross, lines_of(gross)) == []


@given(LINES, st.booleans(), st.booleans())
def test_net_and_gross_book_the_total_and_net_books_the_invoices_own_vat(
    lines: list[tuple[Decimal, int, str]],
    per_line: bool,  # noqa: FBT001 - drawn
    whole: bool,  # noqa: FBT001 - drawn
) -> None:
    check_both_ways(priced(lines, per_line=per_line, whole=whole))


@pytest.mark.thousands
@settings(max_examples=2000)
@given(LINES, st.booleans(), st.booleans())
def test_net_and_gross_vouchers_are_right_for_two_thousand_invoices(
    lines: list[tuple[Decimal, int, str]],
    per_line: bool,  # noqa: FBT001 - drawn
    whole: bool,  # noqa: FBT001 - drawn
) -> None:
    check_both_ways(priced(lines, per_line=per_line, whole=whole))


@given(LINES, st.booleans())
def test_without_net_amounts_the_vat_is_the_rate_of_the_sum(
    lines: list[tuple[Decimal, int, str]],
    per_line: bool,  # noqa: FBT001 - drawn
) -> None:
    case = priced(lines, per_line=per_line, tells_net=False)
    made = voucher(case.invoice, "net")
    assert made.entries[0].amount == case.invoice.total * 100
    assert sum(entry.amount for entry in made.entries) == 0
    for code, vat in vat_held(lines_of(made)).items():
        base = -sum(entry.amount for entry in made.entries if entry.tax_code == code) - vat
        assert abs(vat - base * RATES[code] / 100) <= 1


@given(LINES, st.sampled_from([-1, 1]))
def test_an_ore_in_the_wrong_place_is_detected_in_net_vouchers(
    lines: list[tuple[Decimal, int, str]], ore: int
) -> None:
    made = voucher(priced(lines, per_line=False).invoice, "net")
    held = lines_of(made)
    for place in range(1, len(held)):
        moved = [replace(each, amount=each.amount + ore * (n == place)) for n, each in enumerate(held)]
        assert [account for account, _, _ in differences(made, moved)] == [held[place].account]


def test_revenue_that_includes_vat_is_detected() -> None:
    made = voucher(factories.invoice(), "gross")
    held = lines_of(made, split=False)
    assert differences(made, held) == [(2701, -25000, 0), (3000, -100000, -125000)]


def test_vat_on_another_account_is_detected() -> None:
    made = voucher(factories.invoice(), "net")
    held = [replace(line, account=2702) if line.account == 2701 else line for line in lines_of(made)]
    assert differences(made, held) == [(2701, -25000, 0), (2702, 0, -25000)]


def test_another_vat_code_is_detected() -> None:
    made = voucher(factories.invoice(), "net")
    held = [replace(line, vat_code="5") if line.account == 3000 else line for line in lines_of(made)]
    assert (differences(made, held), other_codes(made, held)) == ([], [(3000, "3", "5")])


def test_the_vat_of_a_code_without_an_account_is_compared_wherever_it_is() -> None:
    invoice = factories.invoice(lines=(factories.line(vat=25),))
    chart = Chart(CHART, {"3": replace(VAT_CODES["3"], account=None)})
    made = voucher_of(
        invoice,
        customer_number=10001,
        project_number=int,
        chart=chart,
        settings=factories.settings(voucher_vat="gross"),
        comment="",
    )
    assert differences(made, lines_of(voucher(invoice, "net"))) == []
    assert differences(made, lines_of(made, split=False)) == [(0, -25000, 0), (3000, -100000, -125000)]
