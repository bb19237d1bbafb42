"""Suppliers' vouchers as the gateway finds them in the sandbox's ledger."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.twentyfour.gateway import TwentyFourGateway
from models.connections.account_ranges import AccountRanges
from sync.records import LedgerLine
from sync.rules.vat_allocation import gross_amounts
from tests.contracts.stage_twentyfour import (
    AROUND,
    PURCHASE,
    TwentyFourSandbox,
    enter_purchase,
    serving_twentyfour,
)
from tests.contracts.suppliers import OWED, add_supplier, enter, scanned
from tests.fakes import FakeErp
from tests.sandbox.twentyfour.soap_client import Clock

ACCOUNTS = AccountRanges.parse("4000, 4300-4399, 6590")


def cost(amount: str, *, project: int) -> dict[str, Any]:
    return {"account": 4300, "tax": "1", "amount": amount, "project": project}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def urls(clock: Clock) -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {
            way: stack.enter_context(serving_twentyfour(clock, around=around)) for way, around in AROUND.items()
        }


@pytest.fixture
def bookkeeper(twentyfour_sandbox: TwentyFourSandbox) -> TwentyFourSandbox:
    """A bookkeeper with a supplier and two projects."""
    add_supplier(twentyfour_sandbox)
    return twentyfour_sandbox


def changed(erp: TwentyFourGateway, *, since: datetime, accounts: AccountRanges = ACCOUNTS) -> list[str]:
    return list(erp.changed_vouchers(accounts, since=since, until=since + timedelta(hours=1)))


def pause(clock: Clock) -> datetime:
    """Let time pass, so that later changes differ in time from earlier ones."""
    clock.now += timedelta(hours=2)
    return clock.now


def copied(erp: TwentyFourGateway) -> FakeErp:
    """Make a fake with the first vouchers of suppliers."""
    fake = FakeErp()
    fake.purchases = {
        name: list(erp.supplier_voucher(name)) for name in (f"2026-104-4000{n}" for n in range(1, 6))
    }
    return fake


def amounts(lines: Sequence[LedgerLine]) -> dict[tuple[int, int | None], int]:
    """Return the amounts of the expenses, VAT included, by account and project."""
    found = gross_amounts(lines, rates={"1": Decimal(25)})
    return {(line.account, line.project_number): amount for line, amount in found if isinstance(amount, int)}


def test_a_voucher_is_returned_once_however_many_of_its_lines_changed(
    bookkeeper: TwentyFourSandbox, clock: Clock
) -> None:
    since = pause(clock)
    halves = [cost("500.00", project=project) for project in (1, 2)]
    enter(bookkeeper, *halves, {**OWED, "amount": "-1000.00"})
    enter(bookkeeper, invoice="F-78")
    assert changed(bookkeeper.gateway(), since=since) == ["2026-104-40001", "2026-104-40002"]


def test_only_vouchers_on_or_between_the_accounts_are_returned(
    bookkeeper: TwentyFourSandbox, clock: Clock
) -> None:
    since = pause(clock)
    for account in (4000, 4500, 6590, 7140):
        enter(bookkeeper, {"account": account, "amount": "1.00"}, {"account": 1920, "amount": "-1.00"})
    erp = bookkeeper.gateway()
    assert changed(erp, since=since) == ["2026-104-40001", "2026-104-40002", "2026-104-40003"]
    assert changed(erp, since=since, accounts=AccountRanges.parse("4500")) == ["2026-104-40002"]
    assert changed(erp, since=since, accounts=AccountRanges.parse("")) == []


def test_only_vouchers_changed_in_the_period_are_returned(bookkeeper: TwentyFourSandbox, clock: Clock) -> None:
    first = pause(clock)
    enter(bookkeeper)
    second = pause(clock)
    enter(bookkeeper, posted=False)
    third = pause(clock)
    bookkeeper.control("POST", "/books/1/vouchers/40002/post")
    erp = bookkeeper.gateway()
    assert [changed(erp, since=since) for since in (first, second, third)] == [
        ["2026-104-40001"],
        [],
        ["2026-104-40002"],
    ]


def test_a_later_change_of_a_voucher_returns_it_again(bookkeeper: TwentyFourSandbox, clock: Clock) -> None:
    [cost, *_] = enter(bookkeeper)["lines"]
    voucher, erp = "/books/1/vouchers/40001", bookkeeper.gateway()
    for method, path, body in (
        ("PATCH", voucher, {"lines": [{"id": cost["id"], "project": 2}]}),
        ("POST", f"{voucher}/files", scanned(b"late")),
        ("POST", f"{voucher}/reverse", {"method": "hide"}),
    ):
        since = pause(clock)
        bookkeeper.control(method, path, body)
        assert changed(erp, since=since) == ["2026-104-40001"]


def test_a_counter_voucher_is_returned_by_itself(bookkeeper: TwentyFourSandbox, clock: Clock) -> None:
    enter(bookkeeper)
    since = pause(clock)
    bookkeeper.control("POST", "/books/1/vouchers/40001/reverse", {"method": "counter"})
    erp = bookkeeper.gateway()
    assert changed(erp, since=since) == ["2026-104-40002"]
    assert amounts(erp.supplier_voucher("2026-104-40002")) == {(4300, 1): -125000}


def test_a_poll_without_news_is_one_call(bookkeeper: TwentyFourSandbox, clock: Clock) -> None:
    enter(bookkeeper)
    erp = bookkeeper.gateway()
    changed(erp, since=pause(clock))
    assert bookkeeper.calls() == {"Login": 1, "GetTransactions": 1}


def test_all_lines_of_a_voucher_come_back_in_full(twentyfour_sandbox: TwentyFourSandbox) -> None:
    enter_purchase(twentyfour_sandbox)
    assert twentyfour_sandbox.gateway().supplier_voucher("2026-104-40001") == PURCHASE


@pytest.mark.parametrize(
    "costs",
    [
        [cost("333.33", project=1), cost("666.66", project=2), {"account": 2711, "tax": "1", "amount": "250.00"}],
        [cost("416.66", project=1), cost("833.33", project=2)],
    ],
    ids=["net", "gross"],
)
def test_a_voucher_on_several_projects_agrees_with_what_is_owed(
    bookkeeper: TwentyFourSandbox, costs: list[dict[str, Any]]
) -> None:
    enter(bookkeeper, *costs, {**OWED, "amount": "-1249.99"})
    assert amounts(bookkeeper.gateway().supplier_voucher("2026-104-40001")) == {(4300, 1): 41666, (4300, 2): 83333}


def test_a_foreign_invoice_is_in_kroner_and_names_its_currency(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, currency="EUR", rate="11.4525")
    lines = bookkeeper.gateway().supplier_voucher("2026-104-40001")
    assert {line.currency for line in lines} == {"EUR"}
    assert [line.amount for line in lines] == [100000, 25000, -125000]


def test_a_credit_note_is_negative_in_the_ledger(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, cost("-100.00", project=2), {**OWED, "amount": "100.00"}, type=15)
    assert amounts(bookkeeper.gateway().supplier_voucher("2026-105-40001")) == {(4300, 2): -10000}


def test_hidden_lines_are_marked(bookkeeper: TwentyFourSandbox) -> None:
    [cost, *_] = enter(bookkeeper)["lines"]
    bookkeeper.control("PATCH", "/books/1/vouchers/40001", {"lines": [{"id": cost["id"], "hidden": True}]})
    lines = bookkeeper.gateway().supplier_voucher("2026-104-40001")
    assert [line.hidden for line in lines] == [True, False, False]


@pytest.mark.parametrize("voucher", ["2026-104-40002", "2026-105-40001", "2025-104-40001", "2031-104-40001"])
def test_a_missing_voucher_has_no_lines(bookkeeper: TwentyFourSandbox, voucher: str) -> None:
    enter(bookkeeper)
    enter(bookkeeper, posted=False)
    assert bookkeeper.gateway().supplier_voucher(voucher) == []


def test_vouchers_with_the_same_number_are_read_by_their_year(bookkeeper: TwentyFourSandbox, clock: Clock) -> None:
    since = pause(clock)
    for day in ("2025-12-31", "2026-01-01"):
        enter(bookkeeper, date=day)
    erp = bookkeeper.gateway()
    assert changed(erp, since=since) == ["2025-104-40001", "2026-104-40001"]
    days = [{line.day for line in erp.supplier_voucher(voucher)} for voucher in changed(erp, since=since)]
    assert days == [{date(2025, 12, 31)}, {date(2026, 1, 1)}]
    assert bookkeeper.calls()["GetFiscalYears"] == 1


def test_vouchers_with_costs_come_whole_from_the_calls_that_read_the_invoices(
    bookkeeper: TwentyFourSandbox,
) -> None:
    bookkeeper.control("POST", "/books/1/customers", {"name": "Kunde AS", "number": 10001})
    for day in ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01"):
        enter(bookkeeper, date=day)
    enter(bookkeeper, {"account": 7140, "amount": "1.00"}, {"account": 1920, "amount": "-1.00"}, type=17)
    revenue = [{"account": 1500, "amount": "1.00", "customer": 10001}, {"account": 3000, "amount": "-1.00"}]
    enter(bookkeeper, *revenue, type=11, invoice="1")
    erp = bookkeeper.gateway()
    booked = erp.booked(date(2026, 3, 1), date(2026, 3, 31), costs=ACCOUNTS)
    names = ["2026-104-40002", "2026-104-40003"]
    assert booked.supplier_vouchers == {name: erp.supplier_voucher(name) for name in names}
    assert (
        copied(erp).booked(date(2026, 3, 1), date(2026, 3, 31), costs=ACCOUNTS).supplier_vouchers
        == booked.supplier_vouchers
    )
    assert [line.account for line in booked.sales] == [1500, 3000]
    assert booked.sales == erp.booked(date(2026, 3, 1), date(2026, 3, 31), costs=AccountRanges(())).sales
    before = bookkeeper.calls()["GetTransactions"]
    erp.booked(date(2026, 2, 27), date(2026, 4, 2), costs=ACCOUNTS)
    assert bookkeeper.calls()["GetTransactions"] == before + 3
    assert not erp.booked(date(2026, 3, 1), date(2026, 3, 31), costs=AccountRanges(())).supplier_vouchers
