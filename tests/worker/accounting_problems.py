"""Problems of the accounting setup or the settings, what the diagnostics say, and the remedy."""

from models.enums import EntityType
from tests.worker.access_problems import Problem
from tests.worker.broken_connection import API, OUTGOING
from worker.container import clock

ACCOUNTING_PROBLEMS: list[Problem] = [
    (
        "a locked fiscal year",
        lambda it: it.control("twentyfour", "PUT", f"books/1/years/{clock().year}", {"locked": True}),
        "Today's fiscal year (",
        "Open the fiscal year",
        "",
    ),
    (
        "no open fiscal year",
        lambda it: it.control("twentyfour", "DELETE", f"books/1/years/{clock().year}"),
        "24SevenOffice has no open fiscal year for today",
        "Set up the fiscal year",
        "",
    ),
    (
        "no type of outgoing invoices",
        lambda it: [it.control("twentyfour", "DELETE", f"books/1/types/{number}") for number in (11, 12)],
        "24SevenOffice has no voucher type for outgoing invoices.",
        "Set up the type “Utgående faktura”",
        "voucher_number",
    ),
    (
        "a series that starts too low",
        lambda it: it.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 1}),
        "Moment's next invoice gets 2, 24SevenOffice's next voucher 1.",
        "Set the start number (StartNo) of the series of outgoing invoices in 24SevenOffice to 2.",
        "voucher_number",
    ),
    (
        "a series that is ahead",
        lambda it: it.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 500}),
        "Moment's next invoice gets 2, 24SevenOffice's next voucher 500.",
        "Let 24SevenOffice number the vouchers",
        "voucher_number",
    ),
    (
        "a receivables account that is not there",
        lambda it: it.set(receivables_account=1501),
        "The receivables account 1501 isn't in the chart of accounts.",
        "Open it in 24SevenOffice",
        "receivables_account",
    ),
    (
        "accounts of expenses that are not there",
        lambda it: it.set(expense_accounts="4000, 4100, 4300-4399, 5000-5099"),
        "These accounts don't exist in 24SevenOffice: 4100, 5000-5099.",
        "Create the accounts in 24SevenOffice",
        "expense_accounts",
    ),
    (
        "an unknown VAT code",
        lambda it: it.set(vat_codes={3000: "99", 3100: "5"}),
        "24SevenOffice doesn't have these accounts or VAT codes: 3000=99.",
        "Correct them in the connection's settings",
        "vat_codes",
    ),
    (
        "an account that stands for one of Moment's and is not there",
        lambda it: it.set(accounts={"501": "3999/3"}),
        "24SevenOffice doesn't have these accounts or VAT codes: 3999/3.",
        "each as id=account or id=account/code",
        "accounts",
    ),
    (
        "a VAT code of Moment's that is not there",
        lambda it: it.control("moment", "PATCH", f"{API}/financialAccounts/501", {"externalTaxCode": "77"}),
        "Moment's accounts name VAT codes that 24SevenOffice doesn't have: 3000=77.",
        "Correct the accounts in Moment",
        "vat_codes",
    ),
    (
        "a factoring company that is no customer",
        lambda it: it.set(factoring_id=4711),
        "Customer 4711",
        "leave the factoring id blank",
        "factoring_id",
    ),
    (
        "an activity that is not there",
        lambda it: it.set(expense_activity="Utlegg"),
        "No project in Moment has an open activity called “Utlegg”.",
        "Create or open it",
        "expense_activity",
    ),
    (
        "an activity that is closed",
        lambda it: it.control("moment", "PATCH", it.activity, {"projectExtensionState": "closed"}),
        "No project in Moment has an open activity called “Expenses”.",
        "Create or open it",
        "expense_activity",
    ),
    (
        "a client id that does not fit its field",
        lambda it: it.set(client_id_field="DepartmentId"),
        "The project field DepartmentId only takes whole numbers, and “1001-M” isn't one.",
        "Correct it in the connection's settings.",
        "client_id",
    ),
    (
        "expenses without accounts",
        lambda it: it.set(expense_accounts=""),
        "Expenses are on, but no expense accounts are set.",
        "Correct it in the connection's settings.",
        "expense_accounts",
    ),
    (
        "no alert recipients",
        lambda it: it.set(error_emails=()),
        "No alert recipients.",
        "Enter at least one alert recipient",
        "error_emails",
    ),
]

WARNINGS: list[Problem] = [
    (
        "a revenue account that is not there",
        lambda it: it.control("moment", "PATCH", f"{API}/financialAccounts/503", {"accountNumber": 3999}),
        "Moment has accounts that aren't in the chart of accounts: 3999.",
        "Create the ones that invoices use in 24SevenOffice",
        "",
    ),
    (
        "fiscal years with a gap",
        lambda it: it.control("twentyfour", "DELETE", f"books/1/years/{clock().year - 1}"),
        "The fiscal years don't follow each other day by day",
        "Compare them with those in 24SevenOffice",
        "",
    ),
    (
        "webhooks that were never used",
        lambda it: it.container.connections.regenerate_token(it.connection.id, actor="test", now=clock()),
        "No webhooks received yet for customers, projects, invoices.",
        "Setup > Settings > Integrations",
        "",
    ),
    (
        "a webhook that has gone silent",
        lambda it: it.notify(EntityType.PROJECT, days_ago=31),
        "Last webhook for projects:",
        "check that the webhook URL is still entered in Moment",
        "",
    ),
    (
        "documents that all wait",
        lambda it: it.control("twentyfour", "PATCH", "books/1/files/1", {"approved": False}),
        "All documents of the latest vouchers are awaiting approval.",
        "Their costs aren't imported until the documents are approved",
        "",
    ),
    (
        "an invoice in another currency",
        lambda it: it.invoice_in("EUR", rate=11.5),
        "is in EUR, at 11.5 kroner for one; 24SevenOffice has 11.5.",
        "Check that this is the rate",
        "",
    ),
]
"""Findings that no call can verify: they say where a person should look."""
