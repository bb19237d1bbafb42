"""Moment's values in tables (assumption M7), and the field names that people see."""

from collections.abc import Mapping
from typing import Literal

from i18n.messages import Message, msg
from models.enums import EntityType
from sync.records import ExportStatus

# The record that depends on the others comes first.
RESOURCES: Mapping[EntityType, str] = {
    EntityType.INVOICE: "invoices",
    EntityType.PROJECT: "projects",
    EntityType.CUSTOMER: "customers",
}

EXPENSES = "projectExpenses"
ACTIVITIES = "projectExtensions"

FINALIZED = "finalized"  # in any other state, an invoice may still change
PERSON = "person"  # a customer of any other type is a company

# An address of any other type is the postal one.
ADDRESSES: Mapping[str, Literal["post", "visit", "delivery", "invoice"]] = {
    "postal": "post",
    "visiting": "visit",
    "delivery": "delivery",
    "invoice": "invoice",
}
CLOSED = "closed"  # an activity takes expenses unless it is closed
ACCEPTED = "accepted"  # an expense must be accepted before it can be invoiced

# A value that is missing or unknown here decides nothing by itself: see Fields.enum_value.
CREDIT_NOTE: Mapping[str, bool] = {"invoice": False, "creditNote": True}
EXPORT_STATUSES: Mapping[str, ExportStatus] = {
    "toTransfer": ExportStatus.TO_TRANSFER,
    "transferred": ExportStatus.TRANSFERRED,
    "doNotTransfer": ExportStatus.DO_NOT_TRANSFER,
}


CONTACT_FIELDS = ("email", "invoiceEmail", "phone", "addresses")
"""Fields of a customer that Moment may leave out unless they are included (M20)."""

LIST_LABELS: Mapping[str, Message] = {
    "customers": msg("customers"),
    "projects": msg("projects"),
    "invoices": msg("invoices"),
    "financialAccounts": msg("financial accounts"),
    EXPENSES: msg("project expenses"),
    ACTIVITIES: msg("activities"),  # what Moment's users call them
}

FIELD_LABELS: Mapping[str, Message] = {
    "accountNumber": msg("account number"),
    "addresses": msg("addresses"),
    "amountInclVat": msg("amount incl. VAT"),
    "countryCode": msg("country"),
    "creditedInvoiceId": msg("credited invoice"),
    "currencyCode": msg("currency"),
    "currencyRate": msg("currency rate"),
    "customerId": msg("customer"),
    "customerNumber": msg("customer number"),
    "customerType": msg("customer type"),
    "description": msg("description"),
    "dueDate": msg("due date"),
    "email": msg("email address"),
    "endDate": msg("end date"),
    "expenseDate": msg("expense date"),
    "exportState": msg("export status"),
    "externalId": msg("external id"),
    "externalTaxCode": msg("VAT code"),
    "financialAccountId": msg("financial account"),
    "id": msg("id"),
    "invoiceDate": msg("invoice date"),
    "invoiceEmail": msg("email address for invoices"),
    "invoiceLines": msg("invoice lines"),
    "invoiceNumber": msg("invoice number"),
    "invoiceState": msg("invoice status"),
    "invoiceType": msg("invoice type"),
    "kid": msg("KID"),
    "name": msg("name"),
    "organizationNumber": msg("organization number"),
    "phone": msg("phone"),
    "projectId": msg("project"),
    "projectNumber": msg("project number"),
    "startDate": msg("start date"),
    "supplierInvoiceNumber": msg("supplier invoice number"),
    "supplierName": msg("supplier"),
    "totalAmountInclVat": msg("total amount incl. VAT"),
    "vatPercentage": msg("VAT rate"),
    "yourReference": msg("customer reference"),
}
