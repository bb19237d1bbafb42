"""A month of suppliers' vouchers in both systems of the sandbox, and the ways in which one expense can be wrong."""

from base64 import b64encode
from collections.abc import Callable
from datetime import date
from typing import Any

from models.admin import discrepancies
from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox.enqueue import enqueue
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from sync.reconciliation.report import Discrepancy, ReconciliationReport
from tests.sandbox.serving import Systems
from tests.worker.month_of_invoices import API, DAY, FIRST, LAST, PROJECT, YEAR, drain_due_lanes
from worker.container import Container, clock

SUPPLIER = 20001
COST: dict[str, Any] = {"account": 4300, "amount": "1000.00", "tax": "1", "project": 1, "comment": "Gips"}
VAT: dict[str, Any] = {"account": 2711, "amount": "250.00", "tax": "1"}
OWED: dict[str, Any] = {"account": 2400, "amount": "-1250.00", "customer": SUPPLIER}
SECOND = f"{YEAR}-104-40002"
"""The voucher in the middle of the month, which the faults are about."""


class ExpenseMonth:
    """The vouchers 40001, 40002 and 40003 of October, of 1250 kroner each; the first and the last are synced."""

    def __init__(self, container: Container, connection: Connection, fresh_systems: Systems) -> None:
        self.container, self._books = container, fresh_systems
        self.connection = connection
        self.update_settings(entity_types=tuple(EntityType), expense_accounts="4000, 4300-4399, 6590")
        supplier = {"name": "Byggmakker AS", "number": SUPPLIER, "type": "Supplier"}
        self.twentyfour("POST", "customers", supplier)
        for number, name in ((1, "Kulturhuset"), (2, "Svømmehallen")):
            self.twentyfour("POST", "projects", {"number": number, "name": name})
        self.other_project = self.moment("POST", "projects", {"name": "Svømmehallen", "projectNumber": "2"})["id"]
        vouchers = [self.enter(day=DAY.replace(day=day)) for day in (1, 15, 31)]
        self.sync_now(vouchers[0], vouchers[2])

    def update_settings(self, **settings: Any) -> None:
        self.connection = self.container.connections.update(
            self.connection.id, settings, actor="test", now=clock()
        )

    def twentyfour(self, method: str, path: str, body: object = None) -> Any:
        return self._books.control("twentyfour", method, f"books/1/{path}", body)

    def moment(self, method: str, path: str, body: object = None) -> Any:
        return self._books.control("moment", method, f"{API}/{path}", body)

    def calls(self) -> dict[str, int]:
        return dict(self._books.control("twentyfour", "GET", "calls"))

    def enter(self, *lines: dict[str, Any], day: date = DAY, **more: Any) -> str:
        """Enter a supplier's voucher, by default one of 1250 kroner on project 1, and return its name."""
        voucher = {"date": day.isoformat(), "invoice": f"F-{day.day}", "lines": lines or (COST, VAT, OWED), **more}
        return f"{day.year}-104-{self.twentyfour('POST', 'vouchers', voucher)['number']}"

    def correct(self, place: int, **fields: Any) -> None:
        """Correct a line of the second voucher in the ledger after it was synced; the integration does not poll."""
        self.sync_now(SECOND)
        line = self._second()["lines"][place]
        self.twentyfour("PATCH", "vouchers/40002?type=14", {"lines": [{"id": line["id"], **fields}]})

    def hide(self) -> None:
        self.sync_now(SECOND)
        self.twentyfour("POST", "vouchers/40002/reverse?type=14", {"method": "hide"})

    def sync_now(self, *vouchers: str) -> None:
        """Sync vouchers."""
        records = [Record(EntityType.EXPENSE, each) for each in vouchers]
        enqueue(self.container.database, self.connection.id, records, now=clock())
        self.drain_due_lanes()

    def drain_due_lanes(self) -> None:
        drain_due_lanes(self.container)

    def expenses(self) -> list[dict[str, Any]]:
        return list(self.moment("GET", "projectExpenses?size=500")["content"])

    def sync_second(self) -> dict[str, Any]:
        """Sync the second voucher and return its expense."""
        self.sync_now(SECOND)
        (found,) = [each for each in self.expenses() if SECOND in each["externalId"]]
        return found

    def alter(self, **fields: Any) -> None:
        """Change the second voucher's expense in Moment manually."""
        self.moment("PATCH", f"projectExpenses/{self.sync_second()['id']}", fields)

    def delete(self) -> None:
        self.moment("DELETE", f"projectExpenses/{self.sync_second()['id']}")

    def duplicate(self) -> None:
        known = self.sync_second()
        names = set(known) - {"id", "lastModifiedDate", "invoiced"}
        self.moment("POST", "projectExpenses", {name: known[name] for name in names})

    def add_unrelated(self) -> None:
        self.sync_now(SECOND)
        self.moment("POST", "projectExpenses", expense(externalId=f"24so:{YEAR}-104-49999/1/4300"))

    def invoice(self, expense_id: int) -> None:
        """Put an expense on an invoice in Moment."""
        self._books.control("moment", "POST", f"companies/1001/projectExpenses/{expense_id}/invoice")

    def lose_approval(self) -> None:
        scan = {"content": b64encode(b"%PDF").decode(), "approved": False}
        self.twentyfour("POST", "vouchers/40002/files?type=14", scan)

    def reconcile_expenses(self, first: date = FIRST, last: date = LAST) -> ReconciliationReport:
        """Reconcile, and return the discrepancies of expenses."""
        report = reconcile(self.container.open_context(self.connection, refuse_writes), first, last)
        assert report.expenses
        return report.expenses

    def resend(self, found: Discrepancy) -> None:
        record = Record(EntityType.EXPENSE, found.vouchers[0])
        discrepancies.resend(
            self.container.database,
            self.connection.id,
            record,
            name="Voucher",
            actor="kari@example.com",
            now=clock(),
            expense=found.expense_to_unlink,
        )
        self.drain_due_lanes()

    def _second(self) -> dict[str, Any]:
        (found,) = [each for each in self.twentyfour("GET", "vouchers") if each["number"] == 40002]
        return dict(found)


