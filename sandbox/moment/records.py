"""Moment's records, with its API's field names (assumptions M1 to M4, M7, M9 to M11, M20).

Moment requires little and complains late, so nearly every field may be empty. What is unknown about Moment, the
sandbox treats strictly: a field that is not listed here is refused, since it is most likely a mistake.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

NOTHING = Decimal("0.00")


def _to_the_ore(amount: Decimal) -> Decimal:
    """Give an amount at least two decimals; extra ones are kept."""
    return amount + NOTHING


Money = Annotated[Decimal, AfterValidator(_to_the_ore)]


class Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid")


class Record(Part):
    """A record with the fields that all have.

    ``READ_ONLY`` are the fields that only Moment itself writes. ``INCLUDES`` are the possible includes, each with
    the fields that are left out without it.
    """

    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"id", "last_modified_date"})
    INCLUDES: ClassVar[Mapping[str, frozenset[str]]] = {"base": frozenset()}

    id: int = 0
    last_modified_date: datetime = datetime.min.replace(tzinfo=UTC)


class Address(Part):
    type: str = "postal"
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country_code: str = "NO"


class Customer(Record):
    """A customer; its number is empty until a user or the API sets it."""

    INCLUDES: ClassVar[Mapping[str, frozenset[str]]] = {
        **Record.INCLUDES,
        "email": frozenset({"email", "invoice_email"}),
        "phone": frozenset({"phone"}),
        "addresses": frozenset({"addresses"}),
    }

    name: str = ""
    customer_number: str = ""
    organization_number: str = ""
    email: str = ""
    invoice_email: str = ""
    phone: str = ""
    addresses: list[Address] = []
    country_code: str = "NO"
    customer_type: Literal["company", "person"] = "company"


class Project(Record):
    """A project; Moment gives it a number if it comes without one."""

    name: str = ""
    project_number: str = ""
    project_state: Literal["planned", "inProgress", "closed"] = "inProgress"
    customer_id: int | None = None
    start_date: date | None = None
    end_date: date | None = None


class ProjectExtension(Record):
    name: str = ""
    project_id: int | None = None
    project_extension_state: Literal["open", "closed"] = "open"


class FinancialAccount(Record):
    """An account that invoice lines are booked on; several may share one account number."""

    account_number: int = 0
    current_vat_percentage: Decimal = Decimal(0)
    vat_category_code: str = ""
    external_tax_code: str = ""
    financial_account_category: str = "income"


class InvoiceLine(Part):
    """A line of an invoice; missing amounts and VAT are calculated."""

    description: str = ""
    quantity: Decimal = Decimal(1)
    unit_price: Money = NOTHING
    discount_percent: Decimal = Decimal(0)
    amount_excl_vat: Money | None = None
    vat_percentage: Decimal | None = None
    amount_incl_vat: Money | None = None
    financial_account_id: int | None = None
    project_id: int | None = None


class Invoice(Record):
    """An invoice or credit note, in its own currency (assumption M8)."""

    READ_ONLY = Record.READ_ONLY | {"invoice_number", "invoice_state", "total_amount_incl_vat"}

    invoice_number: int | None = None
    invoice_type: Literal["invoice", "creditNote"] = "invoice"
    invoice_state: Literal["draft", "finalized"] = "draft"
    export_state: Literal["toTransfer", "transferred", "doNotTransfer"] = "toTransfer"
    invoice_date: date | None = None
    due_date: date | None = None
    kid: str = ""
    currency_code: str = "NOK"
    currency_rate: Decimal = Decimal(1)
    customer_id: int | None = None
    project_id: int | None = None
    description: str = ""
    your_reference: str = ""
    credited_invoice_id: int | None = None
    total_amount_incl_vat: Money = NOTHING
    invoice_lines: list[InvoiceLine] = []


class ProjectExpense(Record):
    """A cost that a project's customer may be billed for; once it is invoiced it never changes."""

    READ_ONLY = Record.READ_ONLY | {"invoiced"}

    project_id: int | None = None
    project_extension_id: int | None = None
    description: str = ""
    amount_incl_vat: Money = NOTHING
    currency_code: str = "NOK"
    supplier_name: str = ""
    supplier_invoice_number: str = ""
    expense_date: date | None = None
    billable: bool = False
    approval_state: Literal["pending", "accepted", "rejected"] = "pending"
    external_id: str = ""
    invoiced: bool = False


class Attachment(Record):
    """A file of a project expense: its size in bytes and its checksum; its content is not kept."""

    project_expense_id: int
    name: str
    content_type: str
    size: int
    md5: str


class UserAccount(Record):
    name: str = ""
    email: str = ""
