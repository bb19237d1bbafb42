"""A bookkeeper's work with suppliers' invoices in 24SevenOffice."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.contracts.stage_twentyfour import TwentyFourSandbox

BYGGMAKKER = 20001
OWED = {"account": 2400, "customer": BYGGMAKKER}


def add_supplier(twentyfour_sandbox: TwentyFourSandbox) -> None:
    """Register a supplier, and the projects 1 and 2."""
    supplier = {"name": "Byggmakker AS", "number": BYGGMAKKER, "type": "Supplier"}
    twentyfour_sandbox.control("POST", "/books/1/customers", supplier)
    for number, name in ((1, "Kulturhuset"), (2, "Svømmehallen")):
        twentyfour_sandbox.control("POST", "/books/1/projects", {"number": number, "name": name})


def enter(twentyfour_sandbox: TwentyFourSandbox, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Enter a voucher; without lines, one of 1250 kroner VAT included, on project 1."""
    cost = {"account": 4300, "amount": "1000.00", "tax": "1", "project": 1, "comment": "Gips"}
    vat = {"account": 2711, "amount": "250.00", "tax": "1"}
    new = {
        "date": "2026-03-01",
        "invoice": "F-77",
        "lines": lines or (cost, vat, {**OWED, "amount": "-1250.00"}),
        **more,
    }
    return dict(twentyfour_sandbox.control("POST", "/books/1/vouchers", new).json())


def scanned(content: bytes, **more: Any) -> dict[str, Any]:
    return {"content": base64.b64encode(content).decode(), **more}
