"""The VAT that an invoice charges, by VAT code, and how much of each amount is revenue: exact to the øre.

The rules, in a bookkeeper's words:

1. The customer owes the total of the invoice, whatever its lines add up to.
2. VAT is calculated and rounded once for each rate of a VAT code, on the sum of its lines (EN 16931, BR-CO-17), if
   the total of the invoice comes from that.
3. If the total is the sum of its lines instead, each of which was rounded, VAT is the difference between the lines
   and their net amounts. If Moment does not return net amounts, VAT is the rate applied to the sum.
4. If a total in whole kroner differs from either by half a krone at most, the difference is rounding and not VAT.
   It is booked on its own account, if the connection names one.
5. Otherwise, lines and total may differ by up to half an øre a line. The largest line bears the difference.
6. An invoice in another currency is converted to kroner last; the largest account bears the rounding.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple, TypeVar

from models.connections.settings import ConnectionSettings
from sync.money import NOK, to_ore
from sync.records import (
    NO_VAT_CODE,
    Chart,
    Invoice,
    InvoiceLine,
    LedgerLine,
    OutputVat,
    Revenue,
    VatCode,
    Voucher,
    is_vat_code,
)
from sync.rules.vat_allocation import VAT_ACCOUNTS

CENT = Decimal("0.01")  # of the invoice's currency, which may not be kroner
HALF_A_KRONE = Decimal("0.5")

NO_VAT = VatCode(Decimal())
"""The rate and account of an account or a line without a VAT code."""

HUNDRED = Decimal(100)

K = TypeVar("K", bound=Hashable)


class RevenueKey(NamedTuple):
    """The key by which an invoice's lines are booked together; ``project_id`` is Moment's."""

    account: int
    vat_code: str
    project_id: str


class Category(NamedTuple):
    """A rate of a VAT code; None if the rate is unknown."""

    vat_code: str
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class BookedLine:
    """A line of an invoice with the key under which it is booked; ``rate`` is None if unknown."""

    line: InvoiceLine
    key: RevenueKey
    rate: Decimal | None

    @property
    def vat_code(self) -> str:
        return self.key.vat_code

    @property
    def category(self) -> Category:
        return Category(self.key.vat_code, self.rate)


@dataclass(frozen=True, slots=True)
class Split:
    """An invoice in øre, revenue positive: ``gross`` and ``net`` by key, ``vat`` and ``slack`` by VAT code.

    ``slack`` is how much a code's VAT may differ if VAT is split off each line of a voucher by itself.
    ``rounding`` is the largest deviation of a code's VAT from its rate that rounding explains.
    """

    total: int
    gross: Mapping[RevenueKey, int]
    net: Mapping[RevenueKey, int]
    vat: Mapping[str, int]
    slack: Mapping[str, int]
    rounding: int


def account_and_vat_code(
    line: InvoiceLine, accounts: Mapping[int, str], settings: ConnectionSettings
) -> tuple[int, str]:
    """Return a line's account and its VAT code; without a VAT code, it is empty.

    The code is from the settings, else from Moment (M13), else from the chart of accounts (S4).
    """
    text, _, code = settings.accounts.get(line.account_id, str(line.account)).partition("/")
    account = int(text)
    return account, code or settings.vat_codes.get(account) or line.tax_code or accounts.get(account, "")


def booked_lines(invoice: Invoice, *, chart: Chart, settings: ConnectionSettings) -> list[BookedLine]:
    """Return where the lines are booked; the rounding of the total to a whole krone is the last line."""
    booked = []
    for line in invoice.lines:
        account, code = account_and_vat_code(line, chart.accounts, settings)
        key = RevenueKey(account, code, line.project_id or invoice.project_id)
        booked.append(BookedLine(line, key, _rate_of(line, code, chart)))
    if settings.rounding_account:
        to_krone = invoice.currency == NOK and invoice.total == invoice.total.to_integral_value()
        if amount := rounding(booked, total=invoice.total, to_krone=to_krone):
            line = InvoiceLine(amount, settings.rounding_account, net=amount)
            booked.append(BookedLine(line, RevenueKey(settings.rounding_account, "", ""), Decimal()))
    return booked


def comes_to_total(invoice: Invoice, lines: Sequence[BookedLine]) -> bool:
    """Return whether the lines of :func:`booked_lines` come to the invoice's total, up to half an øre a line."""
    return rounding(lines, total=invoice.total, to_krone=False) is not None


