"""The settings of a connection, one company's pair of systems, validated when they are saved."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, field_validator

from i18n.catalog import Language
from i18n.messages import Message, msg
from models.connections.account_ranges import MAX_ACCOUNT_NUMBER, AccountRanges
from models.enums import EntityType

ClientIdField = Literal["OrderReferenceNumber", "CustomerReference", "DepartmentId", "TypeId"]
AccountNumber = Annotated[int, Field(ge=1, le=MAX_ACCOUNT_NUMBER)]
Int32 = Annotated[int, Field(ge=1, le=2**31 - 1)]
VatCode = Annotated[str, Field(pattern=r"^\w{1,10}$")]
MomentId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Booking = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}(/\w{1,10})?$")]

WHOLE_NUMBERS = frozenset({"DepartmentId", "TypeId"})
"""Fields of a project that accept a client id only if it is a whole number."""

REENTERED_SECRETS: Mapping[str, tuple[Collection[str], Message]] = {
    "moment_api_key": (
        {"moment_company"},
        msg("Enter the key again: the new company id may belong to another company."),
    ),
    "password": (
        {"username", "identity_id"},
        msg("Enter the password again: a new user name or client may lead to another company's ledger."),
    ),
}
"""Each secret with the settings that decide whose data it opens, and why it must be entered again with them."""

LOGIN_FIELDS = frozenset(REENTERED_SECRETS).union(*(names for names, _ in REENTERED_SECRETS.values()))
"""The settings for logging in to both systems."""

MAX_ERROR_EMAILS = 20

FIRST_DAY = date(2000, 1, 1)
FIRST_DAYS = {EntityType.INVOICE: "invoice_from", EntityType.EXPENSE: "expense_from"}
"""The setting of the first day for each entity type that has one; customers and projects have none."""

GUID = r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"


class ConnectionSettings(BaseModel):
    """The settings of a connection."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    moment_company: str = Field(
        title=msg("Moment company id"), min_length=1, description="Id of the company in Moment's address"
    )
    moment_api_key: SecretStr = Field(
        title=msg("API key from Moment"),
        min_length=1,
        description="API key from Moment, valid for two years at most",
    )

    username: str = Field(title=msg("User name"), min_length=1, description="User name in 24SevenOffice")
    password: SecretStr = Field(title=msg("Password"), min_length=1, description="Password in 24SevenOffice")
    identity_id: str = Field(
        title=msg("24SevenOffice client"),
        default="",
        pattern=GUID,
        description="Client of 24SevenOffice that the login is for; found automatically if there is only one",
    )

    customer_details: Literal["never", "new", "always"] = Field(
        title=msg("Addresses and phone numbers"),
        default="new",
        description="Sync of addresses, country and phone: never, only with a new customer, or always",
    )
    client_id: str = Field(
        title=msg("Client id"), default="", description="Fixed number that is added to all projects"
    )
    client_id_field: ClientIdField = Field(
        title=msg("Client id field"),
        default="OrderReferenceNumber",
        description="Field of the project that holds the client id",
    )
    factoring_id: Int32 | None = Field(
        title=msg("Factoring id"),
        default=None,
        description="Customer number on all vouchers, instead of the customer's own",
    )
    receivables_account: AccountNumber = Field(
        title=msg("Receivables account"), default=1500, description="Account that invoices are debited to"
    )
    rounding_account: AccountNumber | None = Field(
        title=msg("Rounding account"),
        default=None,
        description="Account for rounding an invoice to a whole krone; empty if invoices are not rounded",
    )
    posting: Literal["ledger", "draft"] = Field(
        title=msg("Posting"),
        default="ledger",
        description="ledger: vouchers are posted at once; draft: a person posts them in 24SevenOffice",
    )
    voucher_vat: Literal["net", "gross"] = Field(
        title=msg("Voucher VAT"),
        default="net",
        description="net: revenue without VAT, and VAT on separate lines; gross: 24SevenOffice splits the VAT off",
    )
    voucher_number: Literal["moment", "series"] = Field(
        title=msg("Voucher number"),
        default="moment",
        description="moment: vouchers take the invoice number; series: the next number of 24SevenOffice",
    )
    invoice_from: date | None = Field(
        title=msg("Invoices from"),
        default=None,
        ge=FIRST_DAY,
        description="Invoices dated before this day are left alone; today if invoices are switched on again",
    )
    vat_codes: dict[AccountNumber, VatCode] = Field(
        title=msg("VAT codes"),
        default={},
        description="VAT code of a revenue account, if it differs from the chart of accounts",
    )
    accounts: dict[MomentId, Booking] = Field(
        title=msg("Moment accounts"),
        default={},
        description="Account and VAT code in 24SevenOffice of the financial account with this id in Moment",
    )
    check_vat: bool = Field(
        title=msg("Compare VAT rates"),
        default=True,
        description="Refuse an invoice if its line and the VAT code have different rates",
    )
    department: Int32 | None = Field(
        title=msg("Department"), default=None, description="Number of the department on every line of a voucher"
    )
    voucher_references: bool = Field(
        title=msg("References on vouchers"),
        default=True,
        description="Put the customer's reference and the invoice's description in a voucher's comment",
    )

    expense_accounts: str = Field(
        title=msg("Expense accounts"),
        default="",
        description="Accounts whose posted costs become expenses in Moment, such as 4000, 4300-4399, 6590",
    )
    expense_activity: str = Field(
        title=msg("Expense activity"),
        default="Expenses",
        min_length=1,
        description="Activity of the project that expenses are added to",
    )
    expense_billable: bool = Field(
        title=msg("Expenses are billable"), default=True, description="Mark expenses as billable"
    )
    expense_billable_projects: dict[Int32, bool] = Field(
        title=msg("Billable on individual projects"),
        default={},
        description="Mark the expenses of the project with this number as billable, or as not billable",
    )
    expense_from: date | None = Field(
        title=msg("Expenses from"),
        default=None,
        ge=FIRST_DAY,
        description="Vouchers dated before this day are left alone, for going live",
    )
    expense_poll_minutes: int = Field(
        title=msg("Expense polling interval (minutes)"),
        default=15,
        ge=1,
        le=1440,
        description="Minutes between polls for new expenses",
    )

    entity_types: frozenset[EntityType] = Field(
        title=msg("Records to sync"),
        default=frozenset({EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE}),
        description="Entity types that are synced",
    )
    error_emails: tuple[EmailStr, ...] = Field(
        title=msg("Alert recipients"),
        default=(),
        max_length=MAX_ERROR_EMAILS,
        description="Email addresses that receive alerts, 20 at most",
    )
    weekly_digest: bool = Field(
        title=msg("Weekly summary"), default=False, description="Send the alert recipients a weekly summary"
    )
    monthly_reconciliation: bool = Field(
        title=msg("Monthly reconciliation"),
        default=False,
        description="Reconcile the previous month each month, and send the alert recipients the result",
    )
    language: Language = Field(
        title=msg("Language"), default=Language.NORWEGIAN, description="Language of the mails"
    )

    @property
    def login(self) -> tuple[str, SecretStr, str]:
        return self.username, self.password, self.identity_id

    @field_validator("*", mode="before")
    @classmethod
    def reject_unreadable_characters(cls, value: object) -> object:
        """Reject characters that JSON in PostgreSQL or XML cannot contain."""
        if isinstance(value, str) and any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value):
            raise ValueError(msg("This contains unreadable characters."))
        return value

    @field_validator("expense_accounts")
    @classmethod
    def _readable(cls, text: str) -> str:
        return str(AccountRanges.parse(text))


