"""What a connection is told: the settings of one company's pair of systems, checked where they are saved."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, field_validator

from models.accounts import AccountRanges
from models.words import Kind

ClientIdField = Literal["OrderReferenceNumber", "CustomerReference", "DepartmentId", "TypeId"]
AccountNumber = Annotated[int, Field(ge=1, le=32767)]


class ConnectionSettings(BaseModel):
    """One company's settings. The descriptions are what the command line, the pages and the docs show."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    moment_company: str = Field(min_length=1, description="Id of the company in Moment's address")
    moment_api_key: SecretStr = Field(min_length=1, description="API key from Moment, valid for two years at most")

    username: str = Field(min_length=1, description="User name in 24SevenOffice")
    password: SecretStr = Field(min_length=1, description="Password in 24SevenOffice")
    identity_id: str = Field(
        default="",
        description="Which client of 24SevenOffice the login is for; found by itself where the login reaches one",
    )

    client_id: str = Field(default="", description="Fixed number that is added on all projects")
    client_id_field: ClientIdField = Field(
        default="OrderReferenceNumber", description="Field of the project that takes the client id"
    )
    factoring_id: int | None = Field(
        default=None,
        ge=1,
        description="Customer number that all vouchers carry instead of the customer's own",
    )
    receivables_account: AccountNumber = Field(default=1500, description="Account that invoices are debited on")
    posting: Literal["ledger", "draft"] = Field(
        default="ledger",
        description="ledger: vouchers are posted at once; draft: a person posts them in 24SevenOffice",
    )
    voucher_number: Literal["moment", "series"] = Field(
        default="moment",
        description="moment: the invoice number is the voucher number; series: 24SevenOffice's next number is",
    )
    vat_codes: dict[AccountNumber, str] = Field(
        default={}, description="VAT code of a revenue account, where it is not the chart of accounts' own"
    )

    expense_accounts: str = Field(
        default="",
        description="Accounts whose posted costs become expenses in Moment, such as 4000, 4300-4399, 6590",
    )
    expense_activity: str = Field(default="Expenses", description="Activity of a project that expenses go to")
    expense_billable: bool = Field(default=True, description="Whether expenses are billable")
    expense_billable_projects: dict[int, bool] = Field(
        default={}, description="Whether expenses are billable on a project of this number"
    )
    expense_from: date | None = Field(
        default=None, description="Vouchers dated before this day are left alone, for going live"
    )
    expense_poll_minutes: int = Field(
        default=15, ge=1, le=1440, description="Minutes between two looks for new expenses"
    )

    kinds: frozenset[Kind] = Field(
        default=frozenset({Kind.CUSTOMER, Kind.PROJECT, Kind.INVOICE}),
        description="Kinds of records that travel",
    )
    error_emails: tuple[EmailStr, ...] = Field(default=(), description="Addresses that hear of errors")
    weekly_digest: bool = Field(default=False, description="Whether they also hear once a week how it went")

    @field_validator("expense_accounts")
    @classmethod
    def _readable(cls, text: str) -> str:
        return str(AccountRanges.read(text))
