"""From the lines of a supplier's voucher to what each project bears of it, VAT included and right to the øre (S5).

As a bookkeeper would say it:

1. Money (19xx), what is owed to suppliers (24xx) and VAT itself (27xx) bear no VAT. Any other line bears it if its
   own VAT code has a rate.
2. Where a VAT code has VAT lines in the voucher, its lines are net: rate times net comes on top of each.
3. VAT lines without a code, or with one that no other line has, are for the lines with a rate that have no VAT
   lines of their own.
4. A code without VAT lines leaves its lines as they are: they include VAT already.
5. Output VAT (2700-2709) is what the buyer works out himself (reverse charge), and never the supplier's: lines of
   its code are left as they are.
6. Rate times net agrees with the VAT lines, but for rounding. Else nobody can tell what a line bears, and a person
   looks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from i18n.messages import Message, msg
from sync.money import NOK, format_kroner, format_rate
from sync.records import LedgerLine

MONEY_ACCOUNTS = range(1900, 2000)
"""Accounts of the Norwegian standard chart that hold cash and what is in the bank."""

SUPPLIER_ACCOUNTS = range(2400, 2500)
"""Accounts of the Norwegian standard chart that hold what is owed to suppliers."""

VAT_ACCOUNTS = range(2700, 2800)
"""Accounts of the Norwegian standard chart that hold VAT."""

OUTPUT_VAT_ACCOUNTS = range(2700, 2710)
"""Those that hold output VAT: of sales, and in a supplier's voucher of reverse charge."""

FOREIGN_SLACK = 10
"""By how many øre a line may be off that was rounded in another currency; one in kroner by an øre."""


def stamps_of(lines: Sequence[LedgerLine]) -> set[int]:
    """Tell the stamps that a voucher shares with its documents."""
    return {line.stamp for line in lines if line.stamp and not line.hidden}


def needs_rates(lines: Sequence[LedgerLine]) -> bool:
    """Tell whether what the lines bear depends on the rates of VAT codes: there are VAT lines, or some cancel."""
    signs = {line.amount > 0 for line in lines if _code(line)}
    return len(signs) > 1 or any(line.account in VAT_ACCOUNTS for line in lines)


def gross_amounts(
    lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]
) -> list[tuple[LedgerLine, int | Message]]:
    """Tell what each line but money, debt and VAT comes to with its VAT, in øre, or why nobody can tell.

    All together agree with what is owed to the supplier or was paid, to the øre.
    """
    slack = FOREIGN_SLACK if any(line.currency != NOK for line in lines) else 1
    voucher = _Voucher(lines, rates=rates, slack=slack, output=OUTPUT_VAT_ACCOUNTS)
    amounts: list[int | Message] = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.places, voucher.shares(part), strict=True):
            known = amounts[n]
            amounts[n] = known if isinstance(known, Message) else part.unclear or known + share
    return list(zip(voucher.costs, amounts, strict=True))


def gross_revenue(lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]) -> list[tuple[LedgerLine, int]]:
    """Tell the same of an outgoing invoice's voucher; VAT that is not clear is shared by the amounts."""
    voucher = _Voucher(lines, rates=rates, slack=1, output=())
    amounts = [line.amount for line in voucher.costs]
    for part in voucher.parts():
        for n, share in zip(part.places, voucher.shares(part), strict=True):
            amounts[n] += share
    return list(zip(voucher.costs, amounts, strict=True))


@dataclass(frozen=True, slots=True)
class _Part:
    """``vat`` in øre, and by their places the lines that bear it, each with its ``exact`` share by its rate.

    ``unclear`` says why those are not known.
    """

    vat: int
    places: Sequence[int]
    exact: Sequence[Fraction] = ()
    unclear: Message | None = None


