"""The voucher of an invoice: the receivable in debit, the revenue of each account in credit, zero in total."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain

from i18n.messages import Day, msg, translate
from models.connections.settings import ConnectionSettings
from sync.error_codes import ERROR_CODES
from sync.error_codes.names import (
    ACCOUNT_UNKNOWN,
    CURRENCY_RATE,
    DUE_DATE,
    INVOICE_NUMBER,
    KID,
    RATE_OF_ONE,
    SIGN,
    UNBALANCED,
    VAT_ACCOUNT,
    VAT_RATE,
)
from sync.errors import RejectedError
from sync.money import NOK, format_kroner, format_rate, to_ore
from sync.records import NO_VAT_CODE, Chart, Entry, Invoice, LedgerLine, Voucher, is_vat_code
from sync.rules.normalization import clean, utf16_length
from sync.rules.output_vat import NO_VAT, as_records, booked_lines, comes_to_total, split
from sync.rules.vat_allocation import MONEY_ACCOUNTS, SUPPLIER_ACCOUNTS, VAT_ACCOUNTS

REVENUE_ACCOUNTS = range(3000, 4000)
"""Revenue accounts of the Norwegian standard chart (S32)."""

MAX_COMMENT_LENGTH = 75
"""The length of ``Entry.Comment`` by the contract of 24SevenOffice's REST API (assumption S26)."""

MAX_INVOICE_NUMBER = 2**31 - 1
"""The highest number of a voucher (``Voucher.TransactionNo``)."""

MAX_KID_DIGITS, MAX_KID_LENGTH = 25, 32
"""The longest KID in Norway, and the longest text that 24SevenOffice accepts for one."""

MAX_RATE_FACTOR = 3
"""The factor by which a rate may differ from the one that 24SevenOffice lists, which may be some years old."""

_CREDIT_OR_POST_MANUALLY = ERROR_CODES[KID].remedy


def voucher_of(
    invoice: Invoice,
    *,
    customer_number: int,
    project_number: Callable[[str], int],
    chart: Chart,
    settings: ConnectionSettings,
    comment: str,
) -> Voucher:
    """Make the voucher of a finalized invoice; a credit note has negative amounts, and so opposite sides.

    Every entry has ``customer_number``: the customer's own number, or the factoring id (S3). ``chart`` has the
    TaxNo of every account (S4), and ``project_number`` returns the number of a Moment project. The receivable has
    the ``comment``. If no account has an amount, the receivable is the only entry.

    Raises RejectedError if the voucher does not balance, or an account is not in the chart of accounts.
    """
    number = _checked_number(invoice)
    check_bookings(invoice, chart=chart, settings=settings, only_accounts=True)
    lines = booked_lines(invoice, chart=chart, settings=settings)
    if not comes_to_total(invoice, lines):
        raise _unbalanced_error(invoice)
    parts = split(lines, total=invoice.total, rate=_rate(invoice))
    projects = {line.project_id or invoice.project_id for line in invoice.lines}
    numbers = {each: project_number(each) for each in sorted(projects | {invoice.project_id}) if each}
    own = invoice.project_id or (projects.pop() if len(projects) == 1 else "")
    revenue, vat = as_records(parts, codes=chart.vat_codes, numbers=numbers)
    entry = partial(Entry, customer_number=customer_number, department=settings.department)
    receivable = entry(settings.receivables_account, parts.total, project_number=numbers.get(own))
    credits_ = [
        entry(
            each.account,
            each.gross if settings.voucher_vat == "gross" else each.net,
            tax_code=each.tax_code,
            project_number=each.project_number,
        )
        for each in revenue
    ]
    if settings.voucher_vat == "net":
        credits_ += [entry(each.account or 0, each.amount, tax_code=each.tax_code) for each in vat]
    return Voucher(
        number=number,
        invoice_number=number,
        day=invoice.day,
        due=max(invoice.due or invoice.day, invoice.day),
        entries=(receivable, *(each for each in credits_ if each.amount)),
        kid=invoice.kid,
        comment=comment,
        currency=invoice.currency,
        revenue=revenue,
        vat=vat,
        voucher_vat=settings.voucher_vat,
    )


