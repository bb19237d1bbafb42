"""The real command syncs invoices that are older than the connection, and is killed while it runs."""

import time
from collections.abc import Callable, Sequence

import pytest

from local.demo_user import eventually, expect
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.enums import JobState
from tests.installation import process
from tests.journeys.firm import Firm, Record
from worker import dispatch
from worker.container import clock

MANY = 500
"""Invoices, some of them credit notes."""

BY_HAND = 40
"""Invoices that a bookkeeper had entered before; the first one with another amount."""

OUTGOING = 11

TIMEOUT_SECONDS = dispatch.LANE_DEBOUNCE_SECONDS + 60
"""If a process is killed just before a wake-up is sent, the next sweep after its timeout dispatches."""


@pytest.fixture
def firm(new_firm: Callable[..., Firm]) -> Firm:
    """A firm whose invoices have no webhooks."""
    return new_firm(webhook_types=("customers", "projects"))


@pytest.fixture
def invoices(firm: Firm) -> list[Record]:
    """Invoices and credit notes of this year, some of which the ledger has."""
    project = firm.project()
    eventually(lambda: expect("projects", len(firm.records("projects")), 1))
    account = firm.moment("financialAccounts")[0]["id"]
    line = {"description": "Work", "financialAccountId": account, "quantity": 1}
    parties = {"customerId": project["customerId"], "projectId": project["id"]}
    made: list[Record] = []
    while len(made) < MANY:
        number = len(made) + 1
        lines = [{**line, "unitPrice": f"{number}.04"}]
        day = f"{clock().year}-01-{1 + number % 28:02}"
        draft = firm.enter("invoices", **parties, invoiceDate=day, invoiceLines=lines)
        path = f"companies/{firm.company}/invoices/{draft['id']}"
        doings = ("finalize", "credit") if number % 10 == 0 else ("finalize",)
        made += [firm.control("moment", "POST", f"{path}/{what}") for what in doings]
    enter_by_hand(firm, made[:BY_HAND], customer=firm.records("customers")[0]["number"])
    return made


def enter_by_hand(firm: Firm, invoices: Sequence[Record], *, customer: int) -> None:
    for place, invoice in enumerate(invoices):
        owed = invoice["totalAmountInclVat"] + (1 if place == 0 else 0)
        lines = [
            {"account": 1500, "amount": str(owed), "customer": customer},
            {"account": 3000, "amount": str(-owed), "customer": customer, "tax": "3"},
        ]
        voucher = {
            "date": invoice["invoiceDate"],
            "type": OUTGOING,
            "number": invoice["invoiceNumber"],
            "invoice": str(invoice["invoiceNumber"]),
            "lines": lines,
        }
        firm.control("twentyfour", "POST", f"books/{firm.client}/vouchers", voucher)


def backfill(firm: Firm, *more: str) -> tuple[str, ...]:
    year = clock().year
    return ("worker", "connections", "backfill", firm.name, f"--from={year}-01-01", f"--to={year}-12-31", *more)


def kill_after(firm: Firm, posts: int, *, worker: bool = False) -> None:
    """Start the command, and kill it after ``posts`` calls that post, with the worker or without."""
    with process(*backfill(firm), environ=firm.stack.environment) as running:
        patience = time.monotonic() + TIMEOUT_SECONDS
        while firm.calls().get("SaveBundleList", 0) < posts:
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < patience
            time.sleep(0.1)
        running.kill()
    if worker:
        firm.stack.parts["worker"].kill()
        firm.stack.parts["worker"].start()


@pytest.mark.kills
def test_a_backfill_killed_twice_syncs_each_invoice_once(firm: Firm, invoices: list[Record]) -> None:
    kill_after(firm, 6)
    kill_after(firm, 13, worker=True)
    before = len(firm.vouchers())
    assert BY_HAND < before < len(invoices)

    firm.stack.command(*backfill(firm)[1:])
    differing = (1, str(invoices[0]["totalAmountInclVat"] + 1))
    rest = [(each["invoiceNumber"], str(each["totalAmountInclVat"])) for each in invoices[1:]]
    expect("vouchers", firm.vouchers(), sorted([differing, *rest]))
    stuck = JobFilter(connection_id=firm.connection.id, states=frozenset({JobState.NEEDS_ATTENTION}))
    (job,) = job_list.latest(firm.container.database, stuck, limit=10)
    assert (job.title, job.error_code) == ("Invoice 1", "differs")
