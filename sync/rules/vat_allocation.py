"""The allocation of VAT: the cost that each project bears of a supplier's voucher, VAT included, to the øre (S5).

Decision 34 in ``docs/decisions`` states the rules in a bookkeeper's words.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from i18n.messages import Message, msg
from sync.money import NOK, format_kroner, format_rate
from sync.records import LedgerLine, is_vat_code

MONEY_ACCOUNTS = range(1900, 2000)
"""Accounts of the Norwegian standard chart for cash and bank."""

SUPPLIER_ACCOUNTS = range(2400, 2500)
"""Accounts of the Norwegian standard chart for debts to suppliers."""

VAT_ACCOUNTS = range(2700, 2800)
"""Accounts of the Norwegian standard chart for VAT."""

OUTPUT_VAT_ACCOUNTS = (*range(2700, 2710), *range(2720, 2730))
"""Accounts of output VAT: of sales, and in a supplier's voucher of reverse charge (272x without deduction)."""

FOREIGN_SLACK = 10
"""How many øre a line may be off if it was rounded in another currency; in kroner it is one øre."""

ROUNDED_VAT = 100
"""How many øre the VAT of a code may be off in total: suppliers round it on each line of their invoices."""

FOREIGN_VAT = Fraction(2, 100)
"""The part by which VAT may be off in another currency: suppliers state it in kroner, not at the ledger's rate."""


_Sides = Sequence[tuple[int, int]]
"""Net and VAT, of debit and of credit or of all lines."""


def stamps_of(lines: Sequence[LedgerLine]) -> set[int]:
    """Return the stamps that a voucher shares with its documents."""
    return {line.stamp for line in lines if line.stamp and not line.hidden}


def needs_rates(lines: Sequence[LedgerLine]) -> bool:
    """Return whether VAT rates are needed: for VAT lines, and for coded lines in both debit and credit."""
    signs = {line.amount > 0 for line in lines if _code(line)}
    return len(signs) > 1 or any(line.account in VAT_ACCOUNTS for line in lines)


def gross_amounts(
    lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]
) -> list[tuple[LedgerLine, int | Message]]:
    """Return each cost line with its amount including VAT in øre, or why it is unclear.

    The amounts add up exactly to the debt to the supplier or the payment.
    """
    foreign = any(line.currency != NOK for line in lines)
    voucher = _Voucher(lines, rates=rates, foreign=foreign, output=OUTPUT_VAT_ACCOUNTS)
    amounts: list[int | Message] = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.indexes, voucher.shares(part), strict=True):
            amount = amounts[n]
            amounts[n] = amount if isinstance(amount, Message) else part.unclear or amount + share
    return list(zip(voucher.costs, amounts, strict=True))


def gross_revenue(lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]) -> list[tuple[LedgerLine, int]]:
    """Return the same for an outgoing invoice's voucher; unclear VAT is divided in proportion to the amounts."""
    voucher = _Voucher(lines, rates=rates, foreign=False, output=())
    amounts = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.indexes, voucher.shares(part), strict=True):
            amounts[n] += share
    return list(zip(voucher.costs, amounts, strict=True))


@dataclass(frozen=True, slots=True)
class _Part:
    """VAT in øre, ``indexes`` of the lines that bear it with ``exact`` shares, or why they are ``unclear``."""

    vat: int
    indexes: Sequence[int]
    exact: Sequence[Fraction] = ()
    unclear: Message | None = None


