"""From an invoice to its voucher: the receivable in debit, the revenue of each account in credit, zero in all."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain

from i18n.messages import msg, translate
from models.connections.settings import ConnectionSettings
from sync.errors import RejectedError
from sync.money import NOK, format_kroner, format_rate, to_ore
from sync.records import Entry, Invoice, InvoiceLine, LedgerLine, Voucher
from sync.rules.normalization import clean
from sync.rules.vat_allocation import MONEY_ACCOUNTS, SUPPLIER_ACCOUNTS

REVENUE_ACCOUNTS = range(3000, 4000)
"""Accounts of the Norwegian standard chart that hold revenue (S32)."""

MAX_COMMENT_LENGTH = 255
"""Nothing is known of what ``Entry.Comment`` holds (assumption S26)."""


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

    Every entry carries ``customer_number``: the customer's own number, or the factoring id (S3). ``tax_codes``
    tells the TaxNo of every account in the chart of accounts (S4), and ``project_number`` that of a Moment
    project. The receivable carries ``comment``, since 24SevenOffice takes no attachments.

    Raises RejectedError where it does not balance, or an account is not in the chart of accounts.
    """
    if invoice.number is None:
        raise RejectedError(msg("The invoice has no invoice number."), error_code="invoice_number")
    check_bookings(invoice, rates={}, tax_codes=tax_codes, settings=settings)
    total, revenue = _amounts(invoice, tax_codes, settings)
    projects = {project_id for _, _, project_id in revenue}
    own = invoice.project_id or (projects.pop() if len(projects) == 1 else "")
    entry = partial(Entry, customer_number=customer_number, department=settings.department)
    receivable = entry(settings.receivables_account, total, project_number=project_number(own) if own else None)
    credits_ = [
        entry(
            account,
            -amount,
            tax_code=tax_code,
            project_number=project_number(project_id) if project_id else None,
        )
        for (account, tax_code, project_id), amount in revenue.items()
        if amount
    ]
    if not credits_:
        raise _nothing_to_post()
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


def account_and_vat_code(
    line: InvoiceLine, tax_codes: Mapping[int, str], settings: ConnectionSettings
) -> tuple[int, str]:
    """Return the account that a line is booked on, and its VAT code (S4).

    The code is the one that the settings name for Moment's account, else for the account, else the one that Moment
    names (M13), else that of the chart of accounts, empty where that has none.
    """
    text, _, code = settings.accounts.get(line.account_id, str(line.account)).partition("/")
    account = int(text)
    return account, code or settings.vat_codes.get(account) or line.tax_code or tax_codes.get(account, "")


def check_bookings(
    invoice: Invoice, *, rates: Mapping[str, Decimal], tax_codes: Mapping[int, str], settings: ConnectionSettings
) -> None:
    """See that the accounts are there, and that no line is booked with another VAT than it was charged with.

    24SevenOffice splits the VAT off by the rate of the VAT code (S24, S27), in percent: one at 0 takes all lines
    without VAT, whatever the reason, and no others. A code whose rate is not given is left to 24SevenOffice.

    Raises RejectedError for an account that is not there, and for a line whose rate is not that of its VAT code.
    """
    bookings = [(line, *account_and_vat_code(line, tax_codes, settings)) for line in invoice.lines]
    for number in (settings.receivables_account, *(account for _, account, _ in bookings)):
        if number not in tax_codes:
            raise RejectedError(
                msg("Account {account} is not in the chart of accounts of 24SevenOffice.", account=number),
                error_code="unknown_account",
                remedy=msg("Open account {account} in 24SevenOffice, then try again.", account=number),
            )
    for line, account, code in bookings:
        rate = rates.get(code) if code else Decimal()
        if rates and line.vat is not None and rate is not None and line.vat != rate:
            raise _wrong_vat(line.vat, account, code, rate)


def find_posted(voucher: Voucher, posted: Sequence[LedgerLine]) -> int | None:
    """Find the voucher among what the ledger holds under its invoice number; the answer is its voucher number.

    The receivable decides: account, amount, day and customer. The revenue side is not compared, since the
    ledger may show it net with the VAT on lines of its own.
    """
    for line in chain.from_iterable(_outgoing(voucher, posted)):
        if _is_receivable(line, voucher) and not line.hidden and _is_customers([line], voucher):
            return line.voucher_number
    return None


def may_be_posted(voucher: Voucher, posted: Sequence[LedgerLine]) -> bool:
    """Return whether the ledger has another voucher that may be this one, changed since: a person compares them.

    That is one of the same customer, or one of which only the customer is another.
    """
    return any(
        _is_customers(lines, voucher) or any(_is_receivable(line, voucher) for line in lines)
        for lines in _outgoing(voucher, posted)
    )


