"""What the flows rely on: checked with the gateway against the sandbox, and with the fake that replaces both."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from models.connections.account_ranges import AccountRanges
from sync.errors import OutcomeUnknownError, RejectedError
from sync.ports import Erp
from sync.records import Address, BookedVouchers, Company, CustomerDetails, ExistingProject, FiscalYear, Voucher
from tests.contracts.stage_twentyfour import AROUND, KULTURHUSET, NORDLYS, VOUCHER, TwentyFourSandbox, with_records
from tests.fakes import FakeErp, lines_of

DAY = VOUCHER.day
UNBALANCED = replace(VOUCHER, entries=VOUCHER.entries[:2])
SECOND = replace(VOUCHER, number=2, invoice_number=2)


@pytest.fixture(params=["fake", *AROUND])
def erp(request: pytest.FixtureRequest, urls: Mapping[str, str], redis_url: str) -> Iterator[Erp]:
    if request.param == "fake":
        yield FakeErp()
        return
    with TwentyFourSandbox.fresh(urls[request.param], redis_url) as twentyfour_sandbox:
        yield twentyfour_sandbox.gateway()


@pytest.fixture
def seeded(erp: Erp) -> Erp:
    return with_records(erp)


def test_a_customer_without_a_number_gets_one_and_is_found_by_its_moment_id(erp: Erp) -> None:
    [first, second] = erp.save_companies([NORDLYS, replace(NORDLYS, moment_id="2", name="Other AS")])
    assert (first, second) == (10001, 10002)
    assert erp.find_company("2") == Company(10002, "Other AS", "923609016", "2")
    assert erp.company(10001) == Company(10001, NORDLYS.name, "923609016", NORDLYS.moment_id)


def test_a_customer_with_a_number_is_overwritten(erp: Erp) -> None:
    erp.save_companies([NORDLYS])
    assert erp.save_companies([replace(NORDLYS, number=10001, name="Nordlys AS")]) == [10001]
    assert erp.company(10001) == Company(10001, "Nordlys AS", "923609016", NORDLYS.moment_id)


def test_a_customer_is_saved_under_a_number_that_is_free(erp: Erp) -> None:
    assert erp.save_companies([replace(NORDLYS, number=777)]) == [777]
    assert erp.company(777) == Company(777, NORDLYS.name, "923609016", NORDLYS.moment_id)


def test_a_missing_customer_is_not_found(erp: Erp) -> None:
    assert erp.find_company("1") is None
    assert erp.company(1) is None


def test_the_customer_index_has_all_customers_as_they_are_now(erp: Erp) -> None:
    assert list(erp.all_companies()) == []
    erp.save_companies([NORDLYS, replace(NORDLYS, moment_id="2", name="Other AS", invoice_email="")])
    erp.save_companies([replace(NORDLYS, number=10001, name="Nordlys AS", email="new@nordlys.example")])
    emails = ("new@nordlys.example", "faktura@nordlys.example")
    add_supplier = {company.number: company for company in erp.all_companies()}
    assert add_supplier == {
        10001: Company(10001, "Nordlys AS", "923609016", NORDLYS.moment_id, emails),
        10002: Company(10002, "Other AS", "923609016", "2", ("post@nordlys.example",)),
    }
    assert {company.number: company for company in erp.all_companies()} == add_supplier


@pytest.mark.parametrize("told", [{"email": ""}, {"email": "", "invoice_email": ""}])
def test_an_e_mail_address_that_moment_does_not_have_is_not_emptied(erp: Erp, told: dict[str, Any]) -> None:
    (number,) = erp.save_companies([NORDLYS])
    assert isinstance(number, int)
    erp.save_companies([replace(NORDLYS, number=number, name="Nordlys AS", **told)])
    (company,) = erp.all_companies()
    assert (company.name, company.emails) == ("Nordlys AS", ("post@nordlys.example", "faktura@nordlys.example"))


def test_the_customer_index_distinguishes_persons_from_businesses(erp: Erp) -> None:
    erp.save_companies([NORDLYS, replace(NORDLYS, moment_id="2", organization_number="", is_company=False)])
    assert [company.person for company in erp.all_companies()] == [False, True]


def test_only_existing_customers_are_returned(erp: Erp) -> None:
    erp.save_companies([NORDLYS, replace(NORDLYS, moment_id="2")])
    assert sorted(erp.existing_companies([10001, 10002, 4711])) == [10001, 10002]
    assert not erp.existing_companies([4711])


def test_only_existing_projects_are_returned(seeded: Erp) -> None:
    assert seeded.existing_projects([1, 4711]) == [ExistingProject(1, "Kulturhuset", 10001)]
    assert seeded.existing_projects([4711]) == []


def test_a_project_is_read_even_if_its_number_was_just_free(erp: Erp) -> None:
    assert (erp.project(1), erp.existing_projects([1])) == (None, [])
    assert with_records(erp).project(1) == ExistingProject(1, "Kulturhuset")


def test_a_project_may_be_saved_twice(erp: Erp) -> None:
    erp.save_companies([NORDLYS])
    for name in ("Kulturhuset", "Kulturhuset, trinn 2"):
        erp.save_project(replace(KULTURHUSET, name=name))


def test_the_chart_of_accounts_has_the_vat_code_of_each_account(erp: Erp) -> None:
    assert {1500: "", 3000: "3", 3020: "31", 3100: "5"}.items() <= erp.tax_codes().items()


def test_each_vat_code_has_its_rate_in_percent_and_the_account_of_its_vat(erp: Erp) -> None:
    codes = {number: (code.rate, code.account) for number, code in erp.vat_codes().items()}
    assert {"3": (25, 2701), "31": (15, 2702), "5": (0, None)}.items() <= codes.items()


def test_fiscal_years_include_their_last_day(erp: Erp) -> None:
    years = {year.number: year for year in erp.fiscal_years()}
    assert years[2024] == FiscalYear(date(2024, 1, 1), date(2024, 12, 31), locked=True)
    assert years[2026] == FiscalYear(date(2026, 1, 1), date(2026, 12, 31), locked=False)


def test_a_posted_voucher_is_found_by_its_invoice_number(seeded: Erp) -> None:
    seeded.post([VOUCHER, SECOND], year=2026)
    assert seeded.posted(1, day=DAY) == lines_of(VOUCHER, NORDLYS.name)
    assert seeded.posted(2, day=DAY) == lines_of(SECOND, NORDLYS.name)
    assert seeded.posted(3, day=DAY) == []
    assert seeded.posted(1, day=date(2025, 3, 2)) == []


def test_the_ledger_returns_the_vouchers_between_two_days_inclusive(seeded: Erp) -> None:
    entries = VOUCHER.entries
    vouchers = [
        Voucher(n, n, day, day, entries)
        for n, day in enumerate((date(2026, 1, 31), date(2026, 2, 1), date(2026, 3, 31), date(2026, 4, 1)), 1)
    ]
    seeded.post(vouchers, year=2026)
    nothing = AccountRanges(())
    booked = seeded.booked(date(2026, 2, 1), date(2026, 3, 31), costs=nothing)
    assert list(booked.sales) == [*lines_of(vouchers[1], NORDLYS.name), *lines_of(vouchers[2], NORDLYS.name)]
    assert list(booked.numbered) == [line for line in booked.sales if line.invoice_number]
    assert not booked.supplier_vouchers
    empty = BookedVouchers([], numbered=[])
    assert seeded.booked(date(2026, 4, 2), date(2026, 4, 30), costs=nothing) == empty


def test_the_next_voucher_number_follows_the_last_one_of_its_year(seeded: Erp) -> None:
    assert seeded.next_voucher_number(DAY) == 1
    seeded.post([VOUCHER], year=2026)
    assert seeded.next_voucher_number(DAY) == 2
    assert seeded.next_voucher_number(date(2025, 3, 2)) == 1


@pytest.mark.parametrize("bad", [VOUCHER, replace(UNBALANCED, number=2, invoice_number=2)])
def test_a_refused_voucher_has_its_meaning_if_nothing_was_saved(seeded: Erp, bad: Any) -> None:
    seeded.post([VOUCHER], year=2026)
    with pytest.raises(OutcomeUnknownError) as refused:
        seeded.post([replace(SECOND, number=3, invoice_number=3), bad], year=2026)
    assert isinstance(refused.value.otherwise, RejectedError)
    assert seeded.posted(3, day=DAY) == []


def test_the_login_reaches_its_client(erp: Erp) -> None:
    assert [identity.client for identity in erp.identities() if identity.usable] == ["Demo AS"]


def test_the_addresses_of_customers_that_have_one_are_read(erp: Erp) -> None:
    visit = Address("visit", "Kaia 1", "5003", "Bergen", "NO")
    post = Address("post", "Kaia 2", "5003", "Bergen", "NO")
    erp.save_companies(
        [
            replace(NORDLYS, details=CustomerDetails(addresses=(post, visit))),
            replace(NORDLYS, moment_id="2", details=CustomerDetails(addresses=(visit,))),
            replace(NORDLYS, moment_id="3", details=None),
        ]
    )
    assert erp.addresses([10001, 10002, 10003, 4711]) == {10001: post, 10002: visit}
    assert erp.addresses([4711]) == {}
