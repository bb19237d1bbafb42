from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models import links
from models.links import Link
from models.words import Kind, Record
from tests.factories import NOW, settings
from tests.installation import environment, installed
from tests.models.lanes import settled
from worker.addresses import Place, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.wiring import Bridge

MOMENT = "https://moment.example/{company}/{kind}/{id}"
TWENTYFOUR = "https://24so.example/{kind}/{year}/{number}"


@pytest.fixture
def bridge(database_url: str, redis_url: str) -> Iterator[Bridge]:
    known = {"MOMENT_RECORD_URL": MOMENT, "TWENTYFOUR_RECORD_URL": TWENTYFOUR}
    with installed(environment(database_url, redis_url) | known) as bridge:
        yield bridge


@pytest.mark.parametrize(
    ("kind", "remote_id", "in_moment", "in_twentyfour"),
    [
        (Kind.CUSTOMER, "10001", "customers/9", Place("Customer 10001", "https://24so.example/customers//10001")),
        (Kind.PROJECT, "7", "projects/9", Place("Project 7", "https://24so.example/projects//7")),
        (
            Kind.INVOICE,
            "2026/17",
            "invoices/9",
            Place("Voucher 17 of 2026", "https://24so.example/vouchers/2026/17"),
        ),
    ],
)
def test_a_record_has_an_address_in_both_systems(
    bridge: Bridge, kind: Kind, remote_id: str, in_moment: str, in_twentyfour: Place
) -> None:
    connection, _ = bridge.connections.add("Demo AS", settings(), who="test", now=NOW)
    record = Record(kind, "9")
    links.save(bridge.database, connection.id, record, Link(remote_id), now=NOW)
    places = places_of(bridge, settled(bridge.database, connection.id, record, title="Its name"))
    assert places.moment == (Place("Its name", f"https://moment.example/1001/{in_moment}"),)
    assert places.twentyfour == (in_twentyfour,)


def test_what_has_not_come_across_is_in_its_own_system_only(bridge: Bridge) -> None:
    connection, _ = bridge.connections.add("Demo AS", settings(), who="test", now=NOW)
    invoice = places_of(bridge, settled(bridge.database, connection.id))
    assert (len(invoice.moment), invoice.twentyfour) == (1, ())
    voucher = places_of(bridge, settled(bridge.database, connection.id, Record(Kind.EXPENSE, "2026-4-40001")))
    assert voucher.moment == ()
    assert voucher.twentyfour == (Place("Voucher 40001 of 2026", "https://24so.example/vouchers/2026/40001"),)
