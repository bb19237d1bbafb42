from datetime import timedelta

import pytest

from tests.sandbox.twentyfour.soap_client import Answer, SoapClient


def search(soap: SoapClient, parameters: str, *properties: str) -> list[Answer]:
    names = "".join(f"<string>{name}</string>" for name in properties or ("Id", "Name"))
    inner = f"<searchParams>{parameters}</searchParams><returnProperties>{names}</returnProperties>"
    return soap.call("GetCompanies", inner).all("Company")


def names(found: list[Answer]) -> list[str]:
    return [company["Name"] for company in found]


def test_a_new_customer_gets_the_next_customer_number(demo: SoapClient) -> None:
    saved = [demo.save_company()["Id"] for _ in range(2)]
    assert saved == ["10001", "10002"]
    assert [customer["number"] for customer in demo.records("customers")] == [10001, 10002]


def test_a_customer_is_kept_as_it_was_sent(demo: SoapClient) -> None:
    demo.save_company(
        "<ExternalId>62788973</ExternalId><OrganizationNumber>916634326</OrganizationNumber><Name>Kunde AS</Name>"
        "<Addresses><Post><Street>Storgata 1</Street><PostalArea>Tromsø</PostalArea></Post></Addresses>"
        "<PhoneNumbers><Primary><Value>77 00 00 00</Value></Primary></PhoneNumbers>"
        "<EmailAddresses><Invoice><Value>faktura@kunde.no</Value></Invoice><Primary><Value>post@kunde.no</Value>"
        "</Primary></EmailAddresses><Country>NO</Country><Type>Business</Type>"
    )
    assert demo.records("customers") == [
        {
            "number": 10001,
            "name": "Kunde AS",
            "organization_number": "916634326",
            "type": "Business",
            "external_id": "62788973",
            "country": "NO",
            "phones": {"Primary": "77 00 00 00"},
            "addresses": {"Post": {"Street": "Storgata 1", "PostalArea": "Tromsø"}},
            "emails": {"Invoice": "faktura@kunde.no", "Primary": "post@kunde.no"},
        }
    ]


def test_a_customer_with_its_number_is_overwritten(demo: SoapClient) -> None:
    demo.save_company("<ExternalId>7</ExternalId><Name>Kunde AS</Name><Type>Business</Type>")
    demo.save_company("<Id>10001</Id><Name>Kunde og Sønn AS</Name><Type>Business</Type>")
    [customer] = demo.records("customers")
    assert (customer["name"], customer["external_id"]) == ("Kunde og Sønn AS", "")


def test_a_customer_gets_the_free_number_it_is_sent_with(demo: SoapClient) -> None:
    company = "<Id>{}</Id><Name>Kunde AS</Name><Type>Business</Type>"
    explicitly = "<ExplicitlySpecifyNewCompanyId>true</ExplicitlySpecifyNewCompanyId>"
    assert demo.save_company(company.format(777))["Id"] == "777"
    assert demo.save_company(company.format(778) + explicitly)["Id"] == "778"
    assert demo.save_company()["Id"] == "10001"
    assert [customer["number"] for customer in demo.records("customers")] == [777, 778, 10001]


@pytest.mark.parametrize(
    ("company", "message"),
    [
        ("<Name>Kunde AS</Name>", "Property Type is missing."),
        ("<Name>Kunde AS</Name><Type>None</Type>", "Property Type is missing."),
        ("<Type>Business</Type>", "Property Name is missing."),
        (f"<Name>{'x' * 201}</Name><Type>Business</Type>", "Property Name is longer than 200 characters."),
        (f"<Name>{'🎉' * 101}</Name><Type>Business</Type>", "Property Name is longer than 200 characters."),
        (
            f"<OrganizationNumber>{'9' * 21}</OrganizationNumber><Name>Kunde AS</Name><Type>Business</Type>",
            "Property OrganizationNumber is longer than 20 characters.",
        ),
        (
            "<Name>Kunde AS</Name><FirstName>Kari</FirstName><Type>Business</Type>",
            "Property FirstName is for consumers only.",
        ),
    ],
)
def test_a_refused_customer_says_why_at_http_200(demo: SoapClient, company: str, message: str) -> None:
    refused = demo.save_company(company)
    assert refused["APIException/Message"] == message
    assert "Id" not in refused
    assert demo.records("customers") == []


def test_one_refused_customer_does_not_stop_the_others(demo: SoapClient) -> None:
    companies = "<Company><Name>{}</Name>{}</Company>"
    good, bad = companies.format("God AS", "<Type>Business</Type>"), companies.format("Uten type AS", "")
    answers = demo.call("SaveCompanies", f"<companies>{bad}{good}</companies>").all("Company")
    assert ["APIException" not in answer for answer in answers] == [False, True]
    assert [customer["name"] for customer in demo.records("customers")] == ["God AS"]


def test_a_search_needs_a_parameter(demo: SoapClient) -> None:
    for nothing in ("", "<CompanyId>-2147483648</CompanyId>", "<CompanyName/>", "<CompanyIds/>"):
        inner = f"<searchParams>{nothing}</searchParams><returnProperties><string>Id</string></returnProperties>"
        assert demo.fault("GetCompanies", inner) == "Please specify at least one search parameter"


