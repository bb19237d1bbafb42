"""Runs each benchmark with small numbers, to notice when a change breaks one."""

from collections.abc import Iterator
from importlib import import_module

import pytest

from sandbox.moment.seed import CUSTOMER, DRAFT, PROJECT
from tests.bench.rows.ingest import Load, ingest
from tests.sandbox.serving import DEMO_KEY, Systems, sandbox

COMPANY = "1001"


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> Iterator[Systems]:
    """The sandbox, with the environment of a peer."""
    with sandbox() as (addresses, _process):
        environment = {
            "PEER_MOMENT": addresses["moment"],
            "PEER_TWENTYFOUR": addresses["twentyfour"],
            "PEER_COMPANY": COMPANY,
            "PEER_API_KEY": DEMO_KEY,
            "PEER_USERNAME": "demo@example.com",
            "PEER_PASSWORD": "demo-password",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield addresses


@pytest.mark.slow
def test_the_records_that_a_peer_sends_are_saved(systems: Systems) -> None:
    peer = import_module("tests.bench.peers.jobs")
    systems.control("moment", "POST", f"companies/{COMPANY}/invoices/{DRAFT}/finalize")
    peer.save_customer(CUSTOMER)
    peer.save_project(PROJECT)
    peer.post_invoice(DRAFT, None, None)
    [voucher] = systems.control("twentyfour", "GET", "books/1/vouchers")
    assert [(each["account"], each["amount"]) for each in voucher["lines"]] == [
        (1500, "15625.00"),
        (3000, "-12500.00"),
        (2701, "-3125.00"),
    ]


@pytest.mark.slow
def test_each_webhook_of_the_row_ingest_is_in_the_inbox() -> None:
    row = ingest(Load(invoices=20, busy_seconds=1, at_once=20, times=1, seconds=1))
    assert row.figures["p99_ms"] > 0
