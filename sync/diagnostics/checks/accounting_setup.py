"""The checks of 24SevenOffice's setup for posting: fiscal years, voucher numbers, accounts and VAT."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

from i18n.messages import Day, msg
from models.connections.account_ranges import AccountRanges
from sync.diagnostics.checks.login import not_visible
from sync.diagnostics.checks.moment import not_shown
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, good, not_needed, unknown
from sync.errors import MisconfiguredError, RejectedError, UnavailableError
from sync.records import ExportStatus, Invoice
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, VAT_ACCOUNTS

DAY = timedelta(days=1)
MAX_NAMES_SHOWN = 10

LOOKBACK = (timedelta(days=35), timedelta(days=400))
"""How far back the last invoice is searched. Numbers ascend with time, so recent invoices are enough."""


def fiscal_years(target: Target) -> Iterator[Finding]:
    """Check that vouchers can be posted today, and that the fiscal years are consecutive."""
    years = sorted(target.erp.fiscal_years(), key=lambda year: year.starts)
    day = Day(target.today)
    ours = [year for year in years if year.starts <= target.today <= year.ends]
    if any(not year.locked for year in ours):
        yield good(msg("Today's fiscal year ({day}) is open.", day=day))
    elif ours:
        yield bad(
            msg("Today's fiscal year ({day}) is locked in 24SevenOffice.", day=day),
            msg("Open the fiscal year in 24SevenOffice."),
        )
    else:
        yield bad(
            msg("24SevenOffice has no open fiscal year for today ({day}).", day=day),
            msg("Set up the fiscal year in 24SevenOffice."),
        )
    if any(earlier.ends + DAY != later.starts for earlier, later in pairwise(years)):
        spans = "; ".join(f"{year.starts:%d.%m.%Y}-{year.ends:%d.%m.%Y}" for year in years)
        yield unknown(
            msg("The fiscal years don't follow each other day by day: {years}.", years=spans),
            msg("Compare them with those in 24SevenOffice."),
            tests="S11, S57",
        )
    elif years:
        first, last = Day(years[0].starts), Day(years[-1].ends)
        what = msg(
            "The fiscal years follow each other day by day, from {first} to {last}.", first=first, last=last
        )
        yield good(what, tests="S11, S57")


def series(target: Target) -> Iterator[Finding]:
    """Compare the series of outgoing invoices with Moment's next invoice number, if vouchers use that (S1)."""
    if not any(year.starts <= target.today <= year.ends for year in target.erp.fiscal_years()):
        return  # fiscal_years reports it
    try:
        next_number = target.erp.next_voucher_number(target.today)
    except UnavailableError as error:
        if blocks_system(error):
            raise
        yield not_visible(msg("voucher numbers"), error)
        return
    if target.settings.voucher_number == "series":
        yield good(
            msg("The next voucher gets number {number} of the series.", number=next_number),
            setting="voucher_number",
        )
        return
    try:
        last = _last_number(target)
    except MisconfiguredError:
        return  # the check that reads an invoice reports that Moment does not show any
    if last is None:
        yield unknown(
            msg(
                "The series of outgoing invoices goes on with {number}; Moment has no invoice yet.",
                number=next_number,
            ),
            msg(
                "Make sure Moment's first invoice gets this number too, or set the series' start number (StartNo)."
            ),
            setting="voucher_number",
            tests="S1",
        )
    else:
        yield _compare_numbers(target, ledger=next_number, moment=last + 1)


def found_again(target: Target) -> Iterator[Finding]:
    """Find the last synced invoice in the ledger by its number (S18)."""
    if target.last_invoice is None or target.settings.posting == "draft":
        return
    with suppress(MisconfiguredError, RejectedError):  # the check that reads an invoice reports it
        yield from _find_invoice(target, target.moment.invoice(target.last_invoice.id))


def receivables(target: Target) -> Iterator[Finding]:
    account = target.settings.receivables_account
    if account in target.erp.tax_codes():
        yield good(
            msg("The receivables account {account} exists.", account=account), setting="receivables_account"
        )
    else:
        yield bad(
            msg("The receivables account {account} isn't in the chart of accounts.", account=account),
            msg("Open it in 24SevenOffice, or enter another one."),
            setting="receivables_account",
        )