def rounding(lines: Sequence[BookedLine], *, total: Decimal, to_krone: bool) -> Decimal | None:
    """Return how much a total exceeds its lines because it is rounded to a whole krone, or zero.

    Return None if the lines do not come to the total. ``to_krone`` says whether the total may be rounded like
    that. If it may have been calculated in both ways (M21), net and VAT, rounded once for each rate, are assumed.
    """
    vat = _vat_rounded_once(lines)
    sums = [] if vat is None else [_net_of(lines) + sum(vat.values())]
    sums.append(sum((each.line.amount for each in lines), Decimal()))
    if total in sums:
        return Decimal()
    rounded = (total - each for each in sums if to_krone and abs(total - each) <= HALF_A_KRONE)
    is_between = abs(total - sums[-1]) * 2 <= CENT * len(lines)
    return next(rounded, Decimal() if is_between else None)


def split(lines: Sequence[BookedLine], *, total: Decimal, rate: Decimal) -> Split:
    """Split an invoice whose lines come to its total. ``rate`` is the value in kroner of its currency."""
    vat = _vat_by_category(lines, total=total)
    amounts = _gross_by_key(lines, vat, total=total)
    gross = {key: to_ore(amount * rate) for key, amount in amounts.items()}
    _adjust_largest(gross, to_ore(total * rate))
    by_code = _sum_by_key((code, amount) for (code, _), amount in vat.items())
    vat_ore = {code: to_ore(amount * rate) for code, amount in by_code.items()}
    return Split(
        total=to_ore(total * rate),
        gross=gross,
        net=_net_by_key(lines, gross, vat_ore, rate=rate),
        vat=vat_ore,
        slack={code: _slack(code, lines, gross, rate=rate) for code in vat_ore},
        rounding=_rounding(lines, gross, rate=rate),
    )


def differences(voucher: Voucher, lines: Iterable[LedgerLine]) -> list[tuple[int, int, int]]:
    """Compare net revenue and VAT with the visible lines of a whole voucher in the ledger, by account.

    Each difference is an account (0 for VAT on an unknown account) with the expected and the actual sum, in øre.
    Sums that 24SevenOffice splits off may differ by the rounding of single lines.
    """
    visible = [line for line in lines if not line.hidden]
    slack = {each.tax_code: each.slack if voucher.voucher_vat == "gross" else 0 for each in voucher.vat}
    vat_accounts = {each.account for each in voucher.vat if each.account}
    is_known = all(each.account for each in voucher.vat if each.amount or each.slack)
    of_vat = {line.account for line in visible if line.account in VAT_ACCOUNTS or line.account in vat_accounts}
    expected: dict[int, int] = defaultdict(int)
    allowed: dict[int, int] = defaultdict(int)
    for vat in voucher.vat:
        account = (vat.account or 0) if is_known else 0
        expected[account] += vat.amount
        allowed[account] += slack[vat.tax_code]
    for part in voucher.revenue:
        expected[part.account] += part.net
        allowed[part.account] += slack.get(part.tax_code, 0)
    actual: dict[int, int] = defaultdict(int)
    for line in visible:
        if line.account in of_vat or line.account in expected:
            actual[line.account if is_known or line.account not in of_vat else 0] += line.amount
    return [
        (account, expected[account], actual[account])
        for account in sorted(expected.keys() | actual.keys())
        if abs(expected[account] - actual[account]) > allowed[account]
    ]


def proven_codes(voucher: Voucher) -> set[str]:
    """Return the VAT codes that a voucher proves if the ledger has it without a difference.

    A code at 0 % is right by its rate. Any other code needs VAT that exceeds its slack, and no code may have VAT
    of the opposite sign, which could compensate for it.
    """
    amounts = [each.amount for each in voucher.vat]
    has_one_sign = min(amounts, default=0) >= 0 or max(amounts) <= 0
    return {
        each.tax_code or NO_VAT_CODE
        for each in voucher.vat
        if each.untaxed or (has_one_sign and abs(each.amount) > each.slack)
    }


