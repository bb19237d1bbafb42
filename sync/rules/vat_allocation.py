"""From the lines of a supplier's voucher to what each project bears of it, VAT included and right to the øre."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from sync.records import LedgerLine, PostedLine

Line = TypeVar("Line", LedgerLine, PostedLine)

SUPPLIER_ACCOUNTS = range(2400, 2500)
"""Accounts of the Norwegian standard chart that hold what is owed to suppliers."""

VAT_ACCOUNTS = range(2700, 2800)
"""Accounts of the Norwegian standard chart that hold VAT."""


def stamps_of(lines: Sequence[LedgerLine]) -> set[int]:
    """Tell the stamps that a voucher shares with its documents."""
    return {line.stamp for line in lines if line.stamp and not line.hidden}


def gross_amounts(lines: Sequence[Line]) -> list[tuple[Line, int]]:
    """Tell what each cost line of a voucher comes to with its VAT, in øre (S5).

    A VAT code with lines of its own in the voucher (27xx) leaves its cost lines net, and each bears its share;
    one without leaves them gross. All together agree with what the supplier is owed, to the øre, and no line is
    off its exact share by a whole øre.
    """
    costs = [line for line in lines if line.account not in SUPPLIER_ACCOUNTS and line.account not in VAT_ACCOUNTS]
    vat = _vat_by_code(lines, {line.vat_code for line in costs})
    shares: dict[int, int] = {}
    for code, amount in vat.items():
        bearing = [n for n, line in enumerate(costs) if code is None or line.vat_code == code]
        for n, share in zip(bearing, _share(amount, [costs[n].amount for n in bearing]), strict=True):
            shares[n] = shares.get(n, 0) + share
    return [(line, line.amount + shares.get(n, 0)) for n, line in enumerate(costs)]


def _vat_by_code(lines: Sequence[Line], codes: set[str]) -> Mapping[str | None, int]:
    """Add up the VAT lines of each code; under None, those whose code no cost line has, borne by all."""
    sums: dict[str | None, int] = defaultdict(int)
    for line in lines:
        if line.account in VAT_ACCOUNTS:
            sums[line.vat_code if line.vat_code in codes else None] += line.amount
    return sums


def _share(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide by weight; the øre left over go one each to the largest remainders, the larger weight first."""
    whole = sum(weights)
    if not whole:
        largest = max(range(len(weights)), key=lambda n: abs(weights[n]), default=0)
        return [amount if n == largest else 0 for n in range(len(weights))]
    shares = [amount * weight // whole for weight in weights]
    remainders = [(amount * weight % whole) / whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-remainders[n], -abs(weights[n])))
    for n in by_remainder[: amount - sum(shares)]:
        shares[n] += 1
    return shares