def expense(**values: Any) -> dict[str, Any]:
    """Return an expense, with Moment's field names, that a person has entered."""
    common = {"projectId": PROJECT, "description": "Gips", "amountInclVat": 1250, "expenseDate": DAY.isoformat()}
    return {**common, **values}


Fault = tuple[str, "Callable[[ExpenseMonth], object]", str, tuple[str, ...]]

FAULTS: list[Fault] = [
    ("never brought", lambda _: None, "not in Moment", ()),
    ("deleted in Moment", ExpenseMonth.delete, "not in Moment", ()),
    ("wrong amount", lambda it: it.alter(amountInclVat=1350), "different in Moment", ("amount",)),
    ("one øre off", lambda it: it.alter(amountInclVat=1250.01), "different in Moment", ("amount",)),
    ("wrong sign", lambda it: it.alter(amountInclVat=-1250), "different in Moment", ("amount",)),
    ("wrong currency", lambda it: it.alter(currencyCode="EUR"), "different in Moment", ("amount",)),
    (
        "wrong date",
        lambda it: it.alter(expenseDate=DAY.replace(day=16).isoformat()),
        "different in Moment",
        ("date",),
    ),
    (
        "wrong month",
        lambda it: it.alter(expenseDate=DAY.replace(month=7).isoformat()),
        "different in Moment",
        ("date",),
    ),
    ("wrong year", lambda it: it.alter(expenseDate=f"{YEAR + 1}-01-02"), "different in Moment", ("date",)),
    ("no date", lambda it: it.alter(expenseDate=None), "different in Moment", ("date",)),
    (
        "wrong project",
        lambda it: it.alter(projectId=it.other_project, projectExtensionId=None),
        "different in Moment",
        ("project",),
    ),
    ("wrong supplier", lambda it: it.alter(supplierName="Byggmax AS"), "different in Moment", ("supplier",)),
    (
        "wrong invoice number",
        lambda it: it.alter(supplierInvoiceNumber="F-78"),
        "different in Moment",
        ("number",),
    ),
    ("wrong description", lambda it: it.alter(description="Plank"), "different in Moment", ("description",)),
    ("unreadable", lambda it: it.alter(amountInclVat=1250.001), "unreadable", ()),
    ("doubled", ExpenseMonth.duplicate, "doubled in Moment", ()),
    ("hidden in the ledger", ExpenseMonth.hide, "only in Moment", ()),
    (
        "moved to an account that is not listed",
        lambda it: it.correct(0, account=4500),
        "only in Moment",
        (),
    ),
    ("of no voucher", ExpenseMonth.add_unrelated, "only in Moment", ()),
    (
        "text corrected in the ledger and not brought",
        lambda it: it.correct(0, comment="Gips og skruer"),
        "different in Moment",
        ("description",),
    ),
]
"""Possible faults: what a person did, the resulting discrepancy, and the fields that differ."""