def rounded_vat(voucher: Voucher) -> OutputVat | None:
    """Return the VAT that rounding puts furthest off its rate.

    Return None if none is, if rounding does not explain one of them, or if 24SevenOffice splits the VAT off.
    """
    if voucher.voucher_vat == "gross" or any(each.off_rate is None for each in voucher.vat):
        return None
    off = [each for each in voucher.vat if each.off_rate]
    return max(off, key=lambda each: abs(each.off_rate or 0), default=None)


def other_codes(voucher: Voucher, lines: Iterable[LedgerLine]) -> list[tuple[int, str, str]]:
    """Return the revenue accounts with other VAT codes in the ledger than were sent: account, sent, actual."""
    sent: dict[int, set[str]] = defaultdict(set)
    actual: dict[int, set[str]] = defaultdict(set)
    for part in voucher.revenue:
        sent[part.account].add(part.tax_code or NO_VAT_CODE)
    for line in lines:
        if line.account in sent and not line.hidden:
            actual[line.account].add(line.vat_code or NO_VAT_CODE)
    return [
        (account, ", ".join(sorted(codes)), ", ".join(sorted(actual[account])))
        for account, codes in sorted(sent.items())
        if actual[account] - codes
    ]


def as_records(
    invoice: Split, *, codes: Mapping[str, VatCode], numbers: Mapping[str, int]
) -> tuple[tuple[Revenue, ...], tuple[OutputVat, ...]]:
    """Convert a split to the signs of the ledger, with its VAT codes and project numbers by Moment id."""
    revenue = tuple(
        Revenue(key.account, key.vat_code, numbers.get(key.project_id), gross=-gross, net=-invoice.net[key])
        for key, gross in invoice.gross.items()
    )
    all_codes = {**codes, "": NO_VAT, NO_VAT_CODE: NO_VAT}
    vat = tuple(
        OutputVat(
            code,
            all_codes[code].account if code in all_codes else None,
            -amount,
            slack=invoice.slack[code],
            untaxed=code in all_codes and not all_codes[code].rate,
            off_rate=_off_rate(invoice, code, all_codes[code].rate) if code in all_codes else None,
        )
        for code, amount in invoice.vat.items()
    )
    return revenue, vat


def _rate_of(line: InvoiceLine, code: str, chart: Chart) -> Decimal | None:
    """Return the VAT rate that a line was charged with, by Moment, otherwise by its VAT code; None if unknown."""
    if not is_vat_code(code):
        return Decimal()
    if line.vat is not None and line.vat >= 0:
        return line.vat
    return chart.vat_codes[code].rate if code in chart.vat_codes else None


def _vat_by_category(lines: Sequence[BookedLine], *, total: Decimal) -> dict[Category, Decimal]:
    """Return the VAT of each rate of each VAT code, in the invoice's currency."""
    gross = _sum_by_key((each.category, each.line.amount) for each in lines)
    largest = max(lines, key=lambda each: abs(each.line.amount), default=None)
    if largest:
        gross[largest.category] += total - sum(gross.values())
    vat = _vat_rounded_once(lines)
    if vat is None:
        rates = {each: each.rate or Decimal() for each in gross}
        return {each: _round(amount * rates[each] / (HUNDRED + rates[each])) for each, amount in gross.items()}
    if _net_of(lines) + sum(vat.values()) == total:
        return vat
    net = _net_by_category(lines)
    return {category: gross[category] - net[category] if category.rate else Decimal() for category in gross}


def _vat_rounded_once(lines: Sequence[BookedLine]) -> dict[Category, Decimal] | None:
    """Return the VAT of each category, rounded once; None if Moment does not return the net of each line."""
    if not all(map(_has_net, lines)):
        return None
    net = _net_by_category(lines)
    return {category: _round(amount * (category.rate or 0) / HUNDRED) for category, amount in net.items()}


def _net_by_category(lines: Iterable[BookedLine]) -> dict[Category, Decimal]:
    return _sum_by_key((each.category, each.line.net or Decimal()) for each in lines)


def _net_of(lines: Iterable[BookedLine]) -> Decimal:
    return sum((each.line.net or Decimal() for each in lines), Decimal())