def test_only_the_requested_properties_are_returned(demo: SoapClient) -> None:
    demo.save_company("<ExternalId>7</ExternalId><Name>Kunde AS</Name><Type>Business</Type>")
    [company] = search(demo, "<ExternalId>7</ExternalId>", "Name")
    assert company.parts() == {"Id": "10001", "Name": "Kunde AS"}
    [company] = search(demo, "<ExternalId>7</ExternalId>", "ExternalId", "Type")
    assert company.parts() == {"Id": "10001", "ExternalId": "7", "Name": "Kunde AS", "Type": "Business"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("%", ["Nordlys AS", "En Annen AS"]),
        ("nord%", ["Nordlys AS"]),
        ("%annen%", ["En Annen AS"]),
        ("NORDLYS AS", ["Nordlys AS"]),
        ("nordlys", []),
    ],
)
def test_a_name_search_ignores_case_and_takes_percent_signs(demo: SoapClient, name: str, found: list[str]) -> None:
    for company in ("Nordlys AS", "En Annen AS"):
        demo.save_company(f"<Name>{company}</Name><Type>Business</Type>")
    assert names(search(demo, f"<CompanyName>{name}</CompanyName>")) == found


def test_customers_are_found_by_every_parameter(demo: SoapClient) -> None:
    demo.save_company(
        "<ExternalId>7</ExternalId><OrganizationNumber>916634326</OrganizationNumber><Name>Kunde AS</Name>"
        "<PhoneNumbers><Work><Value>22334455</Value></Work></PhoneNumbers>"
        "<EmailAddresses><Primary><Value>post@kunde.no</Value></Primary></EmailAddresses><Type>Business</Type>"
    )
    demo.save_company("<Name>En Annen AS</Name><Type>Business</Type>")
    for parameter in (
        "<ExternalId>7</ExternalId>",
        "<CompanyId>10001</CompanyId>",
        "<CompanyIds><int>10001</int><int>55</int></CompanyIds>",
        "<CompanyName>kunde as</CompanyName>",
        "<CompanyEmail>post@kunde.no</CompanyEmail>",
        "<CompanyPhone>22334455</CompanyPhone>",
        "<OrganizationNumber>916634326</OrganizationNumber>",
    ):
        assert names(search(demo, parameter)) == ["Kunde AS"], parameter
    assert names(search(demo, "<ExternalId>7</ExternalId><CompanyName>En Annen AS</CompanyName>")) == []


def test_customers_are_found_by_when_they_were_changed(demo: SoapClient) -> None:
    demo.save_company("<Name>Gammel AS</Name><Type>Business</Type>")
    demo.clock.now += timedelta(minutes=1)
    since = demo.clock.now.strftime("%Y-%m-%dT%H:%M:%S")
    demo.save_company("<Name>Ny AS</Name><Type>Business</Type>")
    assert names(search(demo, f"<ChangedAfter>{since}Z</ChangedAfter>")) == ["Ny AS"]
    assert names(search(demo, f"<ChangedAfter>{since}</ChangedAfter>")) == ["Ny AS"]


def test_each_client_has_its_own_customers(demo: SoapClient) -> None:
    demo.save_company()
    assert demo.records("customers", client=2) == []


def sync_list(
    soap: SoapClient, *, page: str = "", active: str = '<Active xsi:nil="true"/>', rest: str = ""
) -> Answer:
    return soap.call("GetCompanySyncList", f"<syncSearchParameters>{page}{active}{rest}</syncSearchParameters>")


def test_the_list_of_changes_includes_inactive_customers(demo: SoapClient) -> None:
    demo.save_company("<ExternalId>7</ExternalId><Name>Kunde AS</Name><Type>Business</Type>")
    demo.control("POST", "/books/1/customers", {"name": "Gammel AS", "active": False}, expect=201)
    listed = sync_list(demo).all("SyncCompany")
    assert [each["CompanyId"] for each in listed] == ["10001", "10002"]
    assert [(each.text("ExternalId"), each["Active"]) for each in listed] == [("7", "true"), ("", "false")]
    assert [
        each["CompanyId"] for each in sync_list(demo, page="<Page>1</Page>", active="").all("SyncCompany")
    ] == [
        "10001",
        "10002",
    ]
    in_use = sync_list(demo, active="<Active>true</Active>")
    assert [each["CompanyId"] for each in in_use.all("SyncCompany")] == ["10001"]
    later = sync_list(demo, rest="<ChangedAfter>2027-01-01T00:00:00</ChangedAfter>")
    assert later.all("SyncCompany") == []


def test_the_list_of_changes_comes_in_pages_of_a_thousand(demo: SoapClient) -> None:
    many = "<Company><Name>Kunde AS</Name><Type>Business</Type></Company>" * 1002
    demo.call("SaveCompanies", f"<companies>{many}</companies>")
    first, second = sync_list(demo), sync_list(demo, page="<Page>2</Page>")
    assert (first["TotalPages"], first["TotalItems"], len(first.all("SyncCompany"))) == ("2", "1002", 1000)
    assert [each["CompanyId"] for each in second.all("SyncCompany")] == ["11001", "11002"]
