"""A connection as the doctor meets it: in good health, and with each of the things that may be wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from models.words import Kind
from tests.factories import settings
from worker import checks
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sync.findings import Finding, Verdict
    from worker.wiring import Bridge

API = "api/1.0/companies/1001"
OUTGOING = 11
"""The series of outgoing invoices."""
EVERYTHING = {"kinds": tuple(Kind), "expense_accounts": "4000, 4300-4599", "client_id": "1001-M"}


class Practice:
    """A connection whose systems can be put out of order, and what the doctor says then."""

    def __init__(self, bridge: Bridge, books: Mapping[str, str]) -> None:
        self.bridge = bridge
        self._books = books
        self.activity = ""
        self.connection, _ = bridge.connections.add("Demo AS", settings(**EVERYTHING), who="test", now=clock())

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        key = ("apikey", "moment-demo-key")
        answer = requests.request(method, f"{self._books[system]}/{path}", json=body, auth=key, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def mishap(self, system: str, operation: str, kind: str, times: int = 1000) -> None:
        self.control(system, "POST", "mishaps", {"operation": operation, "kind": kind, "times": times})

    def set(self, **changes: object) -> None:
        self.bridge.connections.change(self.connection.id, changes, who="test", now=clock())

    def findings(self) -> list[Finding]:
        return list(checks.examine(self.bridge, self.bridge.connections.get(self.connection.id)).findings)

    def only(self, verdict: Verdict) -> Finding:
        """What has this verdict, which is one thing: the others still have theirs."""
        (found,) = [finding for finding in self.findings() if finding.verdict is verdict]
        return found


Sickness = tuple[str, "Callable[[Practice], None]", str, str, str]

SICKNESSES: list[Sickness] = [
    (
        "wrong API key",
        lambda ill: ill.set(moment_api_key="wrong"),
        "Moment does not accept the API key for company 1001.",
        "Make a new API key",
        "moment_api_key",
    ),
    (
        "wrong company",
        lambda ill: ill.set(moment_company="9999"),
        "Moment has no company 9999.",
        "Correct the company's id",
        "moment_company",
    ),
    (
        "a key that may not read invoices",
        lambda ill: ill.mishap("moment", "GET invoices", "forbidden"),
        "Moment's API key does not let us read invoices.",
        "Give the key the right to invoices",
        "moment_api_key",
    ),
    (
        "a key that may not read expenses",
        lambda ill: ill.mishap("moment", "GET projectExpenses", "forbidden"),
        "Moment's API key does not let us read expenses.",
        "Give the key the right to expenses",
        "moment_api_key",
    ),
    (
        "Moment is down",
        lambda ill: ill.mishap("moment", "*", "error_503"),
        "Moment answered with status 503",
        "There is nothing to correct here",
        "",
    ),
    (
        "wrong password",
        lambda ill: ill.set(password="wrong"),
        "24SevenOffice refused the user name or password",
        "Correct user name and password",
        "password",
    ),
    (
        "several identities",
        lambda ill: ill.set(username="many@example.com", password="many-password"),
        "The login reaches several clients of 24SevenOffice: Demo AS",
        "Enter the identity id of the right one",
        "identity_id",
    ),
    (
        "an identity of somebody else",
        lambda ill: ill.set(identity_id="00000000-0000-0000-0000-00000000abcd"),
        "The login does not reach the identity 00000000-0000-0000-0000-00000000abcd.",
        "It reaches Demo AS (",
        "identity_id",
    ),
    (
        "a blocked login",
        lambda ill: ill.control("twentyfour", "PATCH", "logins/demo@example.com", {"blocked": True}),
        "The login has no access to this client of 24SevenOffice",
        "Unblock it in 24SevenOffice",
        "identity_id",
    ),
    (
        "24SevenOffice is down",
        lambda ill: ill.mishap("twentyfour", "*", "error_503"),
        "24SevenOffice has a technical problem",
        "There is nothing to correct here",
        "",
    ),
    (
        "no right to projects",
        lambda ill: ill.mishap("twentyfour", "GetSingleProject", "fault"),
        "24SevenOffice does not show us projects",
        "give the user the right to projects",
        "",
    ),
    (
        "no right to documents",
        lambda ill: ill.mishap("twentyfour", "GetFileInfo", "fault"),
        "24SevenOffice does not show us documents",
        "give the user the right to documents",
        "",
    ),
    (
        "a locked fiscal year",
        lambda ill: ill.control("twentyfour", "PUT", f"books/1/years/{clock().year}", {"locked": True}),
        "24SevenOffice has no open fiscal year with today",
        "Open the fiscal year",
        "",
    ),
    (
        "a series that starts too low",
        lambda ill: ill.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 1}),
        "Moment's next invoice gets 2, 24SevenOffice's next voucher 1.",
        "Set the start number (StartNo) of the series of outgoing invoices in 24SevenOffice to 2.",
        "voucher_number",
    ),
    (
        "a series that is ahead",
        lambda ill: ill.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 500}),
        "Moment's next invoice gets 2, 24SevenOffice's next voucher 500.",
        "Let 24SevenOffice number the vouchers",
        "voucher_number",
    ),
    (
        "a receivables account that is not there",
        lambda ill: ill.set(receivables_account=1501),
        "The receivables account 1501 is not in the chart of accounts.",
        "Open it in 24SevenOffice",
        "receivables_account",
    ),
    (
        "accounts of expenses that are not there",
        lambda ill: ill.set(expense_accounts="4000, 4100, 4300-4399, 5000-5099"),
        "The chart of accounts has nothing for 4100, 5000-5099.",
        "Open the accounts in 24SevenOffice",
        "expense_accounts",
    ),
    (
        "an unknown VAT code",
        lambda ill: ill.set(vat_codes={3000: "99", 3100: "5"}),
        "24SevenOffice does not have these accounts or VAT codes: 3000=99.",
        "Correct them in the connection's settings",
        "vat_codes",
    ),
    (
        "an account that stands for one of Moment's and is not there",
        lambda ill: ill.set(accounts={"501": "3999/3"}),
        "24SevenOffice does not have these accounts or VAT codes: 3999/3.",
        "each as id=account or id=account/code",
        "accounts",
    ),
    (
        "a VAT code of Moment's that is not there",
        lambda ill: ill.control("moment", "PATCH", f"{API}/financialAccounts/501", {"externalTaxCode": "77"}),
        "Moment's accounts name VAT codes that 24SevenOffice does not have: 3000=77.",
        "Correct the accounts in Moment",
        "vat_codes",
    ),
    (
        "a factoring company that is no customer",
        lambda ill: ill.set(factoring_id=4711),
        "24SevenOffice has no customer 4711",
        "leave the factoring id empty",
        "factoring_id",
    ),
    (
        "an activity that is not there",
        lambda ill: ill.set(expense_activity="Utlegg"),
        "No project in Moment has an open activity called “Utlegg”.",
        "Make or open it",
        "expense_activity",
    ),
    (
        "an activity that is closed",
        lambda ill: ill.control("moment", "PATCH", ill.activity, {"projectExtensionState": "closed"}),
        "No project in Moment has an open activity called “Expenses”.",
        "Make or open it",
        "expense_activity",
    ),
    (
        "a client id that does not fit its field",
        lambda ill: ill.set(client_id_field="DepartmentId"),
        "The field DepartmentId of projects takes whole numbers only, and “1001-M” is none.",
        "Correct it in the connection's settings.",
        "client_id",
    ),
    (
        "expenses without accounts",
        lambda ill: ill.set(expense_accounts=""),
        "Expenses are on, but no account is named whose costs would come.",
        "Correct it in the connection's settings.",
        "expense_accounts",
    ),
    (
        "nobody who hears of errors",
        lambda ill: ill.set(error_emails=()),
        "Nobody hears of errors.",
        "Enter an e-mail address",
        "error_emails",
    ),
]