def _outgoing(voucher: Voucher, posted: Sequence[LedgerLine]) -> Iterator[Sequence[LedgerLine]]:
    """Leave out whole vouchers under the same number that are no outgoing invoice: suppliers' and payments.

    What is not certain counts, for an invoice must not be posted twice: the ledger may show only its receivable,
    and a person may have moved its revenue.
    """
    receivable, *credited = voucher.entries
    own = {entry.account for entry in credited}
    vouchers: dict[tuple[int, int], list[LedgerLine]] = defaultdict(list)
    for line in posted:
        vouchers[line.type, line.voucher_number].append(line)
    for lines in vouchers.values():
        if any(line.account in SUPPLIER_ACCOUNTS and line.account not in own for line in lines):
            continue
        owes = any(line.account == receivable.account and line.amount * receivable.amount > 0 for line in lines)
        paid = any(line.account in MONEY_ACCOUNTS for line in lines)
        if (owes and not paid) or any(line.account in REVENUE_ACCOUNTS or line.account in own for line in lines):
            yield lines


def _is_receivable(line: LedgerLine, voucher: Voucher) -> bool:
    wanted = voucher.entries[0]
    return (line.account, line.amount, line.day) == (wanted.account, wanted.amount, voucher.day)


def _is_customers(lines: Sequence[LedgerLine], voucher: Voucher) -> bool:
    """Return whether lines are of the voucher's customer, or of nobody that the ledger names."""
    customers = {line.customer_number for line in lines} - {None}
    return not customers or voucher.entries[0].customer_number in customers


def voucher_comment(invoice: Invoice, *, title: str, address: str, settings: ConnectionSettings) -> str:
    """Say in the connection's language which invoice this is, where it opens, and what the amounts do not tell.

    What matters least stands last, and is cut off where there is no room.
    """
    facts = [translate(fact, settings.language) for fact in _facts(invoice)]
    if settings.voucher_references:
        facts += [translate(reference, settings.language) for reference in _references(invoice)]
    return clean(
        " ".join(["Moment:", translate(title, settings.language), address, *facts]), max_length=MAX_COMMENT_LENGTH
    )


def _amounts(
    invoice: Invoice, tax_codes: Mapping[int, str], settings: ConnectionSettings
) -> tuple[int, dict[tuple[int, str, str], int]]:
    """Return the total and what falls on each account, VAT code and project, all in øre."""
    sums: dict[tuple[int, str, str], Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        account, code = account_and_vat_code(line, tax_codes, settings)
        sums[account, code, line.project_id or invoice.project_id] += line.amount
    _check_balance(invoice, sum(sums.values(), Decimal()))
    rate = _rate(invoice)
    total = to_ore(invoice.total * rate)
    revenue = {key: to_ore(amount * rate) for key, amount in sums.items()}
    if revenue:
        largest = max(revenue, key=lambda key: abs(revenue[key]))
        revenue[largest] += total - sum(revenue.values())  # what rounding to kroner left; zero for kroner
    return total, revenue


def _check_balance(invoice: Invoice, lines: Decimal) -> None:
    if lines != invoice.total:
        raise RejectedError(
            msg(
                "The lines add up to {lines} and the total is {total}: the voucher would not balance.",
                lines=lines,
                total=invoice.total,
            ),
            error_code="unbalanced",
            remedy=msg(
                "Credit the invoice in Moment and make a new one, or post it by hand and mark it as handled."
            ),
        )
    if not any(line.amount for line in invoice.lines):
        raise _nothing_to_post()


def _rate(invoice: Invoice) -> Decimal:
    if invoice.currency == NOK:
        return Decimal(1)
    if not invoice.rate or invoice.rate <= 0:
        raise RejectedError(
            msg("The invoice is in {currency} and has no rate in kroner.", currency=invoice.currency),
            error_code="currency_rate",
            remedy=msg(
                "Credit it in Moment and make it anew with a rate, or post it by hand and mark it as handled."
            ),
        )
    return invoice.rate


def _facts(invoice: Invoice) -> Iterator[str]:
    if invoice.credited:
        yield msg("Credits invoice {number}.", number=invoice.credited)
    if invoice.currency != NOK and invoice.rate:
        amount, rate = format_kroner(to_ore(invoice.total)), format_rate(invoice.rate)
        yield msg("{currency} {amount} at {rate}.", currency=invoice.currency, amount=amount, rate=rate)


def _references(invoice: Invoice) -> Iterator[str]:
    if invoice.your_reference:
        yield msg("Customer's reference: {reference}.", reference=invoice.your_reference)
    yield invoice.description


def _nothing_to_post() -> RejectedError:
    return RejectedError(
        msg("The invoice has no amounts, so that there is nothing to post."),
        error_code="nothing_to_post",
        remedy=msg("Set it to “do not transfer” in Moment if that is right."),
    )


def _wrong_vat(charged: Decimal, account: int, code: str, rate: Decimal) -> RejectedError:
    return RejectedError(
        msg(
            "A line on account {account} was charged with {charged} % VAT, and VAT code {code} of 24SevenOffice "
            "is at {rate} %.",
            account=account,
            charged=format_rate(charged),
            code=code or "0",
            rate=format_rate(rate),
        ),
        error_code="vat_rate",
        remedy=msg(
            "Name the right VAT code for the account in the connection's settings, or in Moment; or correct the "
            "account in 24SevenOffice. Then try again."
        ),
    )
