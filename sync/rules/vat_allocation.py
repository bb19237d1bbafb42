"""The allocation of VAT: what each project bears of a supplier's voucher, VAT included, exact to the øre (S5).

As a bookkeeper would say it:

1. Money (19xx), debts to suppliers (24xx) and VAT itself (27xx) bear no VAT. Any other line bears it if its own
   VAT code has a rate.
2. If a VAT code has VAT lines in the voucher, its lines are net: rate times net is added to each.
3. VAT lines without a code, or with one that no other line has, belong to the lines with a rate that have no VAT
   lines of their own.
4. A code without VAT lines leaves its lines as they are: they include VAT already.
5. Output VAT (2700-2709, 2720-2729) is what the buyer calculates (reverse charge), and never the supplier's: lines
   of its code are left as they are.
6. Rate times net agrees with the VAT lines, except for rounding: an øre a line, and if a code has its own VAT
   lines, up to a krone, or two per cent in another currency, unless another rate comes as near. Otherwise it is
   unclear what a line bears, and a person decides.
7. If accounts or projects are on both sides, it agrees in debit and in credit; or there is VAT on their sum, and
   no other rate comes near it.
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
"""Accounts of the Norwegian standard chart that hold cash and what is in the bank."""

SUPPLIER_ACCOUNTS = range(2400, 2500)
"""Accounts of the Norwegian standard chart that hold what is owed to suppliers."""

VAT_ACCOUNTS = range(2700, 2800)
"""Accounts of the Norwegian standard chart that hold VAT."""

OUTPUT_VAT_ACCOUNTS = (*range(2700, 2710), *range(2720, 2730))
"""Accounts of output VAT: of sales, and in a supplier's voucher of reverse charge, 272x without deduction."""

FOREIGN_SLACK = 10
"""By how many øre a line may be off if it was rounded in another currency; in kroner it is one øre."""

ROUNDED_VAT = 100
"""By how many øre the VAT of a code may be off in total: suppliers round it on each line of their invoices."""

FOREIGN_VAT = Fraction(2, 100)
"""By which part of it in another currency: suppliers state VAT in kroner, not at the ledger's rate."""


_Sides = Sequence[tuple[int, int]]
"""Net and VAT, of debit and of credit or of all lines."""


def stamps_of(lines: Sequence[LedgerLine]) -> set[int]:
    """Return the stamps that a voucher shares with its documents."""
    return {line.stamp for line in lines if line.stamp and not line.hidden}


def needs_rates(lines: Sequence[LedgerLine]) -> bool:
    """Return whether the result depends on the rates of VAT codes: there are VAT lines, or lines cancel out."""
    signs = {line.amount > 0 for line in lines if _code(line)}
    return len(signs) > 1 or any(line.account in VAT_ACCOUNTS for line in lines)


def gross_amounts(
    lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]
) -> list[tuple[LedgerLine, int | Message]]:
    """Return what each line, except money, debt and VAT, comes to with its VAT, in øre, or why that is unclear.

    Together they agree with what is owed to the supplier or was paid, to the øre.
    """
    foreign = any(line.currency != NOK for line in lines)
    voucher = _Voucher(lines, rates=rates, foreign=foreign, output=OUTPUT_VAT_ACCOUNTS)
    amounts: list[int | Message] = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.places, voucher.shares(part), strict=True):
            known = amounts[n]
            amounts[n] = known if isinstance(known, Message) else part.unclear or known + share
    return list(zip(voucher.costs, amounts, strict=True))


def gross_revenue(lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]) -> list[tuple[LedgerLine, int]]:
    """Return the same for an outgoing invoice's voucher; unclear VAT is shared by the amounts."""
    voucher = _Voucher(lines, rates=rates, foreign=False, output=())
    amounts = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.places, voucher.shares(part), strict=True):
            amounts[n] += share
    return list(zip(voucher.costs, amounts, strict=True))


@dataclass(frozen=True, slots=True)
class _Part:
    """``vat`` in øre, and by place the lines that bear it, each with its ``exact`` share by its rate.

    ``unclear`` says why those are unknown.
    """

    vat: int
    places: Sequence[int]
    exact: Sequence[Fraction] = ()
    unclear: Message | None = None