def check_bookings(
    invoice: Invoice,
    *,
    chart: Chart,
    settings: ConnectionSettings,
    only_accounts: bool = False,
) -> None:
    """Check that the accounts exist, and that each line is booked with the VAT rate that it was charged with.

    The ledger's VAT follows the rate of the VAT code (S27): a code at 0 is for all lines without VAT, whatever the
    reason, and for no others. If VAT has its own entries, they are booked on the code's account. Otherwise, a code
    that is not listed is left to 24SevenOffice. ``only_accounts`` skips the rates.

    Raises RejectedError for a missing account, for a line whose rate is not that of its VAT code, and for a VAT
    code without an account for its VAT.
    """
    lines = booked_lines(invoice, chart=chart, settings=settings)
    for number in (settings.receivables_account, *(each.key.account for each in lines)):
        if number not in chart.accounts:
            raise RejectedError(
                msg("Account {account} isn't in the chart of accounts of 24SevenOffice.", account=number),
                error_code=ACCOUNT_UNKNOWN,
                remedy=msg("Open account {account} in 24SevenOffice, then retry.", account=number),
            )
    for each in lines:
        charged, code, rate = each.line.vat, each.vat_code, each.rate
        known = chart.vat_codes.get(code) if is_vat_code(code) else NO_VAT
        if settings.check_vat and not only_accounts and known and charged not in {None, known.rate}:
            raise _wrong_vat_error(charged or Decimal(), each.key.account, code, known.rate)
        if settings.voucher_vat == "net" and (rate is None or (rate and (known is None or not known.account))):
            raise _no_vat_account_error(each.key.account, code)


def check_rate(invoice: Invoice, *, listed: Mapping[str, Decimal]) -> None:
    """Check that a rate is the price in kroner of one unit of a currency, as 24SevenOffice lists it (S40).

    Raises :class:`RejectedError` for a rate that is more than three times the listed one, or less than a third: a
    rate for a hundred units, as banks quote it for SEK, DKK and JPY, or a typing error. It also raises it if no
    rate is listed, and for a rate of exactly 1, which both systems have if no rate was entered, and which would
    book the amounts as if they were kroner (S53).
    """
    rate, known = invoice.rate, listed.get(invoice.currency)
    if invoice.currency == NOK or not rate:
        return
    if rate == 1:
        raise RejectedError(
            msg(
                "The invoice has exactly 1 krone for one {currency}, as if no rate was entered.",
                currency=invoice.currency,
            ),
            error_code=RATE_OF_ONE,
        )
    if known is None or known == 1:
        raise RejectedError(
            msg(
                "The invoice has {rate} kroner for one {currency}; 24SevenOffice has no rate to compare it with.",
                rate=format_rate(rate),
                currency=invoice.currency,
            ),
            error_code=CURRENCY_RATE,
            remedy=msg(
                "Enter the rate of the currency in 24SevenOffice, test the connection and retry. Or post the "
                "invoice manually and mark it as resolved."
            ),
        )
    if not known / MAX_RATE_FACTOR <= rate <= known * MAX_RATE_FACTOR:
        raise RejectedError(
            msg(
                "The invoice has {rate} kroner for one {currency}, and 24SevenOffice has {known}.",
                rate=format_rate(rate),
                currency=invoice.currency,
                known=format_rate(round(known, 6)),
            ),
            error_code=CURRENCY_RATE,
            remedy=_CREDIT_OR_POST_MANUALLY,
        )


def find_posted(voucher: Voucher, posted: Sequence[LedgerLine]) -> int | None:
    """Find the voucher among the ledger's lines with its invoice number; return its voucher number.

    The receivable decides: its account, amount, day and customer. Revenue is not compared, because the ledger may
    show it net, with VAT on separate lines.
    """
    for line in chain.from_iterable(_outgoing(voucher, posted)):
        if _is_receivable(line, voucher) and not line.hidden and _is_customers([line], voucher):
            return line.voucher_number
    return None


def has_differing_voucher(voucher: Voucher, posted: Sequence[LedgerLine]) -> bool:
    """Return whether the ledger has a voucher that may be this one after a change; a person compares them."""
    return bool(posted_vouchers(voucher, posted))


def posted_vouchers(voucher: Voucher, posted: Sequence[LedgerLine]) -> Sequence[Sequence[LedgerLine]]:
    """Return the lines of each voucher that may be this one after a change, with its invoice number."""
    return [
        lines
        for lines in _outgoing(voucher, posted)
        if _is_customers(lines, voucher) or any(_is_receivable(line, voucher) for line in lines)
    ]


def _outgoing(voucher: Voucher, posted: Sequence[LedgerLine]) -> Iterator[Sequence[LedgerLine]]:
    """Yield the lines of each voucher that may be an outgoing invoice, not those of suppliers and payments.

    Uncertain ones count, because an invoice must not be posted twice: the ledger may show only the receivable, and
    a person may have moved the revenue.
    """
    receivable = voucher.receivable
    own = {entry.account for entry in voucher.counter_entries} - {*VAT_ACCOUNTS}
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
    receivable = voucher.receivable
    return (line.account, line.amount, line.day) == (receivable.account, receivable.amount, voucher.day)


def _is_customers(lines: Sequence[LedgerLine], voucher: Voucher) -> bool:
    """Return whether lines are of the voucher's customer, or the ledger names no customer."""
    customers = {line.customer_number for line in lines} - {None}
    return not customers or voucher.receivable.customer_number in customers


