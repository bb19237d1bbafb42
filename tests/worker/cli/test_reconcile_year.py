"""The reconciliation of a busy company's year, over HTTP as in production.

``INVOICES=5000 make test ARGS=tests/worker/cli/test_reconcile_year.py`` makes it as large as companies may be.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from models.connections.repository import Connection
from models.enums import EntityType
from sandbox.twentyfour.state import Line, Voucher
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from tests.factories import NOW, settings
from tests.installation import environment
from tests.worker.year_of_records import EXPENSES, FIRST, LAST, UNKNOWN, YearOfRecords, link, serving_year
from worker.container import Container

INVOICES = int(os.environ.get("INVOICES", "600"))
PURCHASES = INVOICES // 5
A_DAY = timedelta(days=1)


@pytest.fixture
def year() -> Iterator[YearOfRecords]:
    with serving_year(invoices=INVOICES, purchases=PURCHASES) as year:
        yield year


@pytest.fixture
def environ(year: YearOfRecords, database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url, year.addresses)


@pytest.fixture
def connection(container: Container) -> Connection:
    wanted = settings(entity_types=tuple(EntityType), expense_accounts="4300")
    connection, _ = container.connections.add("Demo AS", wanted, actor="test", now=NOW)
    link(container, connection, purchases=PURCHASES)
    return connection


def test_a_clean_year_agrees_and_takes_less_than_twenty_calls(
    year: YearOfRecords, container: Container, connection: Connection
) -> None:
    before = calls(year)
    report = reconcile(container.open_context(connection, refuse_writes), FIRST, LAST)
    assert (report.all_discrepancies, report.counts) == ((), {"equal": INVOICES})
    assert report.expenses
    assert report.expenses.counts == {"equal": PURCHASES}
    assert {total.moment - total.ledger for total in (*report.totals, *report.expenses.totals)} == {0}
    assert calls(year) - before < 20


def test_faults_in_it_are_found_and_nothing_else(
    year: YearOfRecords, container: Container, connection: Connection
) -> None:
    planted = plant(year)
    erp = container.cached_erp(connection)
    assert all([erp.tax_codes(), erp.vat_codes(), erp.fiscal_years()])  # logs in, and is remembered
    before = calls(year)
    report = reconcile(container.open_context(connection, refuse_writes), FIRST, LAST)
    assert report.expenses
    found = {
        (each.number, each.type.value, *(point.field.value for point in each.differences))
        for each in report.all_discrepancies
    }
    assert found == planted
    assert len(report.all_discrepancies) == len(planted)
    assert (report.count("equal"), report.expenses.count("equal")) == (INVOICES - 5, PURCHASES - 8)
    assert calls(year) - before == 16  # a year and a month around it, and the documents of one that may wait


def plant(year: YearOfRecords) -> set[tuple[str, ...]]:
    """Break some invoices and some expenses; return the expected findings."""
    vouchers, expenses = year.client.vouchers, year.expenses
    del vouchers[year.invoice(100).key]
    change(year.invoice(200), lambda line: {"amount": line.amount * 2})
    change(year.invoice(300), lambda _: {"hidden": True})
    change(year.invoice(400), lambda line: {"due": line.due and line.due + A_DAY})
    twin = replace(year.invoice(500), number=INVOICES + 1)
    vouchers[twin.key] = twin
    del expenses[EXPENSES + 10]
    expenses[EXPENSES + 20].amount_incl_vat += Decimal("0.01")
    expenses[EXPENSES + 30].expense_date = FIRST
    expenses[EXPENSES + 40].supplier_name = "Byggmax AS"
    change(year.purchase(50), lambda _: {"hidden": True})
    expenses[EXPENSES + 60].description = "Plank"
    del expenses[EXPENSES + UNKNOWN]
    double = expenses[EXPENSES + 70].model_copy(update={"id": EXPENSES - 1})
    expenses[double.id] = double
    return {
        ("100", "missing"),
        ("200", "different", "amount"),
        ("300", "hidden"),
        ("400", "different", "due"),
        ("500", "doubled"),
        ("F-10", "not in Moment"),
        ("F-20", "different in Moment", "amount"),
        ("F-30", "different in Moment", "date"),
        ("F-40", "different in Moment", "supplier"),
        ("F-50", "only in Moment"),
        ("F-60", "different in Moment", "description"),
        ("F-70", "doubled in Moment"),
        ("F-80", "not in Moment"),
    }


def change(voucher: Voucher, fields: Callable[[Line], dict[str, Any]]) -> None:
    """Change every line of a voucher."""
    voucher.lines = [replace(line, **fields(line)) for line in voucher.lines]


def calls(year: YearOfRecords) -> int:
    counts: dict[str, int] = requests.get(f"{year.addresses['twentyfour']}/calls", timeout=10).json()
    return sum(counts.values())