class _Voucher:
    """The lines of a voucher by kind: those that may bear VAT, and the VAT lines by code.

    VAT lines whose code no other line has are ``strays``. If only one code can be that of VAT lines without any,
    they get it.
    """

    def __init__(
        self, lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal], foreign: bool, output: Collection[int]
    ) -> None:
        self._rates, self._output = rates, output
        self._slack, self._inexact = (FOREIGN_SLACK, FOREIGN_VAT) if foreign else (1, Fraction())
        self.costs: list[LedgerLine] = [line for line in lines if not _never_bears(line)]
        self._places: dict[str, list[int]] = defaultdict(list)
        for n, line in enumerate(self.costs):
            self._places[_code(line)].append(n)
        self._vat: dict[str, list[LedgerLine]] = defaultdict(list)
        self._strays: list[LedgerLine] = []
        for line in lines:
            if line.account in VAT_ACCOUNTS:
                known = _code(line) in self._places and _code(line)
                (self._vat[_code(line)] if known else self._strays).append(line)

        left = self._left()
        is_its = self._strays and len(left) == 1 and self._rates.get(left[0])
        if is_its and not any(_code(line) or line.account in output for line in self._strays):
            self._vat[left[0]], self._strays = self._strays, []

    def parts(self) -> Iterator[_Part]:
        """Return which lines bear which VAT."""
        for code, vat in self._vat.items():
            is_reversed = any(line.account in self._output for line in vat)
            yield self._reversed(code, vat) if is_reversed else self._own(code, vat)
        left = self._left()
        moved = {code: part for code in left if self._output and (part := self._cancelling(code))}
        yield from moved.values()
        if self._strays:
            yield self._of_strays([code for code in left if code not in moved])

    def shares(self, part: _Part) -> list[int]:
        """Divide VAT to the øre: by the exact shares, otherwise by the amounts."""
        amounts = [Fraction(abs(self.costs[n].amount) or 1) for n in part.places]
        sizes = [abs(each) for each in part.exact]
        return _share(part.vat, part.exact or [Fraction()] * len(amounts), sizes if any(sizes) else amounts)

    def _own(self, code: str, vat: Sequence[LedgerLine]) -> _Part:
        """Divide the VAT lines of a code among the other lines with that code."""
        amount, places = sum(line.amount for line in vat), self._places[code]
        slack = self._slack * (len(places) + len(vat))
        rate = self._rate(code, amount, slack=slack)
        if rate is None:
            return _Part(amount, places, unclear=self._disagreeing(code, rate, amount))
        exact = [_of(self.costs[n].amount, rate) for n in places]
        if self._agrees(rate, places, [line.amount for line in vat]):
            return _Part(amount, places, exact)
        if abs(amount - sum(exact, Fraction())) > slack or not all(_sides(self._sums(places))):
            return _Part(amount, places, unclear=self._disagreeing(code, rate, amount))
        return _Part(amount, places, exact, unclear=_on_both_sides(code, rate))

    def _agrees(self, rate: Decimal, places: Sequence[int], vat: Sequence[int]) -> bool:
        """Return whether a rate explains these VAT lines.

        If accounts or projects are on both sides, it explains debit and credit separately; or there is VAT on
        their sum, and no other rate explains that.
        """
        lines = len(places) + len(vat)
        sums, amounts = self._sums(places), [self.costs[n].amount for n in places]
        whole = [(sum(amounts), sum(vat))]
        if not all(_sides(sums)):
            return self._makes(rate, whole, lines) or self._alone_is_near(rate, whole, lines)
        apart = [list(zip(_sides(nets), _sides(vat), strict=True)) for nets in (sums, amounts)]
        near = apart if all(_sides(vat)) else [whole]
        return any(self._makes(rate, each, lines) for each in apart) or any(
            self._alone_is_near(rate, each, lines) for each in near
        )

    def _makes(self, rate: Decimal, sides: _Sides, lines: int) -> bool:
        """Return whether a rate explains the VAT of each side, up to an øre a line."""
        return all(abs(vat - _of(net, rate)) <= lines for net, vat in sides)

    def _alone_is_near(self, rate: Decimal, sides: _Sides, lines: int) -> bool:
        """Return whether a rate nearly explains the VAT of each side, and no other rate does."""
        rates = {Decimal(), rate, *self._rates.values()}
        near = [each for each in rates if all(self._is_near(_of(net, each), vat, lines) for net, vat in sides)]
        return rate > 0 and near == [rate]

    def _is_near(self, exact: Fraction, vat: int, lines: int) -> bool:
        rounding = Fraction(max(ROUNDED_VAT, self._slack * lines))
        return abs(vat - exact) <= max(rounding, abs(exact) * self._inexact)

    def _sums(self, places: Sequence[int]) -> Collection[int]:
        """Return the sums of lines by account and project."""
        sums = defaultdict[tuple[int, int | None], int](int)
        for line in (self.costs[n] for n in places):
            sums[line.account, line.project_number] += line.amount
        return sums.values()

    def _rate(self, code: str, vat: int, *, slack: int) -> Decimal | None:
        """Return a code's rate; for one that is no longer in use, the only rate that gives exactly this VAT."""
        if code in self._rates:
            return self._rates[code]
        net = self._net(code)
        possible = {rate for rate in self._rates.values() if rate and abs(vat - _of(net, rate)) <= slack}
        return possible.pop() if len(possible) == 1 else None

    def _reversed(self, code: str, vat: Sequence[LedgerLine]) -> _Part:
        """Leave the lines of a code with reverse charge as they are.

        Its rate is 0 (S27), or agrees, or all of it is deducted: then it may be import VAT, which is calculated on
        the customs value. More is never deducted.
        """
        reckoned = sum(line.amount for line in vat if line.account in self._output)
        amount, places, rate = sum(line.amount for line in vat), self._places[code], self._rates.get(code)
        off = abs(reckoned + _of(self._net(code), rate)) if rate and amount else 0
        agrees = off <= self._slack * (len(places) + len(vat)) and min(0, reckoned) <= amount <= max(0, reckoned)
        return _Part(0, places, unclear=None if agrees else self._disagreeing(code, rate, -reckoned))

    def _of_strays(self, codes: Sequence[str]) -> _Part:
        """Divide VAT lines without a code, or with their own, among the lines of codes without any."""
        vat = sum(line.amount for line in self._strays)
        places = [n for code in codes for n in self._places[code]]
        exact = [_of(self.costs[n].amount, self._rates.get(_code(self.costs[n]), Decimal())) for n in places]
        slack, expected = self._slack * (len(exact) + len(self._strays)), sum(exact, Fraction())
        output = [line.amount for line in self._strays if line.account in self._output]
        if output and not vat:
            return _Part(0, places)  # reverse charge: output VAT and its deduction
        if all(not code or code in self._rates for code in codes):
            doubt = self._doubt(codes, slack)
            if abs(vat - expected) <= slack and (any(exact) or not vat):
                return _Part(vat, places, exact, unclear=doubt)
            charged = vat - sum(output)  # by the supplier
            off = charged - expected if charged or not any(exact) else sum(output) + expected
            is_reversed = sum(output) * sum(self.costs[n].amount for n in places) < 0
            if is_reversed and abs(off) <= slack and not (charged and all(exact)):
                return _Part(charged, places, exact, unclear=doubt) if charged else _Part(0, places)
        return _Part(vat, places or range(len(self.costs)), unclear=_stray(vat, round(expected)))

    def _doubt(self, codes: Sequence[str], slack: int) -> Message | None:
        """Return why VAT lines without a code do not prove the rates of lines on both sides.

        They do if debit and credit agree separately, by line, by account and project, or by code. The sum of a
        code must be so large that no other rate gives its VAT.
        """
        rates = {code: rate for code in codes if (rate := self._rates.get(code))}
        mixed = [code for code in rates if all(_sides(self._sums(self._places[code])))]
        told = _sides([line.amount for line in self._strays if line.account not in self._output])
        ways: list[Mapping[str, Collection[int]]] = [
            {code: [self.costs[n].amount for n in self._places[code]] for code in rates},
            {code: self._sums(self._places[code]) for code in rates},
        ]
        if not any(self._is_of_any_rate(code, slack) for code in mixed):
            ways.append({code: [self._net(code)] for code in rates})
        for nets in ways:
            off = [Fraction(each) for each in told]
            for code, rate in rates.items():
                off = [vat - _of(net, rate) for vat, net in zip(off, _sides(nets[code]), strict=True)]
            if all(abs(each) <= slack for each in off):
                return None
        return _on_both_sides(mixed[0], rates[mixed[0]]) if mixed else None

    def _is_of_any_rate(self, code: str, slack: int) -> bool:
        """Return whether another rate than a code's gives the same VAT on its lines."""
        own = self._rates[code]
        others = {Decimal(), *self._rates.values()} - {own}
        return any(abs(_of(self._net(code), own - each)) <= slack for each in others)

    def _cancelling(self, code: str) -> _Part | None:
        """Return lines of several accounts or projects that cancel out, if no VAT line shows that they are net."""
        rate, amounts = self._rates.get(code), [self.costs[n].amount for n in self._places[code]]
        slack = self._slack * len(amounts)
        if not rate or abs(_of(self._net(code), rate)) > slack:
            return None
        nets_by_way = (self._sums(self._places[code]), amounts, _sides(amounts))
        ways = [[_of(net, rate) for net in nets if net] for nets in nets_by_way]
        if all(abs(each) <= slack for each in ways[0]) or any(self._are_shown(each, slack) for each in ways):
            return None
        told = msg("Lines with VAT code {code} cancel out, and no VAT line shows whether they are net.", code=code)
        return _Part(0, self._places[code], unclear=told)

    def _are_shown(self, exact: Collection[Fraction], slack: int) -> bool:
        """Return whether VAT lines without a code prove each of these."""
        shown = [line.amount for line in self._strays if line.account not in self._output]
        return all(any(abs(vat - each) <= slack for vat in shown) for each in exact)

    def _left(self) -> list[str]:
        """Return the codes that have no VAT lines of their own."""
        return [code for code in self._places if code not in self._vat]

    def _net(self, code: str) -> int:
        return sum(self.costs[n].amount for n in self._places[code])

    def _disagreeing(self, code: str, rate: Decimal | None, vat: int) -> Message:
        net, found = format_kroner(self._net(code)), format_kroner(vat)
        if rate is None:
            return msg(
                "VAT code {code} isn't among those of 24SevenOffice: {vat} kroner of VAT on {net} kroner.",
                code=code,
                vat=found,
                net=net,
            )
        return msg(
            "VAT code {code} is at {rate} %, and the voucher has {vat} kroner of VAT on {net} kroner.",
            code=code,
            rate=format_rate(rate),
            vat=found,
            net=net,
        )


