"""The jobs as most would write them: log in, build the client, read from Moment, post to 24SevenOffice.

Each is independent, so any number may run at once and any may be retried. What does not change between events (the
chart of accounts, the VAT codes) is read once for each process. What a webhook says about a record is passed with the
task. A voucher in the ledger needs lines of its own for VAT, so revenue is net.
"""

import os
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import requests
from zeep import Client
from zeep.transports import Transport

MOMENT = f"{os.environ['PEER_MOMENT']}/api/1.0/companies/{os.environ['PEER_COMPANY']}"
TWENTYFOUR = os.environ["PEER_TWENTYFOUR"]
WSDLS = Path("integrations/twentyfour/wsdl")
TIMEOUT = 30
PATHS = {
    "Authenticate": "/authenticate/v001/authenticate.asmx",
    "Account": "/Economy/Account/V004/Accountservice.asmx",
    "Company": "/CRM/Company/V001/CompanyService.asmx",
    "Project": "/Project/V001/ProjectService.asmx",
}
RECEIVABLES, OUTGOING_INVOICE = 1500, 11


class NotYetError(Exception):
    """Another record has to exist first."""


class RefusedError(Exception):
    """24SevenOffice did not save it."""


def save_customer(customer_id: int) -> None:
    customer = read(f"customers/{customer_id}")
    company = {
        "ExternalId": str(customer_id),
        "Name": customer["name"],
        "OrganizationNumber": customer["organizationNumber"] or None,
        "Type": "Business",
    }
    [saved] = service("Company", log_in()).SaveCompanies(companies={"Company": [company]})
    if saved.APIException:
        raise RefusedError(saved.APIException.Message)
    moment("PATCH", f"customers/{customer_id}", json={"customerNumber": str(saved.Id)})


def save_project(project_id: int) -> None:
    project = read(f"projects/{project_id}")
    number = int(project["projectNumber"])
    customer_number = read(f"customers/{project['customerId']}")["customerNumber"]
    if not customer_number:
        raise NotYetError(f"Customer {project['customerId']}")
    fields = {"Id": number, "Name": project["name"], "NameDisplay": "Plain", "TimeReg": "WorkType"}
    service("Project", log_in()).SaveProject(project=fields | {"CustomerId": int(customer_number)})


def post_invoice(invoice_id: int, customer_number: str | None, project_number: str | None) -> None:
    invoice = read(f"invoices/{invoice_id}")
    customer_number = customer_number or read(f"customers/{invoice['customerId']}")["customerNumber"]
    project_number = project_number or read(f"projects/{invoice['projectId']}")["projectNumber"]
    if not (customer_number and project_number):
        raise NotYetError(f"Customer {invoice['customerId']} or project {invoice['projectId']}")
    parties = {
        "CustomerId": int(customer_number),
        "ProjectId": int(project_number),
        "Date": datetime.fromisoformat(invoice["invoiceDate"]),
        "InvoiceReferenceNo": str(invoice["invoiceNumber"]),
    }
    due = datetime.fromisoformat(invoice["dueDate"])
    total = invoice["totalAmountInclVat"]
    entries = [{**parties, "AccountNo": RECEIVABLES, "Amount": total, "DueDate": due}]
    account = service("Account", log_in())
    vat_codes, vat_accounts = vat_setup()
    for line in invoice["invoiceLines"]:
        number, net = accounts()[line["financialAccountId"]], line["amountExclVat"]
        code = vat_codes[number]
        entries.append({**parties, "AccountNo": number, "Amount": -net, "TaxNo": code})
        if vat := line["amountInclVat"] - net:
            entries.append({**parties, "AccountNo": vat_accounts[code], "Amount": -vat, "TaxNo": code})
    voucher = {"TransactionNo": invoice["invoiceNumber"], "Sort": OUTGOING_INVOICE, "Entries": {"Entry": entries}}
    bundle = {
        "YearId": int(invoice["invoiceDate"][:4]),
        "Vouchers": {"Voucher": [voucher]},
        "Sort": OUTGOING_INVOICE,
        "Name": "Moment",
        "BundleDirectAccounting": False,
    }
    result = account.SaveBundleList(
        BundleList={
            "Bundles": {"Bundle": [bundle]},
            "AllowDifference": False,
            "DirectLedger": False,
            "SaveOption": 0,
        }
    )
    if result.Type != "Ok":
        raise RefusedError(result.Description)


def log_in() -> requests.Session:
    session = requests.Session()
    credential = {
        "ApplicationId": "00000000-0000-0000-0000-000000000000",
        "Username": os.environ["PEER_USERNAME"],
        "Password": os.environ["PEER_PASSWORD"],
    }
    session_id = service("Authenticate", session).Login(credential=credential)
    if not session_id:
        raise RefusedError("Login")
    session.cookies.set("ASP.NET_SessionId", session_id)
    return session


def service(name: str, session: requests.Session) -> Any:
    client = Client(
        str(WSDLS / f"{name}.wsdl"),
        transport=Transport(session=session, timeout=TIMEOUT, operation_timeout=TIMEOUT),
    )
    binding = next(iter(client.wsdl.bindings))
    return client.create_service(binding, TWENTYFOUR + PATHS[name])


def read(path: str) -> dict[str, Any]:
    return dict(moment("GET", path).json(parse_float=Decimal))


def moment(method: str, path: str, **more: Any) -> requests.Response:
    auth = ("apikey", os.environ["PEER_API_KEY"])
    response = requests.request(method, f"{MOMENT}/{path}", auth=auth, timeout=TIMEOUT, **more)
    response.raise_for_status()
    return response


@cache
def accounts() -> dict[int, int]:
    rows = moment("GET", "financialAccounts", params={"size": "500"}).json()["content"]
    return {row["id"]: row["accountNumber"] for row in rows}


@cache
def vat_setup() -> tuple[dict[int, str], dict[str, int]]:
    """Return the VAT code of each account, and the account for the VAT of each code."""
    account_service = service("Account", log_in())
    chart, codes = account_service.GetAccountList(), account_service.GetTaxCodeList()
    return (
        {account.AccountNo: str(account.TaxNo or "") for account in chart},
        {str(code.TaxNo): code.AccountNo for code in codes},
    )
