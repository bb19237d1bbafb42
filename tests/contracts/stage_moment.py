"""The sandbox's Moment on a fixed day, the gateway that calls it, and a scene for each thing it is asked."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import requests
from pydantic import SecretStr

from integrations.moment.client import MomentSite
from integrations.moment.gateway import MomentGateway
from models.words import Kind
from sandbox.mishaps import Mishaps
from sandbox.moment.app import create_app
from sandbox.moment.books import Books
from sandbox.moment.webhooks import Postman
from sync.records import Customer, Invoice, InvoiceLine, Project
from tests import factories
from tests.sandbox.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

NORDLYS = Customer(
    id="62788973",
    name="Nordlys Arkitekter AS",
    organization_number="310987654",
    email="post@nordlys.example.com",
    invoice_email="invoice@nordlys.example.com",
    country="NO",
)
SOLBAKKEN = Project(id="62788980", name="Villa Solbakken", number="1", customer_id=NORDLYS.id)
INVOICE = Invoice(
    id="106939080",
    number=1,
    day=date(2026, 3, 2),
    due=date(2026, 3, 16),
    total=Decimal("15625.00"),
    lines=(InvoiceLine(Decimal("15625.00"), account=3000, project_id=SOLBAKKEN.id),),
    customer_id=NORDLYS.id,
    project_id=SOLBAKKEN.id,
    rate=Decimal(1),
)
CREDIT_NOTE = replace(
    INVOICE,
    id="106939081",
    number=2,
    total=-INVOICE.total,
    lines=(replace(INVOICE.lines[0], amount=-INVOICE.total),),
    credit_note=True,
)


@dataclass(frozen=True)
class Scene:
    """Something that the gateway is asked, and what it answers."""

    play: Callable[[MomentGateway], object]
    gives: object


SCENES = {
    "customer": Scene(lambda moment: moment.customer(NORDLYS.id), NORDLYS),
    "customer_that_is_gone": Scene(lambda moment: moment.customer("7"), None),
    "project": Scene(lambda moment: moment.project(SOLBAKKEN.id), SOLBAKKEN),
    "invoice": Scene(lambda moment: moment.invoice(INVOICE.id), INVOICE),
    "credit_note": Scene(lambda moment: moment.invoice(CREDIT_NOTE.id), CREDIT_NOTE),
    "customers_changed": Scene(lambda moment: list(moment.changed(Kind.CUSTOMER, since=MORNING)), [NORDLYS.id]),
    "projects_changed": Scene(lambda moment: list(moment.changed(Kind.PROJECT, since=MORNING)), [SOLBAKKEN.id]),
    "invoices_changed": Scene(
        lambda moment: list(moment.changed(Kind.INVOICE, since=MORNING)), [INVOICE.id, CREDIT_NOTE.id]
    ),
    "customer_number": Scene(lambda moment: moment.return_customer_number(NORDLYS.id, 10001), None),
    "customer_with_number": Scene(lambda moment: moment.customer(NORDLYS.id), replace(NORDLYS, number="10001")),
}


class Office:
    """Moment as its own users and other clients use it."""

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

    def customer_number(self) -> str:
        return str(self._send("GET", "books/1001/customers").json()[0]["customerNumber"])

    def misbehave(self, operation: str, kind: str) -> None:
        self._send("POST", "mishaps", {"operation": operation, "kind": kind, "seconds": 1})

    def notifications(self) -> list[dict[str, Any]]:
        return [delivery["body"] for delivery in self._send("GET", "deliveries").json()]

    def notify_nobody(self) -> None:
        """Have notifications sent to where nobody listens."""
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
def serving_moment() -> Iterator[str]:
    """Serve Moment on a morning of March 2026; its clock goes on by a second whenever it is looked at."""
    seconds = count()

    def clock() -> datetime:
        return MORNING + timedelta(seconds=next(seconds))

    postman = Postman(clock=clock)
    books = Books(clock=clock, notify=postman.notify)
    with serving(create_app(books, postman=postman, mishaps=Mishaps())) as url:
        yield url


@contextmanager
def calling(url: str, *, key: str = "moment-demo-key", company: str = "1001") -> Iterator[MomentGateway]:
    """Call Moment as a worker does."""
    site = MomentSite(
        url=f"{url}/api/1.0",
        invoice_url="https://moment.example/companies/{company}/invoices/{id}",
        connect_seconds=2,
        answer_seconds=0.5,
    )
    settings = factories.settings(moment_company=company, moment_api_key=SecretStr(key))
    with site.session:
        yield MomentGateway(settings, site=site)