def _stray(vat: int, expected: int) -> Message:
    return msg(
        "The voucher has {vat} kroner of VAT without a VAT code of its costs, and by their rates it would be "
        "{expected} kroner.",
        vat=format_kroner(vat),
        expected=format_kroner(expected),
    )


def _never_bears(line: LedgerLine) -> bool:
    return any(line.account in each for each in (MONEY_ACCOUNTS, SUPPLIER_ACCOUNTS, VAT_ACCOUNTS))


def _code(line: LedgerLine) -> str:
    return line.vat_code if is_vat_code(line.vat_code) else ""


def _on_both_sides(code: str, rate: Decimal) -> Message:
    return msg(
        "Lines with VAT code {code} are in debit and in credit, and their VAT doesn't show that {rate} % is "
        "right.",
        code=code,
        rate=format_rate(rate),
    )


def _sides(amounts: Collection[int]) -> tuple[int, int]:
    """Return the sum in debit and the sum in credit."""
    return sum(each for each in amounts if each > 0), sum(each for each in amounts if each < 0)


def _of(net: int, rate: Decimal) -> Fraction:
    return net * Fraction(rate) / 100


def _share(vat: int, exact: Sequence[Fraction], sizes: Sequence[Fraction]) -> list[int]:
    """Divide VAT into øre by exact shares; what these lack or exceed is divided by size.

    The remaining øre go one each to the largest remainders, the larger share first. A full reversal reverses the
    same amounts.
    """
    if (vat or next(filter(None, exact), 0)) < 0:
        return [-each for each in _share(-vat, [-each for each in exact], sizes)]
    whole, lacking = sum(sizes), vat - sum(exact)
    wanted = [share + lacking * size / whole for share, size in zip(exact, sizes, strict=True)]
    shares = [floor(each) for each in wanted]
    by_remainder = sorted(range(len(wanted)), key=lambda n: (shares[n] - wanted[n], -abs(wanted[n])))
    for n in by_remainder[: vat - sum(shares)]:
        shares[n] += 1
    return shares