def expense_accounts(target: Target) -> Iterator[Finding]:
    """Check that the accounts of expenses exist: each single account, and at least one of each range."""
    if not target.settings.expense_accounts:
        return
    chart = target.erp.tax_codes()
    missing = missing_accounts(target.settings.expense_accounts, chart)
    if missing:
        yield bad(
            msg("These accounts don't exist in 24SevenOffice: {accounts}.", accounts=missing),
            msg("Create the accounts in 24SevenOffice, or remove them from the expense accounts."),
            setting="expense_accounts",
        )
    else:
        yield good(
            msg("The expense accounts exist: {accounts}.", accounts=target.settings.expense_accounts),
            setting="expense_accounts",
        )
    for what, span in ((msg("supplier debt"), SUPPLIER_ACCOUNTS), (msg("VAT"), VAT_ACCOUNTS)):
        accounts = {"what": what, "first": span[0], "last": span[-1]}
        if any(account in chart for account in span):
            yield good(msg("There are accounts for {what} from {first} to {last}.", **accounts), tests="S20")
        else:
            yield unknown(
                msg("There is no account for {what} from {first} to {last}.", **accounts),
                msg("Expenses are only correct if the chart of accounts follows the Norwegian standard."),
                tests="S20",
            )


def factoring(target: Target) -> Iterator[Finding]:
    number = target.settings.factoring_id
    if number is None:
        yield not_needed(msg("No factoring id is set, so vouchers use the customer's own number."))
        return
    company = target.erp.company(number)
    if company:
        what = msg("All vouchers use customer {number}, {name}.", number=number, name=company.name)
        yield good(what, setting="factoring_id")
    else:
        yield bad(
            msg(
                "Customer {number}, which all vouchers should use, doesn't exist in 24SevenOffice.", number=number
            ),
            msg("Enter the customer number of the factoring company, or leave the factoring id blank."),
            setting="factoring_id",
        )


def vat_codes(target: Target) -> Iterator[Finding]:
    """Check that the VAT codes of the settings and of the chart of accounts exist."""
    chart, codes = target.erp.tax_codes(), target.erp.vat_codes()
    settings = target.settings.vat_codes
    wrong = [
        f"{account}={code}" for account, code in settings.items() if account not in chart or code not in codes
    ]
    if wrong:
        yield bad(
            msg("24SevenOffice doesn't have these accounts or VAT codes: {pairs}.", pairs=_some(wrong)),
            msg("Correct them in the connection's settings, each as account=code."),
            setting="vat_codes",
        )
    unlisted = sorted({code for code in chart.values() if code and code not in codes})
    if unlisted:
        yield unknown(
            msg(
                "The chart of accounts names VAT codes that 24SevenOffice doesn't list: {codes}.",
                codes=_some(unlisted),
            ),
            msg("Check the VAT of the first vouchers."),
            tests="S4, S13",
        )
    if not wrong and not unlisted:
        yield good(msg("The accounts' VAT codes exist."), setting="vat_codes", tests="S4, S13")


def mapped_accounts(target: Target) -> Iterator[Finding]:
    """Check that the accounts that the settings map exist in both systems."""
    mapped = target.settings.accounts
    if not mapped:
        return
    chart, codes = target.erp.tax_codes(), target.erp.vat_codes()
    booked = [(pair, *pair.partition("/")[::2]) for pair in mapped.values()]
    wrong = [pair for pair, account, code in booked if int(account) not in chart or code not in {"", *codes}]
    try:
        unknown_ids = sorted(mapped.keys() - target.moment.account_numbers().keys())
    except MisconfiguredError:
        yield not_shown(msg("accounts"))
        return
    if wrong:
        yield bad(
            msg("24SevenOffice doesn't have these accounts or VAT codes: {pairs}.", pairs=_some(wrong)),
            msg("Correct them in the connection's settings, each as id=account or id=account/code."),
            setting="accounts",
        )
    if unknown_ids:
        yield bad(
            msg("Moment has no financial accounts with these ids: {ids}.", ids=_some(unknown_ids)),
            msg("Correct the ids in the connection's settings."),
            setting="accounts",
        )
    if not wrong and not unknown_ids:
        yield good(msg("The accounts that replace Moment's exist."), setting="accounts")


