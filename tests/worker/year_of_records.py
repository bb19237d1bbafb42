"""A year of many invoices and suppliers' vouchers, written directly into both systems of a separate sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox import links
from models.inbox.links import Link
from sandbox.faults import Faults
from sandbox.moment.app import create_app as create_moment
from sandbox.moment.record_store import RecordStore as MomentBooks
from sandbox.moment.records import Invoice, InvoiceLine, ProjectExpense
from sandbox.moment.webhooks import WebhookSender
from sandbox.twentyfour import seed
from sandbox.twentyfour.app import create_app as create_twentyfour
from sandbox.twentyfour.state import Client, File, Line, Voucher
from tests.contracts.stage_twentyfour import WSDLS
from tests.sandbox.serving import serving
from tests.worker.month_of_invoices import CUSTOMER, PROJECT
from worker.container import Container

YEAR = 2026
FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)
MORNING = datetime(YEAR, 1, 2, 9, tzinfo=UTC)
SUPPLIER = 20001
UNKNOWN = 80
"""The supplier's voucher whose expense the integration does not know."""

INVOICES, EXPENSES = 200_000_000, 300_000_000
"""Offset of the first ids of each in Moment."""

SPLIT = (
    (1500, "2400.00", ""),
    (3000, "-1000.00", "3"),
    (3020, "-1000.00", "31"),
    (2701, "-250.00", "3"),
    (2702, "-150.00", "31"),
)
BOUGHT = ((4300, "1000.00", "1"), (2711, "250.00", "1"), (2400, "-1250.00", ""))


@dataclass
class YearOfRecords:
    """Both systems of the sandbox, with direct access to their data."""

    moment: MomentBooks
    client: Client
    addresses: dict[str, str]

    def invoice(self, number: int) -> Voucher:
        """Return the voucher of the invoice with this number."""
        return self.client.vouchers[1, YEAR, number]

    def purchase(self, number: int) -> Voucher:
        """Return the supplier's voucher with this number."""
        return self.client.vouchers[3, YEAR, 40000 + number]

    @property
    def expenses(self) -> dict[int, ProjectExpense]:
        """Return Moment's expenses by their ids."""
        return self.moment.state.company("1001").project_expenses


@contextmanager
def serving_year(*, invoices: int, purchases: int) -> Iterator[YearOfRecords]:
    """Serve both systems with that many matching records, spread over a year."""
    webhook_sender = WebhookSender(clock=lambda: MORNING)
    moment = MomentBooks(clock=lambda: MORNING, notify=lambda *_: None)
    state = seed.initial_state(MORNING.date())
    app = create_twentyfour(state, wsdl=WSDLS, faults=Faults(), clock=lambda: datetime.now(UTC))
    _fill(moment, state.clients[1], invoices, purchases)
    with (
        serving(create_moment(moment, webhook_sender=webhook_sender, faults=Faults())) as moment_url,
        serving(app) as url,
    ):
        yield YearOfRecords(
            moment, state.clients[1], {"moment": moment_url, "twentyfour": url, "smtp": "smtp://127.0.0.1:1"}
        )


def link(container: Container, connection: Connection, *, purchases: int) -> None:
    """Save links to the customer, the project and all expenses but one, as if they had been synced."""
    known = [(EntityType.CUSTOMER, CUSTOMER, "10001"), (EntityType.PROJECT, PROJECT, "1")]
    known += [(EntityType.EXPENSE, EXPENSES + n, _key(n)) for n in range(1, purchases + 1) if n != UNKNOWN]
    for entity_type, moment_id, remote_id in known:
        links.save(
            container.database, connection.id, Record(entity_type, str(moment_id)), Link(remote_id), now=MORNING
        )


def _fill(moment: MomentBooks, client: Client, invoices: int, purchases: int) -> None:
    company = moment.state.company("1001")
    for n in range(1, invoices + 1):
        day = FIRST + timedelta(days=n % 365)
        company.invoices[INVOICES + n] = _invoice(n, day)
        client.vouchers[1, YEAR, n] = _voucher(client, 11, n, day, str(n), SPLIT, 10001)
    for n in range(1, purchases + 1):
        day = FIRST + timedelta(days=n % 365)
        company.project_expenses[EXPENSES + n] = _expense(n, day)
        client.vouchers[3, YEAR, 40000 + n] = _voucher(client, 14, 40000 + n, day, f"F-{n}", BOUGHT, SUPPLIER)
        client.files[n] = File(n, 1000 + n, "Pdf", b"%PDF", registered=MORNING, changed=MORNING)
    client.customers[SUPPLIER] = {"Id": SUPPLIER, "Name": "Byggmakker AS", "Type": "Supplier"}


def _invoice(n: int, day: date) -> Invoice:
    amounts = ((501, "1250.00"), (502, "1150.00"))
    return Invoice(
        id=INVOICES + n,
        last_modified_date=MORNING,
        invoice_number=n,
        invoice_state="finalized",
        invoice_date=day,
        due_date=day + timedelta(days=14),
        customer_id=CUSTOMER,
        project_id=PROJECT,
        total_amount_incl_vat=Decimal("2400.00"),
        invoice_lines=[
            InvoiceLine(financial_account_id=account, amount_incl_vat=Decimal(amount), project_id=PROJECT)
            for account, amount in amounts
        ],
    )


def _expense(n: int, day: date) -> ProjectExpense:
    return ProjectExpense(
        id=EXPENSES + n,
        last_modified_date=MORNING,
        project_id=PROJECT,
        description="Gips",
        amount_incl_vat=Decimal("1250.00"),
        supplier_name="Byggmakker AS",
        supplier_invoice_number=f"F-{n}",
        expense_date=day,
        external_id=f"24so:{_key(n)}",
    )


def _voucher(  # noqa: PLR0913, PLR0917 - as a voucher has them
    client: Client,
    kind: int,
    number: int,
    day: date,
    invoice: str,
    split: tuple[tuple[int, str, str], ...],
    customer: int,
) -> Voucher:
    lines = [
        Line(
            id=f"00000000-0000-0000-{kind:04}-{number * 10 + place:012}",
            account=account,
            amount=Decimal(amount),
            day=day,
            changed=MORNING,
            registered=MORNING,
            due=day + timedelta(days=14) if account == 1500 else None,
            customer=customer if account in {1500, 2400} or kind == 11 else None,
            project=1 if kind == 11 or account == 4300 else None,
            invoice=invoice,
            tax=tax,
            comment="Gips" if account == 4300 else "",
            stamp=1000 + number - 40000 if kind == 14 else None,
        )
        for place, (account, amount, tax) in enumerate(split)
    ]
    return Voucher(number, YEAR, client.types[kind], lines)


def _key(n: int) -> str:
    return f"{YEAR}-104-{40000 + n}/1/4300"
