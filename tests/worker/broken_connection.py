"""A connection for the diagnostics, whose systems can be broken."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

from sqlalchemy import delete

from models.enums import EntityType, Lane
from models.inbox import webhook_intake
from models.schema.tables import WebhookActivityRow
from sync.diagnostics.findings import Finding
from tests.factories import settings
from tests.sandbox.serving import Systems
from worker.container import Container, clock
from worker.handlers import diagnostics

API = "api/1.0/companies/1001"
OUTGOING = 1
"""The series of outgoing invoices."""
CUSTOMER, PROJECT, EXPENSES, DRAFT = "62788973", "62788980", "62788982", "106939080"
EVERYTHING = {"entity_types": tuple(EntityType), "expense_accounts": "4000, 4300-4599", "client_id": "1001-M"}


class BreakableConnection:
    """A connection whose systems can be broken, and the result of its diagnostics."""

    def __init__(self, container: Container, fresh_systems: Systems) -> None:
        self.container = container
        self._books = fresh_systems
        self.activity = ""
        self.connection, _ = container.connections.add(
            "Demo AS", settings(**EVERYTHING), actor="test", now=clock()
        )

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        return self._books.control(system, method, path, body)

    def add_fault(self, system: str, operation: str, kind: str, times: int = 1000) -> None:
        self.control(system, "POST", "faults", {"operation": operation, "kind": kind, "times": times})

    def set(self, **changes: object) -> None:
        self.container.connections.update(self.connection.id, changes, actor="test", now=clock())

    def findings(self) -> list[Finding]:
        return list(
            diagnostics.run_diagnostics(
                self.container, self.container.connections.get(self.connection.id)
            ).findings
        )

    def own(self) -> str:
        """The identity of the only client that the connection's login reaches."""
        return self.container.erp(settings()).identity_id()

    def disabled(self) -> str:
        """The identity of a client that may not be used, of the login for several."""
        many = settings(username="many@example.com", password="many-password")
        return next(each.id for each in self.container.erp(many).identities() if not each.usable)

    def age_key(self, *, days: int) -> None:
        """Set how many days ago Moment's key was entered."""
        past = clock() - timedelta(days=days)
        for key in ("another", "moment-demo-key"):
            self.container.connections.update(self.connection.id, {"moment_api_key": key}, actor="test", now=past)

    def notify(self, entity_type: EntityType, *, days_ago: int = 0) -> None:
        """Set how many days ago the last webhook of a type came."""
        database, lane = self.container.database, Lane(self.connection.id, entity_type)
        with database.transaction() as session:
            session.execute(delete(WebhookActivityRow).where(WebhookActivityRow.entity_type == entity_type))
        webhook_intake.record_activity(database, lane, now=clock() - timedelta(days=days_ago))

    def invoice_in(self, currency: str, *, rate: float) -> None:
        """Finalize an invoice in another currency; the series of 24SevenOffice continues after it."""
        line = {"quantity": 1, "unitPrice": 100, "financialAccountId": 501}
        draft = {
            "customerId": 62788973,
            "currencyCode": currency,
            "currencyRate": rate,
            "invoiceLines": [line],
        }
        made = self.control("moment", "POST", f"{API}/invoices", draft)
        self.control("moment", "POST", f"companies/1001/invoices/{made['id']}/finalize")
        self.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 3})

    def buy(self) -> None:
        """Enter a supplier's invoice with its document."""
        self.control(
            "twentyfour",
            "POST",
            "books/1/customers",
            {"name": "Byggmakker AS", "number": 20001, "type": "Supplier"},
        )
        lines = [
            {"account": 4300, "amount": "1000.00", "tax": "1"},
            {"account": 2711, "amount": "250.00", "tax": "1"},
            {"account": 2400, "amount": "-1250.00", "customer": 20001},
        ]
        scan = {"content": b64encode(b"%PDF-1.7 F-77").decode()}
        voucher = {"date": f"{clock():%Y-%m-%d}", "invoice": "F-77", "lines": lines, "files": [scan]}
        self.control("twentyfour", "POST", "books/1/vouchers", voucher)


def healthy_connection(container: Container, fresh_systems: Systems) -> BreakableConnection:
    """A connection without problems: Moment has an invoice, the series continues after it, and webhooks come."""
    breakable = BreakableConnection(container, fresh_systems)
    breakable.control("moment", "POST", f"companies/1001/invoices/{DRAFT}/finalize")
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 2})
    breakable.activity = f"{API}/projectExtensions/{EXPENSES}"
    for entity_type in (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE):
        breakable.notify(entity_type)
    breakable.buy()
    gone = {"name": "Gammel AS", "number": 20002, "active": False}
    breakable.control("twentyfour", "POST", "books/1/customers", gone)
    return breakable
