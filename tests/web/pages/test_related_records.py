import re

from models.enums import EntityType, Record, Role
from models.inbox import links
from models.inbox.links import Link
from models.inbox.transitions import JobEvent
from models.schema.record_summary import RecordSummary
from tests.factories import NOW, settings
from tests.installation import add_reconciliation
from tests.models.completed_jobs import completed_job
from tests.web.conftest import Web
from worker.container import Container

CUSTOMER, PROJECT = Record(EntityType.CUSTOMER, "7"), Record(EntityType.PROJECT, "8")


def linked(container: Container, connection_id: int, record: Record, number: str, title: str) -> int:
    links.save(container.database, connection_id, record, Link(number), now=NOW)
    return completed_job(container.database, connection_id, record, title=title).id


def link_to(page: str, job_id: int) -> str | None:
    found = re.search(rf'<a href="/records/{job_id}">(.*?)</a>', page)
    return found[1] if found else None


def test_an_invoice_links_to_its_connection_customer_and_project(web: Web, container: Container) -> None:
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    customer = linked(container, web.connection.id, CUSTOMER, "10001", "Customer Nordlys")
    project = linked(container, web.connection.id, PROJECT, "17", "Project 17")
    theirs = linked(container, other.id, CUSTOMER, "10001", "Customer Rival")
    known = RecordSummary(party="Nordlys", party_number="10001", project_id="8")
    invoice = completed_job(container.database, web.connection.id, event=JobEvent.REJECTED, summary=known)
    page = web.as_(Role.VIEWER).get(f"/records/{invoice.id}").text
    assert f'<a href="/connections/{web.connection.id}">{web.connection.name}</a>' in page
    assert (link_to(page, customer), link_to(page, project)) == ("Customer Nordlys", "Project 17")
    assert link_to(page, theirs) is None


def test_a_voucher_links_to_the_projects_of_its_costs(web: Web, container: Container) -> None:
    project = linked(container, web.connection.id, PROJECT, "17", "Project 17")
    other = linked(container, web.connection.id, Record(EntityType.PROJECT, "9"), "18", "Project 18")
    voucher = Record(EntityType.EXPENSE, "2026-4-40001")
    key = Link("2026-4-40001/17/4300")
    links.save(container.database, web.connection.id, Record(EntityType.EXPENSE, "e1"), key, now=NOW)
    job = completed_job(
        container.database, web.connection.id, voucher, summary=RecordSummary(party_number="10001")
    )
    page = web.as_(Role.VIEWER).get(f"/records/{job.id}").text
    assert (link_to(page, project), link_to(page, other)) == ("Project 17", None)


def test_a_difference_links_to_its_record_if_there_is_one(web: Web, container: Container) -> None:
    place = f"/operations/{add_reconciliation(container, web.connection)}"
    person = web.as_(Role.OPERATOR)
    assert '<td data-label="Invoice">1024</td>' in person.get(place).text
    invoice = completed_job(container.database, web.connection.id, Record(EntityType.INVOICE, "9"))
    assert link_to(person.get(place).text, invoice.id) == "1024"
