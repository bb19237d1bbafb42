import pytest

from tests.sandbox.twentyfour.soap_client import Json, SoapClient


def project(*, number: int = 1, name: str = "Nybygg", more: str = "", options: str = "") -> str:
    return (
        f"<project><Id>{number}</Id><Name>{name}</Name><NameDisplay>Plain</NameDisplay>{more}"
        f"<TimeReg>WorkType</TimeReg>{options}</project>"
    )


def save(soap: SoapClient, **fields: Json) -> str:
    return soap.call("SaveProject", project(**fields))["SaveProjectResult"]


def listed(soap: SoapClient, search: str) -> list[str]:
    return [found["Id"] for found in soap.call("GetProjectList", f"<Ps>{search}</Ps>").all("Project")]


def test_a_project_has_the_number_that_the_caller_chose(demo: SoapClient) -> None:
    assert save(demo, number=4711) == "4711"
    assert [one["number"] for one in demo.records("projects")] == [4711]


def test_a_project_without_a_number_gets_the_next(demo: SoapClient) -> None:
    save(demo, number=4711)
    assert save(demo, number=-(2**31)) == "4712"


def test_a_project_is_kept_with_its_customer_and_the_fields_for_a_client_id(demo: SoapClient) -> None:
    demo.save_company()
    save(
        demo,
        more="<DateStart>2026-01-01T00:00:00</DateStart><CustomerId>10001</CustomerId>"
        "<OrderReferenceNumber>77</OrderReferenceNumber><DepartmentId>3</DepartmentId>",
    )
    assert demo.records("projects") == [
        {
            "number": 1,
            "name": "Nybygg",
            "customer_number": 10001,
            "OrderReferenceNumber": "77",
            "CustomerReference": "",
            "DepartmentId": 3,
            "TypeId": None,
            "starts": "2026-01-01",
            "ends": None,
        }
    ]
    found = demo.call("GetSingleProject", "<projectId>1</projectId>")
    assert found["CustomerName"] == "Kunde AS"
    assert "DateStop" not in found


def test_a_project_with_a_known_number_is_changed_if_the_caller_says_so(demo: SoapClient) -> None:
    save(demo, more="<OrderReferenceNumber>77</OrderReferenceNumber>")
    save(demo, name="Tilbygg")
    [one] = demo.records("projects")
    assert (one["name"], one["OrderReferenceNumber"]) == ("Tilbygg", "77")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"number": 0}, "Project Id 0 is not valid."),
        ({"name": ""}, "Property Name is missing."),
        ({"more": "<CustomerId>999</CustomerId>"}, "Customer 999 does not exist."),
    ],
)
def test_an_invalid_project_is_refused_with_a_fault(
    demo: SoapClient, fields: dict[str, Json], message: str
) -> None:
    assert demo.fault("SaveProject", project(**fields)) == message
    assert demo.records("projects") == []


def test_closed_projects_are_in_a_separate_list_by_number_and_name(demo: SoapClient) -> None:
    save(demo)
    demo.control("POST", "/books/1/projects", {"number": 2, "name": "Riving", "closed": True}, expect=201)
    assert listed(demo, "") == ["1"]
    assert listed(demo, "<ProjectIds><int>2</int></ProjectIds>") == []
    [closed] = demo.call("GetDeactivatedProjectNameList").all("ProjectShort")
    assert closed.parts() == {"Id": "2", "Name": "Riving"}
    save(demo, number=2, name="Ombygging")
    assert demo.call("GetDeactivatedProjectNameList")["Name"] == "Ombygging"
    assert demo.call("GetSingleProject", "<projectId>2</projectId>")["Name"] == "Ombygging"


def test_a_missing_project_is_an_empty_response(demo: SoapClient) -> None:
    assert "GetSingleProjectResult" not in demo.call("GetSingleProject", "<projectId>1</projectId>")


def test_projects_are_found_by_every_parameter(demo: SoapClient) -> None:
    demo.save_company()
    save(demo, more="<DateStart>2026-02-01T00:00:00</DateStart><CustomerId>10001</CustomerId>")
    before = demo.clock.now.strftime("%Y-%m-%dT%H:%M:%S")
    save(demo, number=2, name="Riving")
    assert listed(demo, "") == ["1", "2"]
    assert listed(demo, "<ProjectIds><int>2</int></ProjectIds>") == ["2"]
    assert listed(demo, "<CustomerId>10001</CustomerId>") == ["1"]
    assert listed(demo, "<Search>riv</Search>") == ["2"]
    assert listed(demo, f"<ChangedAfter>{before}</ChangedAfter>") == ["2"]
    assert listed(demo, "<StartedAfter>2026-01-31T00:00:00</StartedAfter>") == ["1"]
    assert listed(demo, "<StartedBefore>2026-01-31T00:00:00</StartedBefore>") == []
