"""Matching a Moment customer with those in 24SevenOffice: certain, asked, or none."""

from dataclasses import replace
from typing import Any

import pytest

from sync.records import Company, ExistingProject, ProjectDraft
from sync.rules.matching import CustomerMatcher, Match, has_same_name_and_customer
from tests import factories

NORDLYS = Company(10234, "Nordlys Arkitekter AS", "923609016", emails=("post@nordlys.example",))
NAMELESS = Company(10235, "Something else AS")


def matched(*companies: Company, **values: Any) -> Match:
    return CustomerMatcher([*companies, NAMELESS]).match(factories.customer("7", **values))


@pytest.mark.parametrize(
    "written",
    [
        "923609016",
        "923 609 016",
        "NO 923.609.016 MVA",
        "no923609016mva",
        "923609016\u200b",
        "\u202a923\u00a0609\u00a0016\u202c",
        "NO923609016MVA.",
        "Org.nr. 923 609 016",
        "MVA 923609016",
        "NO 923 609 016 MVA Foretaksregisteret",
    ],
)
def test_a_customer_is_known_by_its_organization_number_however_it_is_written(written: str) -> None:
    held = Company(10234, "Another name altogether", written)
    assert matched(held) == Match(10234)


@pytest.mark.parametrize(
    ("ours", "theirs", "country"),
    [
        ("SE556703485901", "556703-4859", "SE"),
        ("SE 556703-4859", "Org.nr. 556703\u20134859", "SE"),
        ("DK12345678", "12345678", "DK"),
        ("FI12345671", "1234567-1", "FI"),
        ("GB 123 4567 89", "GB123456789", "GB"),
    ],
)
def test_a_vat_number_and_the_organization_number_in_it_are_the_same_firm(
    ours: str, theirs: str, country: str
) -> None:
    for moment, held in ((ours, theirs), (theirs, ours)):
        company = Company(10234, "Skånska Bygg AB", held)
        values = {"name": "Skånska Bygg AB", "organization_number": moment, "country": country}
        assert matched(company, **values) == Match(10234)


def test_an_identity_number_is_not_matched_as_an_organization_number() -> None:
    held = Company(10234, "Another name altogether", "15076500565")
    assert matched(held, organization_number="150765 00565", is_company=False) == Match()


@pytest.mark.parametrize("name", ["NORDLYS ARKITEKTER AS", "  Nordlys   Arkitekter AS ", "Nordlys Arkitekter\tas"])
def test_a_customer_matches_by_name_if_either_has_no_organization_number(name: str) -> None:
    assert matched(Company(10234, name)) == Match(10234)
    assert matched(Company(10234, name, "923609016"), organization_number="") == Match(10234)


def test_the_same_name_with_another_organization_number_is_another_company() -> None:
    assert matched(Company(10234, "Nordlys Arkitekter AS", "974760673")) == Match()


@pytest.mark.parametrize(
    "unreadable", ["92360901", "923609017", "923 609 016 / 974 760 673", "SE 556703-7485", "999 999 999"]
)
def test_the_same_name_with_a_number_that_cannot_be_read_is_asked_about(unreadable: str) -> None:
    held = Company(10234, "Nordlys Arkitekter AS", unreadable)
    assert matched(held) == Match(candidates=(held,))
    assert matched(replace(held, name="Another name altogether")) == Match()


@pytest.mark.parametrize(
    ("number", "country"), [("N/A", "GB"), ("0", "GB"), ("none", "GB"), ("?", "GB"), ("000 000 000", "NO")]
)
def test_a_word_that_means_no_organization_number_is_ignored(number: str, country: str) -> None:
    held = Company(10234, "Acme GmbH", number)
    assert matched(held, organization_number=number, country=country) == Match()
    assert matched(held, organization_number=number, country=country, number="10234") == Match()
    person = replace(held, name="Ola Nordmann")
    ola: dict[str, Any] = {"name": "Ola Nordmann", "organization_number": number, "is_company": False, "email": ""}
    assert matched(person, **ola) == Match(candidates=(person,))


@pytest.mark.parametrize(
    ("ours", "theirs", "country"),
    [
        ("2011204-5", "20112045", "FI"),
        ("923609016", "923609016", "PT"),
        ("923609016", "DE923609016", "NO"),
        ("999 999 999", "999999999", "NO"),
    ],
)
def test_a_number_that_two_countries_may_give_out_is_certain_with_the_name_only(
    ours: str, theirs: str, country: str
) -> None:
    held = Company(10234, "Øresund Tømmer ApS", theirs)
    assert matched(held, organization_number=ours, country=country) == Match(candidates=(held,))
    named = replace(held, number=10299, name="Nordlys Arkitekter AS", organization_number="")
    assert matched(held, named, organization_number=ours, country=country) == Match(candidates=(held, named))
    same = replace(held, name="Nordlys Arkitekter AS")
    assert matched(same, organization_number=ours, country=country) == Match(10234)


