"""Going live on a 24SevenOffice client that has customers and projects already."""

import json
from collections.abc import Callable

import pytest
import requests

from local.demo_user import eventually, expect
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.enums import JobState, Role, Scope
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights
from tests.factories import organization_numbers
from tests.journeys.firm import Firm, Record
from web.security.cookies import SESSION
from web.security.csrf import csrf_token
from worker.container import clock

CUSTOMERS, PROJECTS = 60, 15
TWINS = 10001 + CUSTOMERS
"""The first number of customers that are indistinguishable."""

Live = tuple["Firm", dict[str, "Record"]]


@pytest.fixture
def live(new_firm: Callable[..., Firm]) -> Live:
    """A firm in use in both systems, with each Moment record by name, nothing linked and no webhooks."""
    firm = new_firm(webhook_types=())
    numbers = organization_numbers()
    entered: dict[str, Record] = {}
    for place in range(CUSTOMERS):
        number, name = next(numbers), f"Kunde {place} AS"
        by_number, by_both = place % 3 == 0, place % 3 == 1  # and else by the name alone
        dressed = f"NO {number[:3]} {number[3:6]} {number[6:]} MVA" if by_number or by_both else ""
        there = {"name": f"Gamle {name}" if by_number else name.upper(), "organization_number": dressed}
        firm.control("twentyfour", "POST", f"books/{firm.client}/customers", there)
        entered[name] = firm.enter("customers", name=name, organizationNumber=number)
    for name in ("Tvilling AS", "Dobbel AS"):
        for _ in range(2):
            firm.control("twentyfour", "POST", f"books/{firm.client}/customers", {"name": name})
        entered[name] = firm.enter("customers", name=name)
    number = next(numbers)
    firm.control(
        "twentyfour",
        "POST",
        f"books/{firm.client}/customers",
        {"name": "Navnebror AS", "organization_number": number},
    )
    entered["Navnebror AS"] = firm.enter("customers", name="Navnebror AS", organizationNumber=next(numbers))
    for place in range(1, PROJECTS + 1):
        of_customer = {"name": f"PROSJEKT {place}", "number": place, "customer_number": 10000 + place}
        firm.control("twentyfour", "POST", f"books/{firm.client}/projects", of_customer)
        name = "Et annet prosjekt" if place == PROJECTS else f"Prosjekt {place}"
        customer = entered[f"Kunde {place - 1} AS"]["id"]
        entered[name] = firm.enter("projects", name=name, projectNumber=str(place), customerId=customer)
    firm.enter("financialAccounts", accountNumber=3000, currentVatPercentage=25)
    return firm, entered


def needing_attention(firm: Firm) -> dict[str, JobView]:
    """Return the jobs that need attention, by the name of the record."""
    job_filter = JobFilter(connection_id=firm.connection.id, states=frozenset({JobState.NEEDS_ATTENTION}))
    return {str(view.title): view for view in job_list.latest(firm.container.database, job_filter)}


def expect_quiet(firm: Firm, *, asked: set[str]) -> None:
    def holds() -> None:
        expect("pending jobs", firm.pending_jobs(), [])
        expect("asked", set(needing_attention(firm)), asked)

    eventually(holds)


def choose_on_the_page(firm: Firm, job: JobView, choice: str) -> None:
    """Choose on the record's page and confirm, as a signed-in user does."""
    database, address = firm.container.database, f"{firm.stack.addresses['web']}/records/{job.id}"
    rights = Rights(Role.OPERATOR, Scope(frozenset({firm.connection.id})))
    user = users.add(database, f"kari@{firm.company}.example", rights, password=None, actor="test", now=clock())
    token = sessions.start(database, user.id, now=clock())
    cookies = {"Cookie": f"{SESSION.name}={token}"}
    asked = requests.get(f"{address}/match", params={"choice": choice}, headers=cookies, timeout=30).text
    assert f'name="choice" value="{choice}"' in asked
    fields = {"csrf": csrf_token(token), "choice": choice}
    answer = requests.post(f"{address}/answer", data=fields, headers=cookies, timeout=30, allow_redirects=False)
    assert answer.status_code == 303


