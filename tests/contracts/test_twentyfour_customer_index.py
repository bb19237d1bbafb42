"""The calls for reading the customer list, and the effect of manual changes in the meantime."""

from dataclasses import replace

import pytest

from integrations.twentyfour.gateway import TwentyFourGateway
from sandbox.twentyfour import customers
from sync.records import Company
from tests.contracts.stage_twentyfour import NORDLYS, TwentyFourSandbox


@pytest.fixture
def erp(twentyfour_sandbox: TwentyFourSandbox) -> TwentyFourGateway:
    return twentyfour_sandbox.gateway()


def enter(twentyfour_sandbox: TwentyFourSandbox, name: str, **more: object) -> int:
    """Enter a customer manually, as a bookkeeper does."""
    number: int = twentyfour_sandbox.control("POST", "/books/1/customers", {"name": name, **more}).json()["number"]
    return number


def reads(twentyfour_sandbox: TwentyFourSandbox) -> tuple[int, int]:
    calls = twentyfour_sandbox.calls()
    return calls.get("GetCompanySyncList", 0), calls.get("GetCompanies", 0)


def test_customers_and_suppliers_are_returned_with_their_identifying_values(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, "Nordlys AS", organization_number="923 609 016", email="post@nordlys.example")
    enter(twentyfour_sandbox, "Byggmakker AS", type="Supplier")
    enter(twentyfour_sandbox, "Gammel AS", active=False, external_id="other-4711")
    assert list(erp.all_companies()) == [
        Company(10001, "Nordlys AS", "923 609 016", "", ("post@nordlys.example",)),
        Company(10002, "Byggmakker AS", supplier=True),
        Company(10003, "Gammel AS", moment_id="other-4711", active=False),
    ]


def test_a_customer_index_of_several_pages_is_read_to_its_end(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "PAGE_SIZE", 2)
    twentyfour_sandbox.gateway().save_companies([replace(NORDLYS, moment_id=str(number)) for number in range(5)])
    assert len(erp.all_companies()) == 5
    assert reads(twentyfour_sandbox) == (3, 3)


def test_after_the_first_read_only_changes_by_others_are_read(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, "Nordlys AS")
    erp.all_companies()
    erp.save_companies([NORDLYS])
    assert [company.name for company in erp.all_companies()] == ["Nordlys AS", NORDLYS.name]
    assert reads(twentyfour_sandbox) == (2, 1)
    enter(twentyfour_sandbox, "Fjord AS")
    assert [company.name for company in erp.all_companies()] == ["Nordlys AS", NORDLYS.name, "Fjord AS"]
    assert reads(twentyfour_sandbox) == (3, 2)


def test_changes_by_another_worker_or_a_person_are_seen(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, "Nordlys AS")
    erp.all_companies()
    twentyfour_sandbox.gateway().save_companies([replace(NORDLYS, number=10001), replace(NORDLYS, moment_id="2")])
    assert [company.moment_id for company in erp.all_companies()] == [NORDLYS.moment_id, "2"]
    assert next(iter(erp.all_companies())).name == NORDLYS.name


def test_deleted_customers_are_gone_when_everything_is_read_again(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    enter(twentyfour_sandbox, "Nordlys AS")
    erp.all_companies()
    twentyfour_sandbox.control("POST", "/reset")
    erp.forget()
    assert list(erp.all_companies()) == []


def test_a_customer_found_to_be_deleted_leaves_the_index(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    number = enter(twentyfour_sandbox, "Nordlys AS")
    assert len(erp.all_companies()) == 1
    twentyfour_sandbox.control("POST", "/reset")
    assert not erp.existing_companies([number])
    assert list(erp.all_companies()) == []


def test_counting_customers_includes_inactive_ones_and_reads_only_changes(
    twentyfour_sandbox: TwentyFourSandbox, erp: TwentyFourGateway
) -> None:
    assert erp.count_companies() == (0, 0)
    enter(twentyfour_sandbox, "Nordlys AS")
    enter(twentyfour_sandbox, "Gammel AS", active=False)
    assert erp.count_companies() == (1, 1)
    assert reads(twentyfour_sandbox) == (3, 0)
