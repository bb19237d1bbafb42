"""A month of invoices in both systems of the sandbox, and the ways in which one can be wrong in the ledger."""

from collections.abc import Callable
from datetime import date
from typing import Any

from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox import due
from models.inbox.enqueue import enqueue
from tests.sandbox.serving import Systems
from worker.container import Container, clock

API = "api/1.0/companies/1001"
CUSTOMER, PROJECT = 62788973, 62788980
YEAR = clock().year
FIRST, LAST = date(YEAR, 10, 1), date(YEAR, 10, 31)
DAY = date(YEAR, 10, 15)
GROSS: tuple[dict[str, Any], ...] = (
    {"account": 1500, "amount": "2400.00"},
    {"account": 3000, "amount": "-1250.00", "tax": "3"},
    {"account": 3020, "amount": "-1150.00", "tax": "31"},
)
NET: tuple[dict[str, Any], ...] = (
    {"account": 1500, "amount": "2400.00"},
    {"account": 3000, "amount": "-1000.00", "tax": "3"},
    {"account": 2701, "amount": "-250.00", "tax": "3"},
    {"account": 3020, "amount": "-1000.00", "tax": "31"},
    {"account": 2702, "amount": "-150.00", "tax": "31"},
)


def drain_due_lanes(container: Container) -> None:
    """Drain the due lanes repeatedly until nothing is due."""
    while lanes := due.lanes(container.database, now=clock()):
        for lane in lanes:
            container.runner.drain(lane)


class InvoiceMonth:
    """The invoices 1, 2 and 3 of October; the first and the last are right in the ledger."""

    def __init__(
        self, container: Container, connection: Connection, fresh_systems: Systems, *, voucher_vat: str = "net"
    ) -> None:
        self.container, self.connection, self._books = container, connection, fresh_systems
        if voucher_vat == "gross":
            self.control("twentyfour", "PUT", "books/1/vat", {"splits_vat": True})
            container.connections.update(connection.id, {"voucher_vat": voucher_vat}, actor="test", now=clock())
            self.connection = container.connections.get(connection.id)
        self.ids = [self.invoice(DAY.replace(day=day)) for day in (1, 15, 31)]
        self.send(self.ids[0], self.ids[2])
        self.control("twentyfour", "POST", "books/1/customers", {"name": "Annen Kunde AS", "number": 10002})
        self.control("twentyfour", "POST", "books/1/projects", {"name": "Annet prosjekt", "number": 2})

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        return self._books.control(system, method, path, body)

    def invoice(self, day: date, **values: Any) -> str:
        """Finalize an invoice of 2400 kroner in Moment, on two accounts, and return its id."""
        lines = [
            {"financialAccountId": 501, "amountInclVat": 1250, "projectId": PROJECT},
            {"financialAccountId": 502, "amountInclVat": 1150, "projectId": PROJECT},
        ]
        draft = {
            "customerId": CUSTOMER,
            "projectId": PROJECT,
            "invoiceDate": day.isoformat(),
            "invoiceLines": lines,
        }
        made = self.control("moment", "POST", f"{API}/invoices", {**draft, **values})
        self.control("moment", "POST", f"companies/1001/invoices/{made['id']}/finalize")
        return str(made["id"])

    def send(self, *invoice_ids: str) -> None:
        """Sync invoices, with the customer and the project first."""
        records = [Record(EntityType.INVOICE, each) for each in invoice_ids]
        enqueue(self.container.database, self.connection.id, records, now=clock())
        self.drain_due_lanes()

    def drain_due_lanes(self) -> None:
        drain_due_lanes(self.container)

    def enter(self, *lines: dict[str, Any], day: date = DAY, invoice: str = "2", **more: Any) -> None:
        """Enter a voucher manually, by default the one that invoice 2 should have."""
        common = {"customer": 10001, "project": 1}
        voucher = {
            "type": 11,
            "date": day.isoformat(),
            "invoice": invoice,
            **more,
            "lines": [{**common, **line} for line in lines or NET],
        }
        self.control("twentyfour", "POST", "books/1/vouchers", voucher)

    def alter(self, **fields: Any) -> None:
        """Enter the voucher of invoice 2 with other values in all its lines."""
        self.enter(*({**line, **fields} for line in NET))

    def amounts(self, *amounts: str) -> None:
        """Enter the voucher of invoice 2 with other amounts: what is owed, then revenue and VAT at 25 and 15 %."""
        self.enter(*({**line, "amount": amount} for line, amount in zip(NET, amounts, strict=True)))

    def on_account(self, account: int, tax: str) -> None:
        self.enter(NET[0], {**NET[1], "account": account, "tax": tax}, *NET[2:])

    def reverse(self, method: str) -> None:
        self.send(self.ids[1])
        self.control("twentyfour", "POST", "books/1/vouchers/2/reverse?type=11", {"method": method})

    def renumber(self, invoice: str = "77") -> None:
        self.send(self.ids[1])
        (voucher,) = [each for each in self.vouchers() if each["number"] == 2]
        lines = [{"id": line["id"], "invoice": invoice} for line in voucher["lines"]]
        self.control("twentyfour", "PATCH", "books/1/vouchers/2?type=11", {"lines": lines})

    def move(self) -> None:
        """Sync invoice 2 with one department, and set another department afterwards."""
        for department in (7, 10):
            self.container.connections.update(
                self.connection.id, {"department": department}, actor="test", now=clock()
            )
            self.send(self.ids[1])

    def duplicate(self) -> None:
        self.send(self.ids[1])
        self.enter()

    def add_unrelated(self) -> None:
        self.send(self.ids[1])
        self.enter(invoice="9001")

    def vouchers(self) -> list[dict[str, Any]]:
        return list(self.control("twentyfour", "GET", "books/1/vouchers"))


