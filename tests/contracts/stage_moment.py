"""The sandbox's Moment on a fixed day, the gateway that calls it, and its recorded calls."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import count
from typing import Any

import requests
from pydantic import SecretStr
from starlette.types import ASGIApp

from integrations.moment.client import MomentSite
from integrations.moment.gateway import MomentGateway
from models.enums import EntityType
from sandbox.faults import Faults
from sandbox.moment.app import create_app
from sandbox.moment.record_store import RecordStore
from sandbox.moment.webhooks import WebhookSender
from sync.ports import ProjectExpenses
from sync.records import Address, Customer, ExpenseDraft, Invoice, InvoiceLine, Project
from tests import factories
from tests.sandbox.serving import serving

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FAULTS_AFTER_THE_WORK = ("truncated", "lose_response", "save_then_error")

NORDLYS = Customer(
    id="62788973",
    name="Nordlys Arkitekter AS",
    organization_number="310987654",
    email="post@nordlys.example.com",
    invoice_email="invoice@nordlys.example.com",
    country="NO",
    addresses=(Address("post", "Storgata 1", "9008", "Tromsø", "NO"),),
)
SOLBAKKEN = Project(id="62788980", name="Villa Solbakken", number="1", customer_id=NORDLYS.id)
INVOICE = Invoice(
    id="106939080",
    number=1,
    day=date(2026, 3, 2),
    due=date(2026, 3, 16),
    total=Decimal("15625.00"),
    lines=(
        InvoiceLine(
            Decimal("15625.00"),
            account=3000,
            project_id=SOLBAKKEN.id,
            account_id="501",
            vat=Decimal(25),
            net=Decimal("12500.00"),
        ),
    ),
    customer_id=NORDLYS.id,
    project_id=SOLBAKKEN.id,
    rate=Decimal(1),
)
CREDIT_NOTE = replace(
    INVOICE,
    id="106939081",
    number=2,
    total=-INVOICE.total,
    lines=(replace(INVOICE.lines[0], amount=-INVOICE.total, net=Decimal("-12500.00")),),
    credit_note=True,
    credited=1,
)
DESIGN = "62788981"
"""The activity of the project, called "Detail design"."""
TIMBER = ExpenseDraft(
    external_id="2026-4-40001/1/4300",
    project_id=SOLBAKKEN.id,
    activity_id=DESIGN,
    description="Byggmakker 5512",
    amount=125050,
    supplier="Byggmakker",
    invoice_number="5512",
    day=date(2026, 3, 1),
    billable=True,
)
EXPENSE = "106939083"
"""The place of the expense in the recorded calls."""


@dataclass(frozen=True)
class RecordedCall:
    """A call of the gateway and its result."""

    call: Callable[[MomentGateway], object]
    result: object


def attach(moment: ProjectExpenses, expense_id: str, content: bytes = b"%PDF-1.7") -> None:
    moment.upload_document(
        expense_id, name="Byggmakker 5512.pdf", media_type="application/pdf", content=BytesIO(content)
    )


RECORDED_CALLS = {
    "customer": RecordedCall(lambda moment: moment.customer(NORDLYS.id), NORDLYS),
    "customer_that_is_gone": RecordedCall(lambda moment: moment.customer("7"), None),
    "project": RecordedCall(lambda moment: moment.project(SOLBAKKEN.id), SOLBAKKEN),
    "invoice": RecordedCall(lambda moment: moment.invoice(INVOICE.id), INVOICE),
    "credit_note": RecordedCall(lambda moment: moment.invoice(CREDIT_NOTE.id), CREDIT_NOTE),
    "customers_changed": RecordedCall(
        lambda moment: list(moment.changed(EntityType.CUSTOMER, since=MORNING)), [NORDLYS.id]
    ),
    "projects_changed": RecordedCall(
        lambda moment: list(moment.changed(EntityType.PROJECT, since=MORNING)), [SOLBAKKEN.id]
    ),
    "invoices_changed": RecordedCall(
        lambda moment: list(moment.changed(EntityType.INVOICE, since=MORNING)), [INVOICE.id, CREDIT_NOTE.id]
    ),
    "customer_number": RecordedCall(lambda moment: moment.write_customer_number(NORDLYS.id, 10001), None),
    "customer_with_number": RecordedCall(
        lambda moment: moment.customer(NORDLYS.id), replace(NORDLYS, number="10001")
    ),
    "project_numbered": RecordedCall(lambda moment: moment.project_numbered(1), SOLBAKKEN.id),
    "activity": RecordedCall(lambda moment: moment.activity(SOLBAKKEN.id, "detail design"), DESIGN),
    "activity_that_is_made": RecordedCall(lambda moment: moment.activity(SOLBAKKEN.id, "Expenses"), "106939082"),
    "expense_that_is_not_there": RecordedCall(lambda moment: moment.find_expense(TIMBER.external_id), None),
    "create_expense": RecordedCall(lambda moment: moment.create_expense(TIMBER), EXPENSE),
    "find_expense": RecordedCall(lambda moment: moment.find_expense(TIMBER.external_id), EXPENSE),
    "update_expense": RecordedCall(
        lambda moment: moment.update_expense(EXPENSE, replace(TIMBER, amount=-99), activity="Expenses"),
        result=True,
    ),
    "attach": RecordedCall(lambda moment: attach(moment, EXPENSE), None),
    "attachments": RecordedCall(lambda moment: moment.document_names(EXPENSE), ["Byggmakker 5512.pdf"]),
    "delete_expense": RecordedCall(lambda moment: moment.delete_expense(EXPENSE), result=True),
    "expense_that_is_gone": RecordedCall(lambda moment: moment.document_names(EXPENSE), None),
    "last_invoice_number": RecordedCall(lambda moment: moment.last_invoice_number(since=MORNING), 2),
    "has_activity": RecordedCall(lambda moment: moment.has_activity("DETAIL DESIGN"), result=True),
    "has_no_activity": RecordedCall(lambda moment: moment.has_activity("Utlegg"), result=False),
    "account_codes": RecordedCall(MomentGateway.account_codes, {3000: "", 3020: "", 3100: ""}),
    "account_numbers": RecordedCall(MomentGateway.account_numbers, {"501": 3000, "502": 3020, "503": 3100}),
}


class MomentSandbox:
    """The sandbox's Moment as its users and other API clients use it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self) -> None:
        self._send("POST", "reset")

    def make(self, resource: str, **values: Any) -> str:
        return str(self._api("POST", resource, values)["id"])

    def change(self, path: str, **values: Any) -> None:
        self._api("PATCH", path, values)

    def delete(self, path: str) -> None:
        self._send("DELETE", f"api/1.0/companies/1001/{path}")

    def finalize(self, invoice_id: str = INVOICE.id) -> None:
        self._send("POST", f"companies/1001/invoices/{invoice_id}/finalize")

    def credit(self, invoice_id: str = INVOICE.id) -> str:
        return str(self._send("POST", f"companies/1001/invoices/{invoice_id}/credit").json()["id"])

    def invoice_expense(self, expense_id: str) -> None:
        self._send("POST", f"companies/1001/projectExpenses/{expense_id}/invoice")

    def records(self, resource: str) -> list[dict[str, Any]]:
        return list(self._send("GET", f"books/1001/{resource}").json(parse_float=Decimal))

    def customer_number(self) -> str:
        return str(self.records("customers")[0]["customerNumber"])

    def add_fault(self, operation: str, kind: str) -> None:
        self._send("POST", "faults", {"operation": operation, "kind": kind, "seconds": 1})

    def notifications(self) -> list[dict[str, Any]]:
        return [delivery["body"] for delivery in self._send("GET", "deliveries").json()]

    def notify_nobody(self) -> None:
        """Send webhooks to an address without a listener."""
        self._send(
            "PUT", "webhooks/1001", dict.fromkeys(("customers", "projects", "invoices"), "http://127.0.0.1:1")
        )

    def _api(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        return dict(self._send(method, f"api/1.0/companies/1001/{path}", values).json())

    def _send(self, method: str, path: str, values: Any = None) -> requests.Response:
        key = ("apikey", "moment-demo-key")
        response = requests.request(method, f"{self.url}/{path}", json=values, auth=key, timeout=10)
        assert response.ok, response.text
        return response


@contextmanager
def serving_moment(around: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> Iterator[str]:
    """Serve Moment on a morning of March 2026; its clock advances by a second whenever it is read."""
    seconds = count()

    def clock() -> datetime:
        return MORNING + timedelta(seconds=next(seconds))

    webhook_sender = WebhookSender(clock=clock)
    store = RecordStore(clock=clock, notify=webhook_sender.notify)
    with serving(around(create_app(store, webhook_sender=webhook_sender, faults=Faults()))) as url:
        yield url


@contextmanager
def calling(
    url: str, *, key: str = "moment-demo-key", company: str = "1001", answer_seconds: float = 0.5
) -> Iterator[MomentGateway]:
    """Call Moment as a worker does."""
    site = MomentSite(
        url=f"{url}/api/1.0",
        record_url="https://moment.example/companies/{company}/{kind}/{id}",
        connect_seconds=2,
        answer_seconds=answer_seconds,
    )
    settings = factories.settings(moment_company=company, moment_api_key=SecretStr(key))
    with site.session:
        yield MomentGateway(settings, site=site)