def test_going_live_duplicates_no_one_and_asks_if_a_match_is_uncertain(live: Live) -> None:
    firm, entered = live
    result = firm.stack.command("connections", "match", firm.name, "--dry-run")
    assert f"match: {CUSTOMERS + PROJECTS - 1}, uncertain: 3, new: 1, can't be synced: 0" in result
    assert firm.moment("customers")[0]["customerNumber"] == ""
    assert {company["external_id"] for company in firm.records("customers")} == {""}

    asked = {"Customer Tvilling AS", "Customer Dobbel AS", f"Project {PROJECTS}"}
    for _ in range(2):  # to run it once more does no harm
        firm.stack.command("connections", "match", firm.name, "--create")
        expect_quiet(firm, asked=asked)
    numbers = {each["name"]: each["customerNumber"] for each in firm.moment("customers")}
    assert [numbers[f"Kunde {place} AS"] for place in range(CUSTOMERS)] == [
        str(10001 + place) for place in range(CUSTOMERS)
    ]
    assert numbers["Navnebror AS"] == str(TWINS + 5)
    assert numbers["Tvilling AS"] == numbers["Dobbel AS"] == ""
    assert len(firm.records("projects")) == PROJECTS
    assert firm.records("projects")[-1]["name"] == f"PROSJEKT {PROJECTS}"

    waiting = needing_attention(firm)
    choose_on_the_page(firm, waiting["Customer Tvilling AS"], str(TWINS + 1))
    shown = json.loads(
        firm.stack.command("jobs", "show", str(waiting["Customer Dobbel AS"].id), "--output", "json")
    )
    assert [offered["number"] for offered in shown["candidates"]] == [str(TWINS + 2), str(TWINS + 3)]
    firm.stack.command("jobs", "choose", str(waiting["Customer Dobbel AS"].id), "--new")
    firm.stack.command("jobs", "choose", str(waiting[f"Project {PROJECTS}"].id), str(PROJECTS))
    expect_quiet(firm, asked=set())

    project = entered["Prosjekt 1"]
    invoices = [firm.invoice(project), firm.invoice({**project, "customerId": entered["Tvilling AS"]["id"]})]
    for invoice in invoices:
        firm.notify(invoice)
    firm.expect_vouchers(invoices)
    companies = firm.records("customers")
    held = {company["external_id"]: company["number"] for company in companies if company["external_id"]}
    assert held[str(entered["Tvilling AS"]["id"])] == TWINS + 1
    assert held[str(entered["Dobbel AS"]["id"])] == TWINS + 6
    assert len(companies) == CUSTOMERS + 5 + 2  # those who were there, and two who are new
    assert len(held) == CUSTOMERS + 3  # every customer in Moment, once
    assert firm.records("projects")[-1]["name"] == "Et annet prosjekt"


def test_customers_and_projects_synced_without_matching_create_no_duplicates(live: Live) -> None:
    """Initial matching was not run: webhooks and polls sync everything, and the same questions are asked."""
    firm, entered = live
    for place in range(3):
        firm.post(f'{{"event": "UPDATE", "customer": {{"id": {entered[f"Kunde {place} AS"]["id"]}}}}}'.encode())
    firm.post(f'{{"event": "UPDATE", "project": {{"id": {entered["Prosjekt 2"]["id"]}}}}}'.encode())
    firm.post(f'{{"event": "UPDATE", "customer": {{"id": {entered["Tvilling AS"]["id"]}}}}}'.encode())
    expect_quiet(firm, asked={"Customer Tvilling AS"})
    assert len(firm.records("customers")) == CUSTOMERS + 5
    assert len(firm.records("projects")) == PROJECTS
    assert firm.calls().get("GetCompanies", 0) <= 4  # one of them for the addresses of the candidates