class _Voucher:
    """The lines of a voucher: ``costs``, VAT lines by code, and ``_strays``, VAT lines whose code no cost has.

    Strays without a code get it if only one code is possible.
    """

    def __init__(
        self, lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal], foreign: bool, output: Collection[int]
    ) -> None:
        self._rates, self._output = rates, output
        self._slack, self._inexact = (FOREIGN_SLACK, FOREIGN_VAT) if foreign else (1, Fraction())
        non_cost_accounts = (MONEY_ACCOUNTS, SUPPLIER_ACCOUNTS, VAT_ACCOUNTS)
        self.costs = [line for line in lines if not any(line.account in each for each in non_cost_accounts)]
        self._indexes: dict[str, list[int]] = defaultdict(list)
        for n, line in enumerate(self.costs):
            self._indexes[_code(line)].append(n)
        self._vat: dict[str, list[LedgerLine]] = defaultdict(list)
        self._strays: list[LedgerLine] = []
        for line in lines:
            if line.account in VAT_ACCOUNTS:
                has_costs = _code(line) in self._indexes and _code(line)
                (self._vat[_code(line)] if has_costs else self._strays).append(line)

        codes = self._codes_without_vat()
        is_clear = self._strays and len(codes) == 1 and self._rates.get(codes[0])
        if is_clear and not any(_code(line) or line.account in output for line in self._strays):
            self._vat[codes[0]], self._strays = self._strays, []

    def parts(self) -> Iterator[_Part]:
        """Yield the VAT of each code, and then that of the strays, with the lines that bear it."""
        for code, vat in self._vat.items():
            is_reversed = any(line.account in self._output for line in vat)
            yield self._reverse_charge(code, vat) if is_reversed else self._part_of_own_vat(code, vat)
        codes = self._codes_without_vat()
        cancelling = {code: part for code in codes if self._output and (part := self._cancelling_part(code))}
        yield from cancelling.values()
        if self._strays:
            yield self._part_of_strays([code for code in codes if code not in cancelling])

    def shares(self, part: _Part) -> list[int]:
        """Divide VAT to the øre: by the exact shares, otherwise by the amounts."""
        amounts = [Fraction(abs(self.costs[n].amount) or 1) for n in part.indexes]
        sizes = [abs(each) for each in part.exact]
        return _share(part.vat, part.exact or [Fraction()] * len(amounts), sizes if any(sizes) else amounts)

    def _part_of_own_vat(self, code: str, vat: Sequence[LedgerLine]) -> _Part:
        """Divide the VAT lines of a code among the other lines with that code."""
        amount, indexes = sum(line.amount for line in vat), self._indexes[code]
        slack = self._slack * (len(indexes) + len(vat))
        rate = self._rate(code, amount, slack=slack)
        if rate is None:
            return _Part(amount, indexes, unclear=self._wrong_rate_message(code, rate, amount))
        exact = [_vat_of(self.costs[n].amount, rate) for n in indexes]
        if self._rate_explains(rate, indexes, [line.amount for line in vat]):
            return _Part(amount, indexes, exact)
        if abs(amount - sum(exact, Fraction())) > slack or not all(_sides(self._sums(indexes))):
            return _Part(amount, indexes, unclear=self._wrong_rate_message(code, rate, amount))
        return _Part(amount, indexes, exact, unclear=_both_sides_message(code, rate))

    def _rate_explains(self, rate: Decimal, indexes: Sequence[int], vat: Sequence[int]) -> bool:
        """Return whether a rate explains these VAT lines.

        If accounts or projects are on both sides, it must explain debit and credit separately, or VAT on their sum
        that no other rate explains.
        """
        lines = len(indexes) + len(vat)
        sums, amounts = self._sums(indexes), [self.costs[n].amount for n in indexes]
        whole = [(sum(amounts), sum(vat))]
        if not all(_sides(sums)):
            return self._explains_exactly(rate, whole, lines) or self._explains_nearly(rate, whole, lines)
        separate = [list(zip(_sides(nets), _sides(vat), strict=True)) for nets in (sums, amounts)]
        near = separate if all(_sides(vat)) else [whole]
        return any(self._explains_exactly(rate, each, lines) for each in separate) or any(
            self._explains_nearly(rate, each, lines) for each in near
        )

    def _explains_exactly(self, rate: Decimal, sides: _Sides, lines: int) -> bool:
        """Return whether a rate explains the VAT of each side, up to an øre a line."""
        return all(abs(vat - _vat_of(net, rate)) <= lines for net, vat in sides)

    def _explains_nearly(self, rate: Decimal, sides: _Sides, lines: int) -> bool:
        """Return whether a rate nearly explains the VAT of each side, and no other rate does."""
        rates = {Decimal(), rate, *self._rates.values()}
        near = [each for each in rates if all(self._is_near(_vat_of(net, each), vat, lines) for net, vat in sides)]
        return rate > 0 and near == [rate]

    def _is_near(self, exact: Fraction, vat: int, lines: int) -> bool:
        rounding = Fraction(max(ROUNDED_VAT, self._slack * lines))
        return abs(vat - exact) <= max(rounding, abs(exact) * self._inexact)

    def _sums(self, indexes: Sequence[int]) -> Collection[int]:
        """Return the sums of lines by account and project."""
        sums = defaultdict[tuple[int, int | None], int](int)
        for line in (self.costs[n] for n in indexes):
            sums[line.account, line.project_number] += line.amount
        return sums.values()

    def _rate(self, code: str, vat: int, *, slack: int) -> Decimal | None:
        """Return a code's rate; for one that is no longer in use, the only rate that gives exactly this VAT."""
        if code in self._rates:
            return self._rates[code]
        net = self._net(code)
        possible = {rate for rate in self._rates.values() if rate and abs(vat - _vat_of(net, rate)) <= slack}
        return possible.pop() if len(possible) == 1 else None

    def _reverse_charge(self, code: str, vat: Sequence[LedgerLine]) -> _Part:
        """Leave the lines of a code with reverse charge as they are.

        Its rate is 0 (S27), or agrees, or all of it is deducted: then it may be import VAT, which is calculated on
        the customs value. More is never deducted.
        """
        output = sum(line.amount for line in vat if line.account in self._output)
        amount, indexes, rate = sum(line.amount for line in vat), self._indexes[code], self._rates.get(code)
        off = abs(output + _vat_of(self._net(code), rate)) if rate and amount else 0
        agrees = off <= self._slack * (len(indexes) + len(vat)) and min(0, output) <= amount <= max(0, output)
        return _Part(0, indexes, unclear=None if agrees else self._wrong_rate_message(code, rate, -output))

    def _part_of_strays(self, codes: Sequence[str]) -> _Part:
        """Divide stray VAT lines among the lines whose codes have no VAT lines."""
        vat = sum(line.amount for line in self._strays)
        indexes = [n for code in codes for n in self._indexes[code]]
        exact = [_vat_of(self.costs[n].amount, self._rates.get(_code(self.costs[n]), Decimal())) for n in indexes]
        slack, expected = self._slack * (len(exact) + len(self._strays)), sum(exact, Fraction())
        output = [line.amount for line in self._strays if line.account in self._output]
        if output and not vat:
            return _Part(0, indexes)  # reverse charge: output VAT and its deduction
        if all(not code or code in self._rates for code in codes):
            unproven = self._unproven_rate(codes, slack)
            if abs(vat - expected) <= slack and (any(exact) or not vat):
                return _Part(vat, indexes, exact, unclear=unproven)
            charged = vat - sum(output)  # by the supplier
            off = charged - expected if charged or not any(exact) else sum(output) + expected
            is_reversed = sum(output) * sum(self.costs[n].amount for n in indexes) < 0
            if is_reversed and abs(off) <= slack and not (charged and all(exact)):
                return _Part(charged, indexes, exact, unclear=unproven) if charged else _Part(0, indexes)
        return _Part(vat, indexes or range(len(self.costs)), unclear=_stray_vat_message(vat, round(expected)))

    def _unproven_rate(self, codes: Sequence[str], slack: int) -> Message | None:
        """Return why VAT lines without a code do not prove the rates of lines on both sides.

        They do if debit and credit agree separately: by line, by account and project, or by code. The sum of a
        code must be so large that no other rate gives its VAT.
        """
        rates = {code: rate for code in codes if (rate := self._rates.get(code))}
        mixed = [code for code in rates if all(_sides(self._sums(self._indexes[code])))]
        charged = _sides([line.amount for line in self._strays if line.account not in self._output])
        groupings: list[Mapping[str, Collection[int]]] = [
            {code: [self.costs[n].amount for n in self._indexes[code]] for code in rates},
            {code: self._sums(self._indexes[code]) for code in rates},
        ]
        if not any(self._is_of_any_rate(code, slack) for code in mixed):
            groupings.append({code: [self._net(code)] for code in rates})
        for nets in groupings:
            off = [Fraction(each) for each in charged]
            for code, rate in rates.items():
                off = [vat - _vat_of(net, rate) for vat, net in zip(off, _sides(nets[code]), strict=True)]
            if all(abs(each) <= slack for each in off):
                return None
        return _both_sides_message(mixed[0], rates[mixed[0]]) if mixed else None

    def _is_of_any_rate(self, code: str, slack: int) -> bool:
        """Return whether a different rate would give the same VAT on the lines of a code."""
        own = self._rates[code]
        others = {Decimal(), *self._rates.values()} - {own}
        return any(abs(_vat_of(self._net(code), own - each)) <= slack for each in others)

    def _cancelling_part(self, code: str) -> _Part | None:
        """Return lines of several accounts or projects that cancel out, if no VAT line shows that they are net."""
        rate, amounts = self._rates.get(code), [self.costs[n].amount for n in self._indexes[code]]
        slack = self._slack * len(amounts)
        if not rate or abs(_vat_of(self._net(code), rate)) > slack:
            return None
        groupings_of_nets = (self._sums(self._indexes[code]), amounts, _sides(amounts))
        vat = [[_vat_of(net, rate) for net in nets if net] for nets in groupings_of_nets]
        if all(abs(each) <= slack for each in vat[0]) or any(self._are_charged(each, slack) for each in vat):
            return None
        why = msg("Lines with VAT code {code} cancel out, and no VAT line shows whether they are net.", code=code)
        return _Part(0, self._indexes[code], unclear=why)

    def _are_charged(self, exact: Collection[Fraction], slack: int) -> bool:
        """Return whether each of these amounts is the amount of a stray VAT line."""
        charged = [line.amount for line in self._strays if line.account not in self._output]
        return all(any(abs(vat - each) <= slack for vat in charged) for each in exact)

    def _codes_without_vat(self) -> list[str]:
        """Return the codes that have no VAT lines of their own."""
        return [code for code in self._indexes if code not in self._vat]

    def _net(self, code: str) -> int:
        return sum(self.costs[n].amount for n in self._indexes[code])

    def _wrong_rate_message(self, code: str, rate: Decimal | None, vat: int) -> Message:
        net, found = format_kroner(self._net(code)), format_kroner(vat)
        if rate is None:
            return msg(
                "VAT code {code} isn't among those of 24SevenOffice: NOK {vat} of VAT on NOK {net}.",
                code=code,
                vat=found,
                net=net,
            )
        return msg(
            "VAT code {code} has a rate of {rate} %, but the voucher has NOK {vat} of VAT on NOK {net}.",
            code=code,
            rate=format_rate(rate),
            vat=found,
            net=net,
        )


