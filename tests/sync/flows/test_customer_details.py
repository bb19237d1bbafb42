"""Whether a customer's address, country and phone number go to 24SevenOffice."""

from dataclasses import replace

import pytest

from models.enums import EntityType, Outcome
from sync.records import Address, Company, CustomerDetails
from tests import factories
from tests.sync.conftest import SyncHarness

HOME = CustomerDetails("77 00 00 00", "NO", (Address("post", "Storgata 1", "9008", "Tromsø", "NO"),))
MOVED = replace(HOME, addresses=(Address("post", "Storgata 2", "9008", "Tromsø", "NO"),))


def sync(harness: SyncHarness, details: CustomerDetails, *, name: str = "Nordlys AS") -> None:
    known = {"phone": details.phone, "country": details.country, "addresses": details.addresses}
    number = harness.moment.customers["7"].number if "7" in harness.moment.customers else ""
    harness.put_and_sync(factories.customer("7", name=name, number=number, **known))


@pytest.mark.parametrize(
    ("setting", "saved"),
    [("never", [None, None]), ("new", [HOME, None]), ("always", [HOME, MOVED, MOVED])],
)
def test_details_are_saved_when_the_connection_wants_it(
    harness: SyncHarness, setting: str, saved: list[CustomerDetails | None]
) -> None:
    harness.change_settings(customer_details=setting)
    sync(harness, HOME)
    sync(harness, MOVED)
    sync(harness, MOVED, name="Nordlys Arkitekter AS")
    assert harness.erp.details == {10001: saved}


@pytest.mark.parametrize("setting", ["never", "new", "always"])
def test_an_unchanged_customer_is_saved_once(harness: SyncHarness, setting: str) -> None:
    harness.change_settings(customer_details=setting)
    for _ in range(3):
        sync(harness, HOME)
    assert harness.erp.calls["save_companies"] == 1
    assert harness.job(EntityType.CUSTOMER, "7").outcome is Outcome.UNCHANGED


def test_values_of_a_customer_that_are_too_long_are_cut_with_a_warning(harness: SyncHarness) -> None:
    long = Address("post", "S" * 251, "P" * 17, "T" * 101, "NO")
    for _ in range(2):  # nor does the echo of its number take the warnings away
        sync(harness, CustomerDetails("", "", (HOME.addresses[0], long)), name="N" * 101)
    (details,) = harness.erp.details[10001]
    assert details
    assert details.addresses[1] == Address("post", "S" * 250, "P" * 16, "T" * 100, "NO")
    assert harness.erp.companies[10001].name == "N" * 100
    told = [
        (each.split(" is longer")[0], "cut" in each) for each in harness.job(EntityType.CUSTOMER, "7").warnings
    ]
    assert told == [("The name", True), ("The street", True), ("The postal code", True), ("The town", True)]
    assert harness.mails() == []


def test_a_name_cut_by_24sevenoffice_is_the_same_name(harness: SyncHarness) -> None:
    long = "Interkommunalt selskap for vann og avløp i " + "N" * 100
    harness.erp.companies[10001] = Company(10001, long[:100])
    harness.put_and_sync(factories.customer("7", name=long, organization_number=""))
    assert list(harness.erp.companies) == [10001]


def test_a_customer_without_details_has_none_saved(harness: SyncHarness) -> None:
    sync(harness, CustomerDetails())
    assert harness.erp.details == {10001: [None]}
