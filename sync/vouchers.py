"""From an invoice to its voucher: the receivable in debit, the revenue of each account in credit, zero in all."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from language.said import say
from sync.errors import Rejected
from sync.records import Entry, Voucher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.settings import ConnectionSettings
    from sync.records import Invoice, PostedLine

KRONE = "NOK"


def voucher_of(
    invoice: Invoice,
    *,
    customer_number: int,
    project_number: Callable[[str], int],
    tax_codes: Mapping[int, str],
    settings: ConnectionSettings,
    comment: str,
) -> Voucher:
    """Make the voucher of a finalized invoice; a credit note's amounts are negative, hence turned around.

    Args:
        invoice: what was finalized in Moment.
        customer_number: what every entry carries: the customer's own number, or the factoring id (S3).
        project_number: tells the number of a Moment project.
        tax_codes: the TaxNo of every account in the chart of accounts (S4).
        settings: the receivables account, and the VAT codes that differ from the chart's.
        comment: what the receivable says of the invoice, since 24SevenOffice takes no attachments.

    Raises:
        Rejected: it does not balance, or an account is not in the chart of accounts.
    """
    if invoice.number is None:
        raise Rejected(say("The invoice has no invoice number."), reason="invoice_number")
    project = project_number(invoice.project_id) if invoice.project_id else None
    total, revenue = _amounts(invoice)
    _check_accounts([settings.receivables_account, *(account for account, _, _ in revenue)], tax_codes)
    receivable = Entry(settings.receivables_account, total, customer_number, project_number=project)
    credits_ = [
        Entry(
            account,
            -amount,
            customer_number,
            tax_code=settings.vat_codes.get(account) or tax_code or tax_codes[account],
            project_number=project_number(own_project) if own_project else project,
        )
        for (account, tax_code, own_project), amount in revenue.items()
        if amount
    ]
    return Voucher(
        number=invoice.number,
        invoice_number=invoice.number,
        day=invoice.day,
        due=invoice.due or invoice.day,
        entries=(receivable, *credits_),
        kid=invoice.kid,
        comment=comment,
        currency=invoice.currency,
    )


def agrees(voucher: Voucher, posted: Sequence[PostedLine]) -> int | None:
    """Find the voucher among what the ledger holds under its invoice number; the answer is its voucher number.

    The receivable decides: account, amount, day and customer. The revenue side is not compared, since the
    ledger may show it net with the VAT on lines of its own.
    """
    wanted = voucher.entries[0]
    for line in posted:
        same = (line.account, line.amount, line.day) == (wanted.account, wanted.amount, voucher.day)
        if same and not line.hidden and line.customer_number in (None, wanted.customer_number):
            return line.voucher_number
    return None


def kroner(amount: int) -> str:
    """Write øre as a person reads kroner."""
    return f"{Decimal(amount) / 100:,.2f}".replace(",", " ").replace(".", ",")


def _amounts(invoice: Invoice) -> tuple[int, dict[tuple[int, str, str], int]]:
    """Tell the total and what falls on each account, VAT code and project, all in øre."""
    sums: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        sums[line.account, line.tax_code, line.project_id] += line.amount
    _check_balance(invoice, sum(sums.values(), Decimal()))
    rate = _rate(invoice)
    total = _ore(invoice.total * rate)
    revenue = {key: _ore(amount * rate) for key, amount in sums.items()}
    if revenue:
        largest = max(revenue, key=lambda key: abs(revenue[key]))
        revenue[largest] += total - sum(revenue.values())  # what rounding to kroner left; zero for kroner
    return total, revenue


def _check_balance(invoice: Invoice, lines: Decimal) -> None:
    if lines != invoice.total:
        raise Rejected(
            say(
                "The lines add up to {lines} and the total is {total}: the voucher would not balance.",
                lines=lines,
                total=invoice.total,
            ),
            reason="unbalanced",
            remedy=say(
                "Credit the invoice in Moment and make a new one, or post it by hand and mark it as handled."
            ),
        )
    if not any(line.amount for line in invoice.lines):
        raise Rejected(
            say("The invoice has no amounts, so that there is nothing to post."),
            reason="nothing_to_post",
            remedy=say("Set it to “do not transfer” in Moment if that is right."),
        )


def _rate(invoice: Invoice) -> Decimal:
    if invoice.currency == KRONE:
        return Decimal(1)
    if not invoice.rate or invoice.rate <= 0:
        raise Rejected(
            say("The invoice is in {currency} and has no rate in kroner.", currency=invoice.currency),
            reason="currency_rate",
        )
    return invoice.rate


def _check_accounts(accounts: Sequence[int], tax_codes: Mapping[int, str]) -> None:
    for account in accounts:
        if account not in tax_codes:
            raise Rejected(
                say("Account {account} is not in the chart of accounts of 24SevenOffice.", account=account),
                reason="unknown_account",
                remedy=say("Open account {account} in 24SevenOffice, then try again.", account=account),
            )


def _ore(kroner: Decimal) -> int:
    return int((kroner * 100).quantize(Decimal(1), ROUND_HALF_UP))
