"""What only the real gateway can show: the data in 24SevenOffice afterwards, and the handling of its failures."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from integrations.twentyfour.error_mapping import error_of
from sync.engine.call_log import recording_calls
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, UnavailableError
from sync.records import Address, CustomerDetails, Entry
from tests.contracts.stage_twentyfour import KULTURHUSET, NORDLYS, VOUCHER, TwentyFourSandbox, with_records
from tests.contracts.suppliers import BYGGMAKKER, add_supplier
from tests.fakes import lines_of

DAY = VOUCHER.day


def test_customers_and_projects_are_saved_as_they_were_sent(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = twentyfour_sandbox.gateway(client_id="4711")
    person = replace(NORDLYS, moment_id="2", name="Kari Nordmann", is_company=False, organization_number="")
    erp.save_companies([NORDLYS, person])
    erp.save_project(KULTURHUSET)
    company, consumer = twentyfour_sandbox.records("customers")
    assert (company["type"], consumer["type"]) == ("Business", "Consumer")
    assert company["emails"] == {"Work": "post@nordlys.example", "Invoice": "faktura@nordlys.example"}
    assert consumer["emails"] == {"Primary": "post@nordlys.example", "Invoice": "faktura@nordlys.example"}
    assert (company["country"], company["phones"]) == ("NO", {"Work": "77 00 00 00"})
    assert consumer["phones"] == {"Primary": "77 00 00 00"}
    post = {"Street": "Storgata 1", "PostalCode": "9008", "PostalArea": "Tromsø", "Country": "NO"}
    assert company["addresses"] == {"Post": post}
    [project] = twentyfour_sandbox.records("projects")
    assert (project["number"], project["name"], project["customer_number"]) == (1, "Kulturhuset", 10001)
    assert (project["OrderReferenceNumber"], project["starts"]) == ("4711", "2026-01-05")


def test_a_customers_values_for_other_uses_are_kept(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = twentyfour_sandbox.gateway()
    shop = CustomerDetails(phone="90 00 00 00", addresses=(Address("visit", "Storgata 1", "9008", "Tromsø"),))
    as_person = replace(NORDLYS, number=777, is_company=False, email="kari@nordlys.example", details=shop)
    erp.save_companies([as_person])
    erp.save_companies([replace(NORDLYS, number=777, name="Nordlys AS")])
    (company,) = twentyfour_sandbox.records("customers")
    work, invoice = "post@nordlys.example", "faktura@nordlys.example"
    assert company["emails"] == {"Work": work, "Invoice": invoice, "Primary": "kari@nordlys.example"}
    assert company["phones"] == {"Work": "77 00 00 00", "Primary": "90 00 00 00"}
    assert company["addresses"].keys() == {"Post", "Visit"}
    erp.save_companies([replace(NORDLYS, number=777, email="", invoice_email="", details=None)])
    assert twentyfour_sandbox.records("customers") == [{**company, "name": NORDLYS.name}]
    assert twentyfour_sandbox.calls()["GetCompanies"] == 3


@pytest.mark.parametrize("is_company", [True, False, None])
def test_a_supplier_stays_a_supplier_whatever_moment_says(
    twentyfour_sandbox: TwentyFourSandbox,
    is_company: bool | None,  # noqa: FBT001 - a case
) -> None:
    add_supplier(twentyfour_sandbox)
    twentyfour_sandbox.gateway().save_companies([replace(NORDLYS, number=BYGGMAKKER, is_company=is_company)])
    (supplier,) = twentyfour_sandbox.records("customers")
    assert (supplier["type"], supplier["name"]) == ("Supplier", NORDLYS.name)
    assert supplier["emails"]["Work"] == NORDLYS.email


def test_the_type_stays_as_it_is_if_moment_does_not_give_it(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp, untold = twentyfour_sandbox.gateway(), replace(NORDLYS, is_company=None)
    erp.save_companies([replace(NORDLYS, is_company=False, number=777)])
    erp.save_companies([replace(untold, email="new@nordlys.example", number=777)])
    erp.save_companies([replace(untold, moment_id="2")])
    kept, new = twentyfour_sandbox.records("customers")
    assert (kept["type"], new["type"]) == ("Consumer", "Business")
    assert kept["emails"] == {"Primary": "new@nordlys.example", "Invoice": NORDLYS.invoice_email}


def test_a_voucher_is_in_the_ledger_as_it_was_sent(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = with_records(twentyfour_sandbox.gateway())
    erp.post([VOUCHER], year=2026)
    [voucher] = twentyfour_sandbox.records("vouchers")
    assert (voucher["number"], voucher["year"], voucher["posted"]) == (1, 2026, True)
    receivable, *revenue = voucher["lines"]
    assert (receivable["amount"], receivable["due"], receivable["ocr"]) == ("2400.00", "2026-03-16", "0000018")
    assert receivable["comment"] == VOUCHER.comment
    assert receivable["tax"] == "0"
    assert [(line["account"], line["amount"], line["tax"]) for line in revenue] == [
        (3000, "-1000.00", "3"),
        (3020, "-1000.00", "31"),
        (2701, "-250.00", "3"),
        (2702, "-150.00", "31"),
    ]
    assert [line["project"] for line in voucher["lines"]] == [1, 1, 1, None, None]
    assert [line["department"] for line in voucher["lines"]] == [None, 10, None, None, None]


GROSS = replace(
    VOUCHER,
    entries=(
        VOUCHER.entries[0],
        replace(VOUCHER.entries[1], amount=-125000),
        replace(VOUCHER.entries[2], amount=-115000),
    ),
    voucher_vat="gross",
)


def test_vat_split_off_by_24sevenoffice_is_found_as_separate_lines(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = with_records(twentyfour_sandbox.gateway())
    twentyfour_sandbox.control("PUT", "/books/1/vat", {"splits_vat": True})
    erp.post([GROSS], year=2026)
    assert [(line.account, line.amount) for line in erp.posted(1, day=DAY)] == [
        (line.account, line.amount) for line in lines_of(GROSS)
    ]


def test_vat_codes_without_their_vat_are_refused_by_the_warnings_own_name(
    twentyfour_sandbox: TwentyFourSandbox,
) -> None:
    erp = with_records(twentyfour_sandbox.gateway())
    with pytest.raises(OutcomeUnknownError) as refused:
        erp.post([GROSS], year=2026)
    assert refused.value.otherwise
    assert refused.value.otherwise.error_code == "vat_not_balanced"
    assert "Choose the other option" in refused.value.otherwise.remedy


def test_a_vat_code_is_named_by_its_number_and_not_by_its_id(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = twentyfour_sandbox.gateway()
    assert {number: code.id for number, code in erp.vat_codes().items() if number in {"3", "5"}} == {
        "3": 203,
        "5": 205,
    }
    erp.save_companies([NORDLYS])
    erp.save_project(KULTURHUSET)
    exempt = Entry(3100, -240000, 10001, tax_code=erp.tax_codes()[3100])
    erp.post([replace(VOUCHER, entries=(VOUCHER.entries[0], exempt))], year=2026)
    [voucher] = twentyfour_sandbox.records("vouchers")
    assert [line["tax"] for line in voucher["lines"]] == ["0", "5"]


@pytest.mark.parametrize(
    ("said", "error_code"),
    [
        ("vatismissingfoundation", "vat_without_base"),
        ("Faktura 1 finnes allerede på kunde 10001 (invoicealreadyexists).", "invoice_exists"),
        ("customermismatchbankaccount", "bank_account"),
    ],
)
def test_each_warning_of_24sevenoffice_has_its_own_error_code(said: str, error_code: str) -> None:
    error = error_of(f"result Exception: {said}", saves=True)
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error.otherwise, RejectedError)
    assert (error.otherwise.error_code, bool(error.otherwise.remedy)) == (error_code, True)


def test_a_bank_account_warning_is_a_refusal_with_its_own_error_code(
    twentyfour_sandbox: TwentyFourSandbox,
) -> None:
    erp = with_records(twentyfour_sandbox.gateway())
    twentyfour_sandbox.control(
        "POST",
        "/faults",
        {
            "operation": "SaveBundleList",
            "kind": "refuse",
            "result": "Exception",
            "says": "Bilag 1: bankkonto 15030000002 er ikke standardkontoen til kunde 10001 "
            "(customermismatchbankaccount).",
        },
    )
    with pytest.raises(OutcomeUnknownError) as raised:
        erp.post([VOUCHER], year=2026)
    refusal = raised.value.otherwise
    assert isinstance(refusal, RejectedError)
    assert (refusal.error_code, "bank account" in refusal.remedy) == ("bank_account", True)
    assert erp.posted(1, day=DAY) == []


@pytest.mark.parametrize(("kind", "is_saved"), [("refuse", False), ("save_then_refuse", True)])
def test_a_customer_that_the_database_refused_may_have_been_saved(
    twentyfour_sandbox: TwentyFourSandbox, kind: str, *, is_saved: bool
) -> None:
    erp = twentyfour_sandbox.gateway()
    twentyfour_sandbox.control("POST", "/faults", {"operation": "SaveCompanies", "kind": kind})
    [answer] = erp.save_companies([NORDLYS])
    assert isinstance(answer, OutcomeUnknownError)
    assert (answer.error_code, answer.no_response) == ("system_error", False)
    assert "severity level 14 of 25" in answer.message
    assert (erp.find_company(NORDLYS.moment_id) is not None) is is_saved


def test_a_draft_waits_in_the_journal_where_the_ledger_does_not_show_it(
    twentyfour_sandbox: TwentyFourSandbox,
) -> None:
    erp = with_records(twentyfour_sandbox.gateway(posting="draft"))
    erp.post([VOUCHER], year=2026)
    assert [voucher["posted"] for voucher in twentyfour_sandbox.records("vouchers")] == [False]
    assert erp.posted(1, day=DAY) == []


@pytest.mark.parametrize("field", ["CustomerReference", "DepartmentId", "TypeId"])
def test_the_client_id_goes_to_the_field_that_was_chosen(
    twentyfour_sandbox: TwentyFourSandbox, field: str
) -> None:
    twentyfour_sandbox.gateway(client_id="12", client_id_field=field).save_project(
        replace(KULTURHUSET, customer_number=None)
    )
    assert str(twentyfour_sandbox.records("projects")[0][field]) == "12"


def test_a_client_id_that_the_field_cannot_hold_needs_attention(twentyfour_sandbox: TwentyFourSandbox) -> None:
    with pytest.raises(MisconfiguredError, match=r"Avd\. 12"):
        twentyfour_sandbox.gateway(client_id="Avd. 12", client_id_field="DepartmentId").save_project(KULTURHUSET)
    assert twentyfour_sandbox.records("projects") == []


def test_one_refused_customer_does_not_delay_the_others(twentyfour_sandbox: TwentyFourSandbox) -> None:
    answers = twentyfour_sandbox.gateway().save_companies(
        [replace(NORDLYS, name=""), replace(NORDLYS, moment_id="2")]
    )
    assert isinstance(answers[0], RejectedError)
    assert "Property Name is missing." in answers[0].message
    assert answers[1] == 10001


@pytest.mark.parametrize("kind", ["lose_response", "truncated", "save_then_error"])
def test_a_record_saved_without_a_response_is_found_again(
    twentyfour_sandbox: TwentyFourSandbox, kind: str
) -> None:
    erp = twentyfour_sandbox.gateway()
    for operation in ("SaveCompanies", "SaveProject", "SaveBundleList"):
        twentyfour_sandbox.add_fault(operation, kind)
    with pytest.raises(OutcomeUnknownError):
        erp.save_companies([NORDLYS])
    with pytest.raises(OutcomeUnknownError):
        erp.save_project(KULTURHUSET)
    with pytest.raises(OutcomeUnknownError):
        erp.post([VOUCHER], year=2026)
    found = erp.find_company(NORDLYS.moment_id)
    assert found
    assert found.number == 10001
    assert erp.posted(1, day=DAY) == lines_of(VOUCHER, NORDLYS.name)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("hang", {"seconds": 5}),
        ("slow", {"seconds": 5}),
        ("fault", {}),
        ("error_500", {}),
        ("error_503", {}),
        ("garbage", {}),
        ("html", {}),
        ("too_many", {"seconds": 1}),
    ],
)
def test_a_reading_call_can_fail_in_many_ways_and_is_retried(
    twentyfour_sandbox: TwentyFourSandbox, kind: str, more: dict[str, Any]
) -> None:
    erp = twentyfour_sandbox.gateway(answer_seconds=0.2)
    twentyfour_sandbox.add_fault("GetFiscalYears", kind, **more)
    with pytest.raises(UnavailableError):
        erp.fiscal_years()


def test_a_year_locked_meanwhile_needs_attention(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = with_records(twentyfour_sandbox.gateway())
    twentyfour_sandbox.control("PUT", "/books/1/years/2026", {"locked": True})
    with pytest.raises(OutcomeUnknownError, match="låst") as refused:
        erp.post([VOUCHER], year=2026)
    assert isinstance(refused.value.otherwise, RejectedError)


def test_a_fiscal_year_that_is_not_set_up_has_no_voucher_number(twentyfour_sandbox: TwentyFourSandbox) -> None:
    with pytest.raises(RejectedError, match="-100"):
        twentyfour_sandbox.gateway().next_voucher_number(date(2031, 1, 1))


def test_cached_data_is_read_once_until_it_is_dropped(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = twentyfour_sandbox.gateway()
    for _ in range(3):
        erp.tax_codes()
        erp.fiscal_years()
    assert twentyfour_sandbox.calls() == {"Login": 1, "GetAccountList": 1, "GetFiscalYears": 1}
    twentyfour_sandbox.control("PUT", "/books/1/years/2026", {"locked": True})
    erp.forget()
    assert [year.number for year in erp.fiscal_years() if year.locked] == [2024, 2026]


def test_a_lost_session_costs_one_more_login_and_nothing_else(twentyfour_sandbox: TwentyFourSandbox) -> None:
    erp = twentyfour_sandbox.gateway()
    erp.save_companies([NORDLYS])
    twentyfour_sandbox.add_fault("SaveProject", "lose_session")
    erp.save_project(KULTURHUSET)
    assert twentyfour_sandbox.calls() == {"Login": 2, "SaveCompanies": 1, "SaveProject": 2}


def test_a_client_is_chosen_by_its_identity(twentyfour_sandbox: TwentyFourSandbox) -> None:
    login = {"username": "many@example.com", "password": "many-password"}
    undecided = twentyfour_sandbox.gateway(identity_id="", **login)
    with pytest.raises(MisconfiguredError) as refused:
        undecided.save_companies([NORDLYS])
    usable = {identity.client: identity.id for identity in undecided.identities() if identity.usable}
    assert usable.keys() == {"Demo AS", "Fjord Prosjekt AS"}
    assert "2 clients" in refused.value.message
    twentyfour_sandbox.gateway(identity_id=usable["Fjord Prosjekt AS"], **login).save_companies([NORDLYS])
    assert [len(twentyfour_sandbox.records("customers", client)) for client in (1, 2)] == [0, 1]


@pytest.mark.parametrize(
    ("change", "error_code"), [({"password": "another"}, "login_refused"), ({"blocked": True}, "identity_blocked")]
)
def test_a_login_that_no_longer_works_needs_attention(
    twentyfour_sandbox: TwentyFourSandbox, change: dict[str, Any], error_code: str
) -> None:
    twentyfour_sandbox.control("PATCH", "/logins/demo@example.com", change)
    with pytest.raises(MisconfiguredError) as refused:
        twentyfour_sandbox.gateway().tax_codes()
    assert refused.value.error_code == error_code


def test_the_hourly_limit_is_respected_before_it_is_exceeded(twentyfour_sandbox: TwentyFourSandbox) -> None:
    twentyfour_sandbox.control("PUT", "/limits", {"per_hour": 3})
    erp = twentyfour_sandbox.gateway()
    erp.tax_codes()
    erp.fiscal_years()
    with pytest.raises(UnavailableError) as refused:
        erp.next_voucher_number(DAY)
    assert refused.value.error_code == "budget"
    assert sum(twentyfour_sandbox.calls().values()) == 3


def test_calls_are_logged_but_never_the_password_or_the_session(twentyfour_sandbox: TwentyFourSandbox) -> None:
    with recording_calls() as heard:
        twentyfour_sandbox.gateway().save_companies([NORDLYS])
    assert [call.operation for call in heard] == ["SaveCompanies"]
    assert "Nordlys Arkitekter AS" in heard[0].request
    assert "10001" in heard[0].response
    assert not [secret for secret in ("demo-password", "SessionId") if secret in str(heard)]