def _stray_vat_message(vat: int, expected: int) -> Message:
    return msg(
        "NOK {vat} of VAT in the voucher matches none of the VAT codes on its cost lines. Their rates give "
        "NOK {expected}.",
        vat=format_kroner(vat),
        expected=format_kroner(expected),
    )


def _code(line: LedgerLine) -> str:
    return line.vat_code if is_vat_code(line.vat_code) else ""


def _both_sides_message(code: str, rate: Decimal) -> Message:
    return msg(
        "Lines with VAT code {code} are in debit and in credit, and their VAT doesn't show that {rate} % is "
        "right.",
        code=code,
        rate=format_rate(rate),
    )


def _sides(amounts: Collection[int]) -> tuple[int, int]:
    """Return the sum in debit and the sum in credit."""
    return sum(each for each in amounts if each > 0), sum(each for each in amounts if each < 0)


def _vat_of(net: int, rate: Decimal) -> Fraction:
    return net * Fraction(rate) / 100


def _share(vat: int, exact: Sequence[Fraction], sizes: Sequence[Fraction]) -> list[int]:
    """Divide VAT into øre by exact shares; their difference from it is divided by size.

    The remaining øre are added one by one to the largest remainders, the larger share first. A full reversal
    reverses the same amounts.
    """
    if (vat or next(filter(None, exact), 0)) < 0:
        return [-each for each in _share(-vat, [-each for each in exact], sizes)]
    whole, lacking = sum(sizes), vat - sum(exact)
    ideal = [share + lacking * size / whole for share, size in zip(exact, sizes, strict=True)]
    shares = [floor(each) for each in ideal]
    by_remainder = sorted(range(len(ideal)), key=lambda n: (shares[n] - ideal[n], -abs(ideal[n])))
    for n in by_remainder[: vat - sum(shares)]:
        shares[n] += 1
    return shares