Fault = tuple[str, "Callable[[InvoiceMonth], None]", str, tuple[str, ...]]

FAULTS: list[Fault] = [
    ("missing", lambda _: None, "missing", ()),
    ("doubled", InvoiceMonth.duplicate, "doubled", ()),
    (
        "wrong amount",
        lambda it: it.amounts("2500", "-1080", "-270", "-1000", "-150"),
        "different",
        ("amount",),
    ),
    (
        "one øre off",
        lambda it: it.amounts("2400.01", "-1000.01", "-250", "-1000", "-150"),
        "different",
        ("amount",),
    ),
    (
        "one øre on another account",
        lambda it: it.amounts("2400", "-1000.01", "-250", "-999.99", "-150"),
        "different",
        ("vat amount",),
    ),
    (
        "one øre of VAT too much",
        lambda it: it.amounts("2400", "-999.99", "-250.01", "-1000", "-150"),
        "different",
        ("vat amount",),
    ),
    ("revenue that holds its VAT", lambda it: it.enter(*GROSS), "different", ("vat amount",)),
    ("wrong sign", lambda it: it.amounts("-2400", "1000", "250", "1000", "150"), "different", ("sign",)),
    ("wrong revenue account", lambda it: it.on_account(3100, "3"), "different", ("account",)),
    (
        "wrong receivables account",
        lambda it: it.enter({**NET[0], "account": 1920}, *NET[1:]),
        "different",
        ("account",),
    ),
    ("wrong VAT code", lambda it: it.on_account(3000, "31"), "different", ("vat",)),
    ("wrong customer", lambda it: it.alter(customer=10002), "different", ("customer",)),
    ("wrong project", lambda it: it.alter(project=2), "different", ("project",)),
    ("wrong date", lambda it: it.enter(day=DAY.replace(day=16)), "different", ("date",)),
    ("wrong month", lambda it: it.enter(day=DAY.replace(month=7)), "different", ("month",)),
    ("wrong year", lambda it: it.enter(day=date(YEAR + 1, 1, 2)), "different", ("month",)),
    ("wrong invoice number", InvoiceMonth.renumber, "different", ("number",)),
    ("no invoice number", lambda it: it.renumber(""), "different", ("number",)),
    ("wrong due date", lambda it: it.enter(due=DAY.replace(day=30).isoformat()), "different", ("due",)),
    ("wrong department", InvoiceMonth.move, "different", ("department",)),
    ("hidden voucher", lambda it: it.reverse("hide"), "hidden", ()),
    ("taken back by a counter-voucher", lambda it: it.reverse("counter"), "taken back", ()),
    ("only in the ledger", InvoiceMonth.add_unrelated, "only in the ledger", ()),
]
"""Possible faults: what a person did, the resulting discrepancy of invoice 2, and the fields that differ."""
