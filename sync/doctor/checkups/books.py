"""Whether the books of 24SevenOffice are set up for what is to come: years, numbers, accounts and VAT codes."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from language.said import say
from models.accounts import AccountRanges
from models.words import Kind
from sync.doctor.checkups.moment import not_shown
from sync.doctor.findings import bad, good, not_needed, unknown
from sync.errors import Misconfigured
from sync.purchases import SUPPLIERS, VAT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sync.doctor.findings import Finding, Patient

DAY = timedelta(days=1)
MOST_NAMED = 10


def fiscal_years(patient: Patient) -> Iterator[Finding]:
    """See that today can be posted on, and that the years follow each other."""
    years = sorted(patient.erp.fiscal_years(), key=lambda year: year.starts)
    day = f"{patient.today:%d.%m.%Y}"
    ours = [year for year in years if year.starts <= patient.today <= year.ends]
    if any(not year.locked for year in ours):
        yield good(say("The fiscal year of today ({day}) is open.", day=day))
    elif ours:
        yield bad(
            say("The fiscal year of today ({day}) is locked in 24SevenOffice.", day=day),
            say("Open the fiscal year in 24SevenOffice."),
        )
    else:
        yield bad(
            say("24SevenOffice has no fiscal year with today ({day}) in it.", day=day),
            say("Set up the fiscal year in 24SevenOffice."),
        )
    if any(earlier.ends + DAY != later.starts for earlier, later in pairwise(years)):
        spans = "; ".join(f"{year.starts:%d.%m.%Y}-{year.ends:%d.%m.%Y}" for year in years)
        yield unknown(
            say("The fiscal years do not follow each other day by day: {years}.", years=spans),
            say("Compare them with those in 24SevenOffice."),
            tests="S11",
        )
    elif years:
        first, last = f"{years[0].starts:%d.%m.%Y}", f"{years[-1].ends:%d.%m.%Y}"
        what = say(
            "The fiscal years follow each other day by day, from {first} to {last}.", first=first, last=last
        )
        yield good(what, tests="S11")


def receivables(patient: Patient) -> Iterator[Finding]:
    """See that the account is there that invoices are debited on."""
    if not patient.brings(Kind.INVOICE):
        return
    account = patient.settings.receivables_account
    if account in patient.erp.tax_codes():
        yield good(
            say("The receivables account {account} is there.", account=account), setting="receivables_account"
        )
    else:
        yield bad(
            say("The receivables account {account} is not in the chart of accounts.", account=account),
            say("Open it in 24SevenOffice, or enter another one."),
            setting="receivables_account",
        )


def expense_accounts(patient: Patient) -> Iterator[Finding]:
    """See that the accounts of expenses are there: each single one, and one at least of each interval."""
    if not patient.brings(Kind.EXPENSE) or not patient.settings.expense_accounts:
        return
    chart = patient.erp.tax_codes()
    missing = missing_accounts(patient.settings.expense_accounts, chart)
    if missing:
        yield bad(
            say("The chart of accounts has nothing for {accounts}.", accounts=missing),
            say("Open the accounts in 24SevenOffice, or take them out of the accounts of expenses."),
            setting="expense_accounts",
        )
    else:
        yield good(
            say("The accounts of expenses are there: {accounts}.", accounts=patient.settings.expense_accounts),
            setting="expense_accounts",
        )
    for what, span in ((say("what is owed to suppliers"), SUPPLIERS), (say("VAT"), VAT)):
        where = {"what": what, "first": span[0], "last": span[-1]}
        if any(account in chart for account in span):
            yield good(say("There are accounts for {what} from {first} to {last}.", **where), tests="S20")
        else:
            yield unknown(
                say("There is no account for {what} from {first} to {last}.", **where),
                say("Expenses are right only where the chart of accounts is the Norwegian standard one."),
                tests="S20",
            )


def factoring(patient: Patient) -> Iterator[Finding]:
    """See that the customer is there that all vouchers carry instead of their own."""
    number = patient.settings.factoring_id
    if number is None:
        yield not_needed(say("No factoring id is set, so that vouchers carry the customer's own number."))
        return
    company = patient.erp.company(number)
    if company:
        what = say("All vouchers carry customer {number}, {name}.", number=number, name=company.name)
        yield good(what, setting="factoring_id")
    else:
        yield bad(
            say("24SevenOffice has no customer {number}, which all vouchers are to carry.", number=number),
            say("Enter the customer number of the factoring company, or leave the factoring id empty."),
            setting="factoring_id",
        )


def vat_codes(patient: Patient) -> Iterator[Finding]:
    """See that every VAT code that a voucher may carry is there: the chart's, the settings', and Moment's."""
    if not patient.brings(Kind.INVOICE):
        return
    chart, codes = patient.erp.tax_codes(), patient.erp.vat_codes()
    wanted = patient.settings.vat_codes
    wrong = [f"{account}={code}" for account, code in wanted.items() if account not in chart or code not in codes]
    if wrong:
        yield bad(
            say("24SevenOffice does not have these accounts or VAT codes: {pairs}.", pairs=_some(wrong)),
            say("Correct them in the connection's settings, each as account=code."),
            setting="vat_codes",
        )
    odd = sorted({code for code in chart.values() if code and code not in codes})
    if odd:
        yield unknown(
            say(
                "The chart of accounts names VAT codes that 24SevenOffice does not list: {codes}.",
                codes=_some(odd),
            ),
            say("Look at the VAT of the first vouchers."),
            tests="S4, S13",
        )
    if not wrong and not odd:
        yield good(say("The VAT codes of the accounts are there."), setting="vat_codes", tests="S4, S13")


