"""Records with defaults, so that a test names only what it is about."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from i18n.catalog import Language
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Record
from sync.records import Customer, Invoice, InvoiceLine, Project

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

DOCUMENTED_WEBHOOK = (
    b'{"event": "CREATE_NEW", "invoice": {"id": 106939080, "invoiceNumber": 1, "customer": {"id": 62788973, '
    b'"customerNumber": "10001"}, "project": {"id": 62788980, "projectNumber": "1"}}}'
)
"""The example on Moment's help page."""


def settings(**values: Any) -> ConnectionSettings:
    defaults = {
        "moment_company": "1001",
        "moment_api_key": SecretStr("moment-demo-key"),
        "username": "demo@example.com",
        "password": SecretStr("demo-password"),
        "error_emails": ("books@example.com",),
        "language": Language.ENGLISH,
    }
    return ConnectionSettings.model_validate({**defaults, **values})


def record(entity_type: EntityType = EntityType.INVOICE, record_id: str = "1") -> Record:
    return Record(entity_type, record_id)


def customer(record_id: str = "7", **values: Any) -> Customer:
    defaults = {
        "name": "Nordlys Arkitekter AS",
        "organization_number": "923609016",
        "email": "post@nordlys.example",
    }
    return Customer(**{"id": record_id, **defaults, **values})


def project(record_id: str = "8", **values: Any) -> Project:
    return Project(**{"id": record_id, "name": "Kulturhuset", "number": "1", "customer_id": "7", **values})


def line(
    amount: str = "1250.00",
    *,
    account: int = 3000,
    tax_code: str = "",
    project_id: str = "",
    account_id: str = "",
    vat: int | None = None,
) -> InvoiceLine:
    rate = None if vat is None else Decimal(vat)
    return InvoiceLine(Decimal(amount), account, tax_code, project_id, account_id, rate)


def invoice(
    record_id: str = "9", *, number: int | None = 1, amounts: tuple[str, ...] = ("1250.00",), **values: Any
) -> Invoice:
    lines = tuple(line(amount) for amount in amounts)
    day = values.get("day", date(2026, 3, 2))
    defaults = {
        "day": day,
        "due": day + timedelta(days=14),
        "lines": lines,
        "customer_id": "7",
        "project_id": "8",
    }
    given = {"id": record_id, "number": number, **defaults, **values}
    total = sum((each.amount for each in given["lines"]), Decimal())
    return Invoice(**{"total": total, **given})


def organization_numbers() -> Iterator[str]:
    """Make Norwegian organization numbers, one after the other."""
    for digits in map(str, range(91_000_000, 92_000_000)):
        last = (
            -sum(int(digit) * weight for digit, weight in zip(digits, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        )
        if last < 10:
            yield f"{digits}{last}"