@pytest.mark.parametrize(
    "name",
    [
        "NORDLYS ARKITEKTER A/S",
        "Nordlys Arkitekter",
        "Nordlys Arkitekter AS.",
        "Nordlys Arkitekter, AS",
        "Nordlys-Arkitekter ASA",
        "AS Nordlys Arkitekter",
    ],
)
def test_the_same_name_in_another_spelling_is_asked_about(name: str) -> None:
    held = Company(10234, name)
    assert matched(held, email="") == Match(candidates=(held,))
    assert matched(held, email="", number="10234") == Match(candidates=(held,))
    assert matched(replace(held, organization_number="974760673"), email="") == Match()
    assert matched(held, replace(held, number=10235, name="Nordlys Arkitekter AS"), email="") == Match(10235)


@pytest.mark.parametrize("name", ["Texas", "AS", "Nordlys", "Nordlys Arkitekter Bergen AS"])
def test_an_equal_legal_form_alone_is_no_match(name: str) -> None:
    assert matched(Company(10234, name), email="") == Match()
    assert matched(Company(10234, "ASA"), name="AS", organization_number="", email="") == Match()


def test_a_customer_that_matches_none_is_new() -> None:
    assert matched() == Match()


def test_an_empty_name_number_or_address_is_nothing_in_common() -> None:
    held = Company(10234, "", "", emails=("",))
    assert matched(held, name="", organization_number="", email="") == Match()


def test_an_e_mail_address_alone_is_asked_about() -> None:
    held = Company(10234, "Nordlys", emails=("POST@nordlys.example",))
    assert matched(held) == Match(candidates=(held,))
    of_another = Company(10234, "Nordlys", "974760673", emails=("post@nordlys.example",))
    assert matched(of_another) == Match()


def test_several_of_one_organization_number_are_distinguished_by_name_or_asked_about() -> None:
    branch = Company(10235, "Nordlys avd. Bergen", "923609016")
    other = Company(10236, "Nordlys avd. Oslo", "923 609 016")
    assert matched(branch, NORDLYS) == Match(10234)
    assert matched(branch, other) == Match(candidates=(branch, other))


def test_several_of_one_name_are_distinguished_by_e_mail_or_asked_about() -> None:
    first, second = Company(1, "Ola Nordmann", emails=("ola@one.example",)), Company(2, "Ola Nordmann")
    ola: dict[str, Any] = {"name": "Ola Nordmann", "organization_number": "", "is_company": False}
    assert matched(first, second, **ola, email="Ola@One.example") == Match(1)
    assert matched(first, second, **ola, email="") == Match(candidates=(first, second))


def test_a_private_person_of_the_same_name_and_another_address_is_asked_about() -> None:
    held = Company(1, "Ola Nordmann", emails=("ola@one.example",))
    ola: dict[str, Any] = {"name": "Ola Nordmann", "organization_number": "", "is_company": False}
    assert matched(held, **ola, email="ola@two.example") == Match(candidates=(held,))


def test_a_private_person_is_known_by_name_and_address_but_not_by_the_name_alone() -> None:
    ola: dict[str, Any] = {"name": "Ola Nordmann", "organization_number": "", "is_company": False}
    for held in (Company(1, "Ola Nordmann", emails=("ola@one.example",)), Company(1, "Ola Nordmann", person=True)):
        assert matched(held, **ola, email="") == Match(candidates=(held,))
    assert matched(
        Company(1, "Ola Nordmann", emails=("ola@one.example",)), **ola, email="OLA@one.example"
    ) == Match(1)
    assert matched(Company(1, "Ola Nordmann"), **ola, email="", number="1") == Match(1)


@pytest.mark.parametrize("known_by", [{"number": "1"}, {"email": "post@hansen.example"}, {}])
def test_a_private_person_never_matches_one_with_an_organization_number(known_by: dict[str, str]) -> None:
    hansen: dict[str, Any] = {"name": "Hansen", "organization_number": "", "is_company": False, "email": ""}
    held = Company(1, "Hansen", "983658776", emails=("post@hansen.example",))
    assert matched(held, **(hansen | known_by)) == Match(candidates=(held,))
    ours = replace(held, moment_id="7")
    assert matched(ours, **(hansen | known_by)) == Match(candidates=(ours,))