def contradictions(settings: ConnectionSettings) -> Mapping[str, Message]:
    """Return which settings contradict each other, by the name of the one to correct."""
    found: dict[str, Message] = {}
    if not settings.entity_types:
        found["entity_types"] = msg("Choose at least one type of record to sync.")
    if EntityType.EXPENSE in settings.entity_types and not settings.expense_accounts:
        found["expense_accounts"] = msg("Expenses are on, but no expense accounts are set.")
    if foreign := [each for each in settings.error_emails if not each.rpartition("@")[0].isascii()]:
        found["error_emails"] = msg(
            "Many mail servers only accept the letters a–z before the @: {addresses}.",
            addresses=", ".join(foreign),
        )
    if settings.client_id_field in WHOLE_NUMBERS and settings.client_id and not settings.client_id.isdecimal():
        found["client_id"] = msg(
            "The project field {field} only takes whole numbers, and “{client_id}” isn't one.",
            field=settings.client_id_field,
            client_id=settings.client_id,
        )
    return found


def secrets_to_reenter(before: ConnectionSettings, changes: Mapping[str, object]) -> Mapping[str, Message]:
    """Return the secrets that must be entered again because these changes may open another company's data."""
    return {secret: why for secret, why in _affected_secrets(before, changes).items() if secret not in changes}


def may_open_other_data(before: ConnectionSettings, changes: Mapping[str, object]) -> bool:
    return bool(_affected_secrets(before, changes))


def first_days_to_confirm(before: ConnectionSettings, changes: Mapping[str, object]) -> Sequence[str]:
    """Return the first days to confirm: the changes switch a type on and leave its first day unchanged."""
    after = ConnectionSettings.model_validate({**dict(before), **changes})
    on = after.entity_types - before.entity_types
    names = [name for entity_type, name in FIRST_DAYS.items() if entity_type in on]
    return [name for name in names if getattr(after, name) == getattr(before, name)]


def setting_that_changes_ledger(
    before: ConnectionSettings, after: ConnectionSettings, *, same_client: bool | None = None
) -> str | None:
    """Return the setting by which the changes may lead to another company or client; None if there is none.

    ``same_client`` says whether the login reaches the same 24SevenOffice client. If that is unknown, a new
    password counts as the same client, and so does an identity id for a user name that needed none before.
    """
    if after.moment_company.lower() != before.moment_company.lower():
        return "moment_company"
    if same_client is not None:
        return None if same_client else "identity_id"
    renamed = after.username.lower() != before.username.lower()
    old_identity, new_identity = before.identity_id.lower(), after.identity_id.lower()
    if new_identity != old_identity and (old_identity or renamed):
        return "identity_id"
    return "username" if renamed and not new_identity else None


def _affected_secrets(before: ConnectionSettings, changes: Mapping[str, object]) -> Mapping[str, Message]:
    changed = {name for name, value in changes.items() if value != getattr(before, name)}
    return {secret: why for secret, (names, why) in REENTERED_SECRETS.items() if not changed.isdisjoint(names)}
