from decimal import Decimal

import pytest

from tests.sandbox.moment.conftest import CUSTOMER, DRAFT, PROJECT, Clock, Moment


def test_a_wrong_key_is_refused(moment: Moment) -> None:
    assert moment.api("GET", "customers", auth=("apikey", "wrong")).status_code == 401
    assert moment.api("GET", "customers", auth=("kari", "moment-demo-key")).status_code == 401
    assert moment.control("GET", "api/1.0/companies/1001/customers").status_code == 401


def test_a_key_reaches_its_own_company_only(moment: Moment) -> None:
    assert moment.api("GET", "customers", auth=("apikey", "moment-other-key")).status_code == 403
    assert moment.api("GET", "../9999/customers").status_code == 404


def test_a_company_may_change_its_key(moment: Moment) -> None:
    moment.control("PUT", "companies/1001", json={"name": "Demo AS", "api_key": "new"})
    assert moment.api("GET", "customers").status_code == 401
    assert moment.api("GET", "customers", auth=("apikey", "new")).status_code == 200


def test_the_demo_company_has_the_records_of_the_documented_webhook(moment: Moment) -> None:
    assert moment.read(f"customers/{CUSTOMER}")["customerNumber"] == ""
    assert moment.read(f"projects/{PROJECT}")["projectNumber"] == "1"
    assert moment.read(f"invoices/{DRAFT}")["invoiceState"] == "draft"
    accounts = moment.read("financialAccounts")["content"]
    assert [(one["id"], one["accountNumber"], one["currentVatPercentage"]) for one in accounts] == [
        (501, 3000, 25),
        (502, 3020, 15),
        (503, 3100, 0),
    ]


def test_a_created_record_can_be_read_changed_and_deleted(moment: Moment) -> None:
    made = moment.make("customers", name="Ås Bygg AS", email="post@aas.example.com")
    path = f"customers/{made['id']}"
    assert moment.api("PATCH", path, json={"customerNumber": "10002"}).status_code == 200
    assert moment.api("PUT", path, json={"phone": "22 33 44 55"}).status_code == 200
    assert moment.read(path) == {**made, "customerNumber": "10002"}
    assert moment.read(f"{path}/include/phone")["phone"] == "22 33 44 55"
    assert moment.api("DELETE", path).status_code == 204
    assert moment.api("GET", path).status_code == 404


@pytest.mark.parametrize("path", ["customers", f"customers/{CUSTOMER}"])
def test_omitted_fields_are_included_by_the_path(moment: Moment, path: str) -> None:
    def read(path: str) -> set[str]:
        answer = moment.read(path)
        return set(answer["content"][0] if "content" in answer else answer)

    left_out = read(f"{path}/include/base+email+phone+addresses") - read(path)
    assert left_out == {"email", "invoiceEmail", "phone", "addresses"}
    assert read(f"{path}/include/base+email") - read(path) == {"email", "invoiceEmail"}
    assert read(f"{path}/include/phone,addresses") - read(path) == {"phone", "addresses"}


@pytest.mark.parametrize("path", ["customers/include/base+fax", f"projects/{PROJECT}/include/email"])
def test_an_unknown_include_is_refused(moment: Moment, path: str) -> None:
    assert moment.api("GET", path).status_code == 400


def test_a_list_comes_in_pages_even_without_a_limit(moment: Moment) -> None:
    for number in range(4):
        moment.make("customers", name=f"Customer {number}")
    last = moment.read("customers", page="2", size="2")
    assert last["page"] == {"number": 2, "size": 2, "totalElements": 5, "totalPages": 3}
    assert [one["name"] for one in last["content"]] == ["Customer 3"]
    assert len(moment.read("customers", size="2", noLimit="true")["content"]) == 2
    upwards, downwards = (moment.read("customers", sort=f"id,{way}")["content"] for way in ("asc", "desc"))
    assert downwards == upwards[::-1] != upwards


def test_known_filters_filter_and_unknown_ones_are_ignored(moment: Moment) -> None:
    moment.make("customers", name="Ås Bygg AS", customerNumber="10002")
    assert len(moment.read("customers", customerNumber="10002")["content"]) == 1
    assert len(moment.read("customers", customerNumber="10003")["content"]) == 0
    assert len(moment.read("customers", numberOfCustomer="10003")["content"]) == 2


def test_the_date_filter_ignores_the_time(moment: Moment, clock: Clock) -> None:
    clock.move(days=1)
    made = moment.make("customers", name="Ås Bygg AS")
    for since in ("2026-04-01", "2026-04-01T23:59:59Z", "2026-04-02T01:30:00+02:00"):
        assert [one["id"] for one in moment.read("customers", lastModifiedDateFrom=since)["content"]] == [
            made["id"]
        ]
    clock.move(days=-1)


def test_instants_are_utc(moment: Moment) -> None:
    assert moment.read(f"customers/{CUSTOMER}")["lastModifiedDate"] == "2026-03-31T22:30:00.000Z"


def test_amounts_keep_their_decimals(moment: Moment) -> None:
    body = f'{{"projectId": {PROJECT}, "amountInclVat": 1234567.10}}'
    made = moment.api("POST", "projectExpenses", data=body)
    assert '"amountInclVat": 1234567.10,' in made.text
    exact = moment.make("projectExpenses", projectId=PROJECT, amountInclVat="0.123456")
    assert exact["amountInclVat"] == Decimal("0.123456")


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "Ås Bygg AS", "nmae": "a slip"}',
        '{"customerType": "government"}',
        '{"id": 7}',
        '{"customer_number": "10001"}',
        "[]",
        "{",
        '{"name": NaN}',
    ],
)
def test_malformed_input_is_refused(moment: Moment, body: str) -> None:
    assert moment.api("POST", "customers", data=body.encode()).status_code == 400
    assert moment.api("PATCH", f"customers/{CUSTOMER}", data=body.encode()).status_code == 400
    assert len(moment.read("customers")["content"]) == 1


def test_a_project_without_a_number_gets_the_next(moment: Moment) -> None:
    assert moment.make("projects", name="Låven", customerId=CUSTOMER)["projectNumber"] == "2"
    assert moment.api("POST", "projects", json={"name": "Naustet", "customerId": 1}).status_code == 400


def test_the_books_show_the_records_of_the_api(moment: Moment) -> None:
    assert moment.control("GET", "books/1001/invoices").json() == moment.read("invoices")["content"]
    assert moment.control("GET", "books/1002/customers").json() == []
    companies = [{"id": "1001", "name": "Demo AS"}, {"id": "1002", "name": "Fjord Prosjekt AS"}]
    assert moment.control("GET", "books").json() == {"companies": companies}


def test_reset_restores_the_seeded_state(moment: Moment) -> None:
    moment.api("DELETE", f"projects/{PROJECT}")
    moment.control("PUT", "companies/1003", json={"name": "New AS", "api_key": "key"})
    moment.control("POST", "reset")
    assert moment.read(f"projects/{PROJECT}")["projectNumber"] == "1"
    assert len(moment.control("GET", "books").json()["companies"]) == 2