def _gross_by_key(
    lines: Sequence[BookedLine], vat: Mapping[Category, Decimal], *, total: Decimal
) -> dict[RevenueKey, Decimal]:
    """Return the amounts including VAT by key; together they are the total."""
    amounts = _sum_by_key((each.key, each.line.amount) for each in lines)
    if all(map(_has_net, lines)):
        net = _sum_by_key((each.vat_code, each.line.net or Decimal()) for each in lines)
        codes = _sum_by_key((category.vat_code, amount) for category, amount in vat.items())
        if sum(net.values()) + sum(codes.values()) == total:
            for code, amount in codes.items():
                _adjust_largest_of({key for key in amounts if key.vat_code == code}, amounts, net[code] + amount)
    largest = max(lines, key=lambda each: abs(each.line.amount), default=None)
    if largest:
        amounts[largest.key] += total - sum(amounts.values())
    return amounts


def _net_by_key(
    lines: Sequence[BookedLine], gross: Mapping[RevenueKey, int], vat: Mapping[str, int], *, rate: Decimal
) -> dict[RevenueKey, int]:
    """Return the amounts without VAT by key; the keys of a code together have the code's net."""
    exact: dict[RevenueKey, Decimal] = defaultdict(Decimal)
    have_net = all(map(_has_net, lines))
    for each in lines:
        own = each.line.net if have_net else each.line.amount / (1 + (each.rate or 0) / HUNDRED)
        exact[each.key] += (own or Decimal()) * rate
    net = {key: to_ore(exact[key]) for key in gross}
    taxed = {each.vat_code for each in lines if each.rate}
    net |= {key: amount for key, amount in gross.items() if key.vat_code not in taxed}
    for code, amount in vat.items():
        keys = [key for key in gross if key.vat_code == code]
        part = {key: net[key] for key in keys}
        _adjust_largest(part, sum(gross[key] for key in keys) - amount)
        net |= part
    return net


def _has_net(each: BookedLine) -> bool:
    """Return whether a line has a net amount that, with its rate, comes to the line's amount."""
    net, rate = each.line.net, each.rate
    return net is not None and rate is not None and abs(net * (1 + rate / HUNDRED) - each.line.amount) < CENT


def _slack(code: str, lines: Sequence[BookedLine], gross: Mapping[RevenueKey, int], *, rate: Decimal) -> int:
    """Return half an øre for each line of the invoice (in its currency), and for each but one of the voucher."""
    own = [each for each in lines if each.vat_code == code]
    if any(each.rate is None for each in own):
        return sum(abs(amount) for key, amount in gross.items() if key.vat_code == code)
    if not any(each.rate for each in own):
        return 0
    keys = {each.key for each in own}
    return int((len(own) * max(rate, Decimal(1)) + len(keys) - 1) // 2)


def _rounding(lines: Sequence[BookedLine], gross: Mapping[RevenueKey, int], *, rate: Decimal) -> int:
    """Return by how many øre rounding may put a code's VAT off its rate.

    A line that Moment rounds is up to a cent off its rate. The total may be half a cent a line off the lines,
    which its largest line bears. Conversion to kroner rounds each amount and the VAT.
    """
    return int(len(lines) * max(rate, Decimal(1)) * Decimal("1.5")) + len(gross) + 1


def _off_rate(invoice: Split, code: str, rate: Decimal) -> int | None:
    net = sum(amount for key, amount in invoice.net.items() if key.vat_code == code)
    off = int((invoice.vat[code] - net * rate / HUNDRED).quantize(Decimal(1), ROUND_HALF_UP))
    return off if abs(off) <= invoice.rounding else None


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _sum_by_key(amounts: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    sums: dict[K, Decimal] = defaultdict(Decimal)
    for key, amount in amounts:
        sums[key] += amount
    return sums


def _adjust_largest(amounts: dict[RevenueKey, int], total: int) -> None:
    """Change the largest amount so that the amounts come to the total."""
    if amounts:
        amounts[max(amounts, key=lambda each: abs(amounts[each]))] += total - sum(amounts.values())


def _adjust_largest_of(keys: Iterable[RevenueKey], amounts: dict[RevenueKey, Decimal], total: Decimal) -> None:
    """Change the largest amount of these keys so that their amounts come to the total."""
    ordered = sorted(keys)
    if ordered:
        largest = max(ordered, key=lambda each: abs(amounts[each]))
        amounts[largest] += total - sum(amounts[key] for key in ordered)