def test_a_business_is_not_known_by_the_name_of_a_private_person() -> None:
    held = Company(1, "Nordlys Arkitekter AS", person=True)
    assert matched(held) == Match(candidates=(held,))
    assert matched(replace(held, emails=("post@nordlys.example",))) == Match(1)


@pytest.mark.parametrize("against", ["supplier", "inactive"])
def test_a_supplier_and_one_out_of_use_are_asked_about_unless_there_is_a_customer(against: str) -> None:
    held = replace(NORDLYS, number=10233)
    unfit = replace(held, supplier=True) if against == "supplier" else replace(held, active=False)
    assert matched(unfit) == Match(candidates=(unfit,))
    assert matched(unfit, NORDLYS) == Match(10234)


@pytest.mark.parametrize(
    "customer", [{}, {"organization_number": ""}, {"organization_number": "", "is_company": False}]
)
def test_a_supplier_under_the_number_that_moment_knows_is_asked_about(customer: dict[str, Any]) -> None:
    supplier = replace(NORDLYS, organization_number="", supplier=True)
    assert matched(supplier, number="10234", **customer) == Match(candidates=(supplier,))
    assert matched(replace(supplier, moment_id="7"), number="10234", **customer) == Match(10234)


@pytest.mark.parametrize("known_by", [{"moment_id": "7"}, {}])
def test_a_known_but_inactive_customer_is_asked_about(known_by: dict[str, Any]) -> None:
    merged_away = replace(NORDLYS, active=False, **known_by)
    assert matched(merged_away, number="10234") == Match(candidates=(merged_away,))
    merged_into = replace(NORDLYS, number=10300)
    assert matched(merged_away, merged_into, number="10234") == Match(10300)


def test_a_candidate_with_another_external_id_is_asked_about() -> None:
    held = Company(10234, "Nordlys Arkitekter AS", "923609016", moment_id="8")
    assert matched(held) == Match(candidates=(held,))


def test_a_candidate_with_its_moment_id_is_certain_the_oldest_of_several() -> None:
    held = [Company(number, "Nordlys Arkitekter AS", "", moment_id="7") for number in (10300, 10299)]
    assert matched(*held, NORDLYS) == Match(10299)


def test_a_candidate_with_its_moment_id_by_chance_is_not_matched() -> None:
    chance = Company(10234, "Helt Andre AS", "974760673", moment_id="7")
    assert matched(chance) == Match()
    unsure = Company(10234, "Helt Andre AS", moment_id="7")
    assert matched(unsure) == Match(candidates=(unsure,))


def test_moments_number_is_trusted_if_the_names_agree() -> None:
    twin = Company(10299, "Nordlys Arkitekter AS")
    assert matched(twin, Company(10234, "Nordlys Arkitekter AS"), number="10234") == Match(10234)


def test_moments_number_is_asked_about_if_the_names_are_similar() -> None:
    held = Company(10234, "Nordlys Arkitektkontor AS")
    assert matched(held, number="10234") == Match(candidates=(held,))
    assert matched(held, number="10299") == Match()


@pytest.mark.parametrize(
    "held",
    [
        Company(10234, "Helt Andre AS"),
        Company(10234, "Nordlys Arkitekter AS", "974760673"),
        Company(10234, "Nordlys Arkitekter og venner AS", moment_id="8"),
    ],
)
def test_a_number_reassigned_to_another_customer_means_nothing(held: Company) -> None:
    assert matched(held, number="10234") == Match()


@pytest.mark.parametrize("number", ["", "A-1", "\uff11", "99999999999999999999"])
def test_an_impossible_number_matches_no_one(number: str) -> None:
    assert matched(NORDLYS, number=number) == Match(10234)


@pytest.mark.parametrize(
    ("held", "same"),
    [
        (ExistingProject(1, "Kulturhuset", 10234), True),
        (ExistingProject(1, " KULTURHUSET "), True),
        (ExistingProject(1, "Kulturhuset", 10299), False),
        (ExistingProject(1, "Brannstasjonen", 10234), False),
    ],
)
def test_a_project_is_the_same_by_its_name_and_customer(held: ExistingProject, *, same: bool) -> None:
    assert has_same_name_and_customer(ProjectDraft(1, "Kulturhuset", 10234), held) is same


def test_a_project_without_a_customer_in_moment_is_the_same_by_its_name() -> None:
    assert has_same_name_and_customer(ProjectDraft(1, "Kulturhuset"), ExistingProject(1, "Kulturhuset", 10234))