def mapped_accounts(patient: Patient) -> Iterator[Finding]:
    """See that what the settings make of Moment's accounts is there on both sides."""
    wanted = patient.settings.accounts
    if not patient.brings(Kind.INVOICE) or not wanted:
        return
    chart, codes = patient.erp.tax_codes(), patient.erp.vat_codes()
    booked = [(pair, *pair.partition("/")[::2]) for pair in wanted.values()]
    wrong = [pair for pair, account, code in booked if int(account) not in chart or code not in {"", *codes}]
    try:
        strange = sorted(wanted.keys() - patient.moment.account_numbers().keys())
    except Misconfigured:
        yield not_shown(say("accounts"))
        return
    if wrong:
        yield bad(
            say("24SevenOffice does not have these accounts or VAT codes: {pairs}.", pairs=_some(wrong)),
            say("Correct them in the connection's settings, each as id=account or id=account/code."),
            setting="accounts",
        )
    if strange:
        yield bad(
            say("Moment has no financial accounts with these ids: {ids}.", ids=_some(strange)),
            say("Correct the ids in the connection's settings."),
            setting="accounts",
        )
    if not wrong and not strange:
        yield good(say("The accounts that stand for Moment's are there."), setting="accounts")


def revenue_accounts(patient: Patient) -> Iterator[Finding]:
    """See that the accounts that Moment books invoices on are there, with their VAT codes."""
    if not patient.brings(Kind.INVOICE):
        return
    try:
        theirs = patient.moment.account_codes()
    except Misconfigured:
        yield not_shown(say("accounts"))
        return
    chart, codes = patient.erp.tax_codes(), patient.erp.vat_codes()
    mapped = patient.settings.accounts
    booked = {number for name, number in patient.moment.account_numbers().items() if name not in mapped}
    missing = [str(account) for account in sorted(booked) if account not in chart]
    odd = [f"{account}={code}" for account, code in sorted(theirs.items()) if code and code not in codes]
    if missing:
        yield unknown(
            say("Moment has accounts that are not in the chart of accounts: {accounts}.", accounts=_some(missing)),
            say("Open those in 24SevenOffice that invoices use; an invoice on another one is refused."),
        )
    if odd:
        yield bad(
            say("Moment's accounts name VAT codes that 24SevenOffice does not have: {pairs}.", pairs=_some(odd)),
            say("Correct the accounts in Moment, or enter the VAT codes of these accounts here."),
            setting="vat_codes",
            tests="M13",
        )
    if not missing and not odd:
        yield good(say("The accounts that Moment books invoices on are there."), tests="M13")


def missing_accounts(listed: str, chart: Collection[int]) -> str:
    """Tell which of the accounts and intervals that somebody listed the chart has nothing for; empty for none."""
    intervals = AccountRanges.read(listed).intervals
    return str(AccountRanges(tuple(each for each in intervals if not any(account in each for account in chart))))


def _some(names: Sequence[str]) -> str:
    """Name the first of what may be many."""
    return ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
