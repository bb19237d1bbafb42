"""What may keep us out, or something from us: how it comes about, what the doctor says of it, and its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worker.broken_connection import Practice

Sickness = tuple[str, "Callable[[Practice], object]", str, str, str]

KEPT_OUT: list[Sickness] = [
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
        "a key that may not read projects",
        lambda ill: ill.mishap("moment", "GET projects", "forbidden"),
        "Moment's API key does not let us read projects.",
        "Give the key the right to projects",
        "moment_api_key",
    ),
    (
        "a key that is about to end",
        lambda ill: ill.age_key(days=700),
        "so that it ends on ",
        "Make a new API key in Moment, and enter it",
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
        "wrong password, with an identity",
        lambda ill: ill.set(password="wrong", identity_id=ill.own()),
        "24SevenOffice refused the user name or password",
        "Correct user name and password",
        "password",
    ),
    (
        "several identities",
        lambda ill: ill.set(username="many@example.com", password="many-password"),
        "The login reaches 2 clients of 24SevenOffice, and none is chosen.",
        "Fetch the clients in the connection's settings",
        "identity_id",
    ),
    (
        "an identity of somebody else",
        lambda ill: ill.set(identity_id="00000000-0000-0000-0000-00000000abcd"),
        "The login does not reach the chosen client; it reaches 1 in 24SevenOffice.",
        "Fetch the clients in the connection's settings",
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
        "a disabled identity",
        lambda ill: ill.set(username="many@example.com", password="many-password", identity_id=ill.disabled()),
        "The login is blocked for the chosen client in 24SevenOffice.",
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
        "the requests of the hour used up",
        lambda ill: ill.control("twentyfour", "PUT", "limits", {"per_hour": 0}),
        "24SevenOffice takes no requests for a while, as there were too many",
        "There is nothing to correct here",
        "",
    ),
    (
        "no right to chart of accounts",
        lambda ill: ill.mishap("twentyfour", "GetAccountList", "fault"),
        "24SevenOffice does not show us the chart of accounts",
        "give the user the right to the chart of accounts",
        "",
    ),
    (
        "no right to fiscal years",
        lambda ill: ill.mishap("twentyfour", "GetFiscalYears", "fault"),
        "24SevenOffice does not show us the fiscal years",
        "give the user the right to the fiscal years",
        "",
    ),
    (
        "no right to the ledger",
        lambda ill: ill.mishap("twentyfour", "GetTransactions", "fault"),
        "24SevenOffice does not show us the ledger",
        "give the user the right to the ledger",
        "",
    ),
    (
        "no right to customers",
        lambda ill: ill.mishap("twentyfour", "GetCompanies", "fault"),
        "24SevenOffice does not show us customers",
        "give the user the right to customers",
        "",
    ),
    (
        "no right to the register of customers",
        lambda ill: ill.mishap("twentyfour", "GetCompanySyncList", "fault"),
        "24SevenOffice does not show us the register of customers",
        "give the user the right to the register of customers",
        "",
    ),
    (
        "no right to VAT codes",
        lambda ill: ill.mishap("twentyfour", "GetTaxCodeList", "fault"),
        "24SevenOffice does not show us VAT codes",
        "give the user the right to VAT codes",
        "",
    ),
    (
        "no right to voucher numbers",
        lambda ill: ill.mishap("twentyfour", "GetEntryId", "fault"),
        "24SevenOffice does not show us voucher numbers",
        "give the user the right to voucher numbers",
        "",
    ),
    (
        "no right to the company's own data",
        lambda ill: ill.mishap("twentyfour", "GetClientInformation", "fault"),
        "24SevenOffice does not show us the company's own data",
        "give the user the right to the company's own data",
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
]