def revenue_accounts(target: Target) -> Iterator[Finding]:
    """Check that the accounts on which Moment books invoices exist, with their VAT codes."""
    try:
        moment_codes = target.moment.account_codes()
    except MisconfiguredError:
        yield not_shown(msg("accounts"))
        return
    chart, codes = target.erp.tax_codes(), target.erp.vat_codes()
    mapped = target.settings.accounts
    booked = {number for name, number in target.moment.account_numbers().items() if name not in mapped}
    missing = [str(account) for account in sorted(booked) if account not in chart]
    wrong = [f"{account}={code}" for account, code in sorted(moment_codes.items()) if code and code not in codes]
    if missing:
        yield unknown(
            msg("Moment has accounts that aren't in the chart of accounts: {accounts}.", accounts=_some(missing)),
            msg("Create the ones that invoices use in 24SevenOffice. Invoices on any other account are rejected."),
        )
    if wrong:
        yield bad(
            msg("Moment's accounts name VAT codes that 24SevenOffice doesn't have: {pairs}.", pairs=_some(wrong)),
            msg("Correct the accounts in Moment, or enter the VAT codes of these accounts here."),
            setting="vat_codes",
            tests="M13",
        )
    if not missing and not wrong:
        yield good(msg("The accounts Moment books invoices on exist."), tests="M13")


def missing_accounts(listed: str, chart: Collection[int]) -> str:
    """Return the listed accounts and ranges for which the chart has no account."""
    intervals = AccountRanges.parse(listed).intervals
    return str(AccountRanges(tuple(each for each in intervals if not any(account in each for account in chart))))


def _some(names: Sequence[str]) -> str:
    """List the first of possibly many names."""
    return ", ".join([*names[:MAX_NAMES_SHOWN], *(["…"] if len(names) > MAX_NAMES_SHOWN else [])])


def _find_invoice(target: Target, invoice: Invoice | None) -> Iterator[Finding]:
    if invoice is None or invoice.number is None or invoice.export_status is not ExportStatus.TO_TRANSFER:
        return
    lines = target.erp.posted(invoice.number, day=invoice.day)
    if any(line.customer_number and line.day == invoice.day for line in lines):
        yield good(
            msg("Invoice {number} was found in the ledger by its number and date.", number=invoice.number),
            tests="S12, S18",
        )
    else:
        yield unknown(
            msg(
                "Invoice {number} was synced but can't be found in the ledger by its number.",
                number=invoice.number,
            ),
            msg("Check that its voucher still exists, with the same invoice number, customer and date."),
            tests="S12, S18",
        )


def _compare_numbers(target: Target, *, ledger: int, moment: int) -> Finding:
    if ledger == moment:
        what = msg("Moment's next invoice and 24SevenOffice's next voucher both get number {here}.", here=ledger)
        return good(what, setting="voucher_number", tests="S1")
    what = msg(
        "Moment's next invoice gets {there}, 24SevenOffice's next voucher {here}.", there=moment, here=ledger
    )
    if ledger > moment:
        remedy = msg(
            "Moment's number is already in use. Let 24SevenOffice number the vouchers with the setting “Voucher "
            "number”."
        )
        return bad(what, remedy, setting="voucher_number", tests="S1")
    if target.pending_invoices:
        remedy = msg(
            "Invoices in progress: {count}. Compare again once they have synced.",
            count=target.pending_invoices,
        )
        return unknown(what, remedy, setting="voucher_number", tests="S1")
    if target.refused_invoices:
        remedy = msg(
            "Invoices that need attention: {count}. Resolve them, then test again.", count=target.refused_invoices
        )
        return unknown(what, remedy, setting="voucher_number", tests="S1")
    remedy = msg(
        "Set the start number (StartNo) of the series of outgoing invoices in 24SevenOffice to {there}.",
        there=moment,
    )
    return bad(what, remedy, setting="voucher_number", tests="S1")


def _last_number(target: Target) -> int | None:
    for lookback in LOOKBACK:
        if last := target.moment.last_invoice_number(since=target.now - lookback):
            return last
    return None