def voucher_comment(invoice: Invoice, *, title: str, url: str, settings: ConnectionSettings) -> str:
    """Return a comment in the connection's language: the invoice, facts that the amounts do not show, and its URL.

    Facts come first, each complete or left out, because half a rate is a wrong one. References fill the remaining
    space, and the URL, which is never cut, comes last or is left out.
    """
    comment = clean(f"Moment: {translate(title, settings.language)}", max_length=MAX_COMMENT_LENGTH)
    for fact in _facts(invoice):
        longer = f"{comment} {translate(fact, settings.language)}"
        comment = longer if utf16_length(longer) <= MAX_COMMENT_LENGTH else comment
    ending = f" {url}" if url and utf16_length(f"{comment} {url}") <= MAX_COMMENT_LENGTH else ""
    if settings.voucher_references:
        comment = " ".join((comment, *(translate(each, settings.language) for each in _references(invoice))))
    return clean(comment, max_length=MAX_COMMENT_LENGTH - utf16_length(ending)) + ending


def _checked_number(invoice: Invoice) -> int:
    """Return the invoice's number. Raises RejectedError if a field of the invoice does not fit into a voucher."""
    if invoice.number is None:
        raise RejectedError(msg("The invoice has no invoice number."), error_code=INVOICE_NUMBER)
    if invoice.number > MAX_INVOICE_NUMBER:
        raise RejectedError(
            msg(
                "The invoice number is {number}, and 24SevenOffice takes none above {most}.",
                number=invoice.number,
                most=MAX_INVOICE_NUMBER,
            ),
            error_code=INVOICE_NUMBER,
            remedy=_CREDIT_OR_POST_MANUALLY,
        )
    if invoice.due and invoice.due < invoice.day and not invoice.credit_note:
        due, day = Day(invoice.due), Day(invoice.day)
        raise RejectedError(
            msg("The invoice is due on {due}, before its date, {day}.", due=due, day=day),
            error_code=DUE_DATE,
        )
    if len(invoice.kid) > MAX_KID_LENGTH or sum(map(str.isdigit, invoice.kid)) > MAX_KID_DIGITS:
        raise RejectedError(
            msg("The KID “{kid}” has more than {most} digits.", kid=invoice.kid, most=MAX_KID_DIGITS),
            error_code=KID,
        )
    if (invoice.total > 0) if invoice.credit_note else (invoice.total < 0):
        raise _wrong_sign_error(invoice)
    return invoice.number


def _wrong_sign_error(invoice: Invoice) -> RejectedError:
    total = format_kroner(to_ore(invoice.total))
    problem = (
        msg("The credit note total is {total}, but it must be negative.", total=total)
        if invoice.credit_note
        else msg(
            "The invoice total is {total}. An invoice with a negative total must be issued as a credit note.",
            total=total,
        )
    )
    return RejectedError(problem, error_code=SIGN)


def _unbalanced_error(invoice: Invoice) -> RejectedError:
    return RejectedError(
        msg(
            "The lines add up to {lines} and the total is {total}: the voucher would not balance.",
            lines=sum((line.amount for line in invoice.lines), Decimal()),
            total=invoice.total,
        ),
        error_code=UNBALANCED,
    )


def _rate(invoice: Invoice) -> Decimal:
    if invoice.currency == NOK:
        return Decimal(1)
    if not invoice.rate or invoice.rate <= 0:
        raise RejectedError(
            msg("The invoice is in {currency} and has no rate in kroner.", currency=invoice.currency),
            error_code=CURRENCY_RATE,
            remedy=msg(
                "Credit it in Moment and issue it again with a rate, or post it manually and mark it as resolved."
            ),
        )
    return invoice.rate


def _facts(invoice: Invoice) -> Iterator[str]:
    if invoice.currency != NOK and invoice.rate:
        amount, rate = str(format_kroner(to_ore(invoice.total))), format_rate(invoice.rate)
        yield msg("{currency} {amount} at {rate}.", currency=invoice.currency, amount=amount, rate=rate)
    if invoice.credited:
        yield msg("Credits invoice {number}.", number=invoice.credited)


def _references(invoice: Invoice) -> Iterator[str]:
    if invoice.your_reference:
        yield msg("Customer's reference: {reference}.", reference=invoice.your_reference)
    yield invoice.description


def _no_vat_account_error(account: int, code: str) -> RejectedError:
    return RejectedError(
        msg(
            "A line on account {account} has VAT code {code}, but 24SevenOffice has no account for its VAT.",
            account=account,
            code=code,
        ),
        error_code=VAT_ACCOUNT,
    )


def _wrong_vat_error(charged: Decimal, account: int, code: str, rate: Decimal) -> RejectedError:
    return RejectedError(
        msg(
            "A line on account {account} was charged with {charged} % VAT, and VAT code {code} of 24SevenOffice "
            "is at {rate} %.",
            account=account,
            charged=format_rate(charged),
            code=code or NO_VAT_CODE,
            rate=format_rate(rate),
        ),
        error_code=VAT_RATE,
    )