class _Voucher:
    """The lines of a voucher by what they are: those that may bear VAT, and the VAT lines by their code.

    VAT lines whose code none of the others has are ``strays``.
    """

    def __init__(
        self, lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal], slack: int, output: Collection[int]
    ) -> None:
        self._rates, self._slack, self._output = rates, slack, output
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

    def parts(self) -> Iterator[_Part]:
        """Tell which lines bear which VAT."""
        for code, vat in self._vat.items():
            reckoned = [line for line in vat if line.account in self._output]
            yield self._reversed(code, reckoned) if reckoned else self._own(code, vat)
        if self._strays:
            yield from self._of_strays()
        elif self._output:
            yield from filter(None, map(self._cancelling, self._places))

    def shares(self, part: _Part) -> list[int]:
        """Divide VAT to the øre: by the exact shares, else by the amounts."""
        amounts = [Fraction(abs(self.costs[n].amount) or 1) for n in part.places]
        sizes = [abs(each) for each in part.exact]
        return _share(part.vat, part.exact or [Fraction()] * len(amounts), sizes if any(sizes) else amounts)

    def _own(self, code: str, vat: Sequence[LedgerLine]) -> _Part:
        """Divide the VAT lines of a code among the other lines with that code."""
        amount, places = sum(line.amount for line in vat), self._places[code]
        slack = self._slack * (len(places) + len(vat))
        rate = self._rate(code, amount, slack=slack)
        exact = [_of(self.costs[n].amount, rate or Decimal()) for n in places]
        if rate is None or abs(amount - sum(exact, Fraction())) > slack:
            return _Part(amount, places, unclear=self._disagreeing(code, rate, amount))
        return _Part(amount, places, exact)

    def _rate(self, code: str, vat: int, *, slack: int) -> Decimal | None:
        """Tell a code's rate; of one that is no longer in use, the only rate that makes just this VAT."""
        if code in self._rates:
            return self._rates[code]
        net = self._net(code)
        possible = {rate for rate in self._rates.values() if rate and abs(vat - _of(net, rate)) <= slack}
        return possible.pop() if len(possible) == 1 else None

    def _reversed(self, code: str, reckoned: Sequence[LedgerLine]) -> _Part:
        """Leave the lines of a code with reverse charge as they are; its rate is 0, or agrees (S27)."""
        amount, places, rate = sum(line.amount for line in reckoned), self._places[code], self._rates.get(code)
        off = abs(amount + _of(self._net(code), rate)) if rate else 0
        agrees = off <= self._slack * (len(places) + len(reckoned))
        return _Part(0, places, unclear=None if agrees else self._disagreeing(code, rate, -amount))

    def _of_strays(self) -> Iterator[_Part]:
        """Divide VAT lines without a code, or with one of their own, among lines whose code has none."""
        amount = sum(line.amount for line in self._strays)
        if not amount and any(line.account in self._output for line in self._strays):
            return  # reverse charge: output VAT and its deduction
        without = [code for code in self._places if code not in self._vat]
        places = [n for code in without for n in self._places[code]]
        exact = [_of(self.costs[n].amount, self._rates.get(_code(self.costs[n]), Decimal())) for n in places]
        known = all(not code or code in self._rates for code in without)
        agrees = abs(amount - sum(exact, Fraction())) <= self._slack * (len(exact) + len(self._strays))
        if known and agrees and (any(exact) or not amount):
            yield _Part(amount, places, exact)
        else:
            everywhere = places or list(range(len(self.costs)))
            yield _Part(amount, everywhere, unclear=_stray(amount, round(sum(exact, Fraction()))))

    def _cancelling(self, code: str) -> _Part | None:
        """Find lines of several accounts or projects that cancel out, with no VAT line to tell if they are net."""
        rate, places = self._rates.get(code), self._places[code]
        if not rate or code in self._vat:
            return None
        slack, sums = self._slack * len(places), defaultdict[tuple[int, int | None], int](int)
        for line in (self.costs[n] for n in places):
            sums[line.account, line.project_number] += line.amount
        if abs(_of(self._net(code), rate)) > slack or all(abs(_of(each, rate)) <= slack for each in sums.values()):
            return None
        told = msg("Lines with VAT code {code} cancel out, and no VAT line tells whether they are net.", code=code)
        return _Part(0, places, unclear=told)

    def _net(self, code: str) -> int:
        return sum(self.costs[n].amount for n in self._places[code])

    def _disagreeing(self, code: str, rate: Decimal | None, vat: int) -> Message:
        net, found = format_kroner(self._net(code)), format_kroner(vat)
        if rate is None:
            return msg(
                "VAT code {code} is not among those of 24SevenOffice: {vat} kroner of VAT on {net} kroner.",
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
    return "" if line.vat_code == "0" else line.vat_code


def _of(net: int, rate: Decimal) -> Fraction:
    return net * Fraction(rate) / 100


def _share(vat: int, exact: Sequence[Fraction], sizes: Sequence[Fraction]) -> list[int]:
    """Divide VAT into øre by exact shares; what these lack or have too much goes to each by its size.

    The øre left over go one each to the largest remainders, the larger share first.
    """
    whole, lacking = sum(sizes), vat - sum(exact)
    wanted = [share + lacking * size / whole for share, size in zip(exact, sizes, strict=True)]
    shares = [floor(each) for each in wanted]
    by_remainder = sorted(range(len(wanted)), key=lambda n: (shares[n] - wanted[n], -abs(wanted[n])))
    for n in by_remainder[: vat - sum(shares)]:
        shares[n] += 1
    return shares
