"""The services, their URLs, and the function of each operation."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sandbox.twentyfour import accounts, attachments, customers, projects, sessions, transactions
from sandbox.twentyfour.sessions import ServiceCall
from sandbox.twentyfour.state import Fields, Value

CURRENCIES = (
    ("NOK", "1", 1),
    ("EUR", "11.5", 1),
    ("USD", "10.5", 1),
    ("GBP", "13.4", 1),
    ("SEK", "103.5", 100),
    ("DKK", "154.1", 100),
    ("JPY", "7.1", 100),
)
"""Each currency with its rate and unit, as a bank quotes them."""

Operation = Callable[[ServiceCall, Fields], Value]


@dataclass(frozen=True)
class Service:
    """A service: the beginning of its WSDL's name, its path on one of the vendor's hosts, and its operations."""

    name: str
    path: str
    operations: dict[str, Operation]
    needs_session: bool = True


def get_client_information(call: ServiceCall, _request: Fields) -> Fields:
    client = call.client
    return {
        "Country": "NO",
        "IsUsingFactoring": False,
        "Name": client.name,
        "ReminderDays": 14,
        "ReminderDays2": 14,
        "ReminderDays3": 14,
        "UserId": client.id,
        "OrganizationNumber": client.organization_number,
        "DefaultCurrency": "NOK",
    }


def get_currency_list(_call: ServiceCall, _request: Fields) -> list[Fields]:
    """List the currencies with their rates: kroner for a number of units."""
    return [
        {"Symbol": symbol, "Id": number, "Rate": Decimal(rate), "Unit": unit}
        for number, (symbol, rate, unit) in enumerate(CURRENCIES, 1)
    ]


SERVICES = (
    Service(
        "Authenticate",
        "/authenticate/v001/authenticate.asmx",
        {
            "Login": sessions.login,
            "HasSession": sessions.has_session,
            "GetIdentitiesWithCredential": sessions.get_identities_with_credential,
        },
        needs_session=False,
    ),
    Service(
        "Account",
        "/Economy/Account/V004/Accountservice.asmx",
        {
            "SaveBundleList": accounts.save_bundle_list,
            "GetEntryId": accounts.get_entry_id,
            "GetAccountList": accounts.get_account_list,
            "GetTypeList": accounts.get_type_list,
            "GetTaxCodeList": accounts.get_tax_code_list,
        },
    ),
    Service(
        "Transaction",
        "/Economy/Accounting/V001/TransactionService.asmx",
        {
            "GetTransactions": transactions.get_transactions,
            "GetFiscalYears": transactions.get_fiscal_years,
            "GetTransactionTypes": transactions.get_transaction_types,
        },
    ),
    Service(
        "Attachment",
        "/Economy/Accounting/Accounting_V001/AttachmentService.asmx",
        {
            "GetFileInfo": attachments.get_file_info,
            "GetSize": attachments.get_size,
            "DownloadChunk": attachments.download_chunk,
            "GetChecksum": attachments.get_checksum,
            "GetMaxRequestLength": attachments.get_max_request_length,
        },
    ),
    Service(
        "Company",
        "/CRM/Company/V001/CompanyService.asmx",
        {
            "SaveCompanies": customers.save_companies,
            "GetCompanies": customers.get_companies,
            "GetCompanySyncList": customers.get_company_sync_list,
        },
    ),
    Service(
        "Project",
        "/Project/V001/ProjectService.asmx",
        {
            "SaveProject": projects.save_project,
            "GetSingleProject": projects.get_single_project,
            "GetProjectList": projects.get_project_list,
            "GetDeactivatedProjectNameList": projects.get_deactivated_project_name_list,
        },
    ),
    Service(
        "Client",
        "/Client/V001/ClientService.asmx",
        {"GetClientInformation": get_client_information, "GetCurrencyList": get_currency_list},
    ),
)
