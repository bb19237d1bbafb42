"""Moment's own words in tables (assumption M7), and the names that a reader is told."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from language.said import Said, say
from models.words import Kind
from sync.records import Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

# The record that needs the others stands first.
RESOURCES: Mapping[Kind, str] = MappingProxyType(
    {Kind.INVOICE: "invoices", Kind.PROJECT: "projects", Kind.CUSTOMER: "customers"}
)

EXPENSES = "projectExpenses"
ACTIVITIES = "projectExtensions"

# An invoice in any other state may still change, hence is none yet.
FINALIZED = "finalized"

# A customer is a company unless Moment calls it a person.
PERSON = "person"

# An address of any other type is the postal one.
ADDRESSES: Mapping[str, Literal["post", "visit", "delivery", "invoice"]] = MappingProxyType(
    {"postal": "post", "visiting": "visit", "delivery": "delivery", "invoice": "invoice"}
)

# An activity takes expenses unless it is closed.
CLOSED = "closed"

# An expense must be accepted before it can be invoiced.
ACCEPTED = "accepted"

# A word that is missing or unknown here decides nothing by itself: see Fields.word.
CREDIT_NOTE: Mapping[str, bool] = MappingProxyType({"invoice": False, "creditNote": True})
TRANSFER: Mapping[str, Transfer] = MappingProxyType(
    {"toTransfer": Transfer.WANTED, "transferred": Transfer.DONE, "doNotTransfer": Transfer.UNWANTED}
)


LISTS: Mapping[str, Said] = MappingProxyType(
    {
        "customers": say("customers"),
        "projects": say("projects"),
        "invoices": say("invoices"),
        "financialAccounts": say("financial accounts"),
        EXPENSES: say("project expenses"),
        ACTIVITIES: say("activities"),  # what Moment's users call them
    }
)

FIELDS: Mapping[str, Said] = MappingProxyType(
    {
        "accountNumber": say("account number"),
        "amountInclVat": say("amount including VAT"),
        "countryCode": say("country"),
        "creditedInvoiceId": say("credited invoice"),
        "currencyCode": say("currency"),
        "currencyRate": say("currency rate"),
        "customerId": say("customer"),
        "customerNumber": say("customer number"),
        "customerType": say("customer type"),
        "description": say("description"),
        "dueDate": say("due date"),
        "email": say("e-mail address"),
        "endDate": say("end date"),
        "expenseDate": say("expense date"),
        "exportState": say("export status"),
        "externalId": say("external id"),
        "externalTaxCode": say("VAT code"),
        "financialAccountId": say("financial account"),
        "id": say("id"),
        "invoiceDate": say("invoice date"),
        "invoiceEmail": say("e-mail address for invoices"),
        "invoiceLines": say("list of invoice lines"),
        "invoiceNumber": say("invoice number"),
        "invoiceType": say("invoice type"),
        "kid": say("KID"),
        "name": say("name"),
        "organizationNumber": say("organization number"),
        "projectId": say("project"),
        "projectNumber": say("project number"),
        "startDate": say("start date"),
        "supplierInvoiceNumber": say("supplier's invoice number"),
        "supplierName": say("supplier"),
        "totalAmountInclVat": say("total amount including VAT"),
        "vatPercentage": say("VAT rate"),
        "yourReference": say("customer's reference"),
    }
)
