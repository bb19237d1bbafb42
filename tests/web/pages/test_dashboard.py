import re
from html import unescape

import lxml.html
import pytest
from sqlalchemy import update

from local.servers import Server
from models.enums import PENDING, EntityType, JobState, Record, Role
from models.inbox.transitions import JobEvent
from models.schema.tables import SyncJobRow
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from tests.models import outages
from tests.models.completed_jobs import completed_job
from tests.web.conftest import Web
from worker.container import Container, clock


def test_jobs_that_need_attention_come_first_and_are_linked(web: Web, container: Container) -> None:
    person = web.as_(Role.VIEWER)
    container.connections.save_test_result(web.connection.id, failed_checks=0, at=clock())
    assert "All good" in person.get("/").text
    add_failed_job(container, web.connection)
    container.connections.pause(web.connection.id, "The password is wrong.", now=NOW)
    page = person.get("/").text
    assert '<a href="/records?state=needs_attention&amp;error_code=account">1 record</a>' in page
    assert "1 connection is paused" in page
    assert "The password is wrong." in page


def test_a_connection_in_an_outage_says_since_when_and_why(web: Web, container: Container) -> None:
    now = clock()
    completed_job(
        container.database, web.connection.id, event=JobEvent.FAILED, message="24SevenOffice is away.", at=now
    )
    outages.fail(container.database, web.connection.id, now=now, retry_after=now - NOW)
    page = web.as_(Role.VIEWER).get("/").text
    assert "24SevenOffice is away." in page
    assert "resumes automatically" in page


def test_the_count_of_pending_jobs_links_to_exactly_those_jobs(web: Web, container: Container) -> None:
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    for connection_id, states in ((web.connection.id, JobState), (other.id, PENDING)):
        for number, state in enumerate(states):
            job = completed_job(container.database, connection_id, Record(EntityType.INVOICE, str(number)))
            container.database.execute(update(SyncJobRow).where(SyncJobRow.id == job.id).values(state=state))
    person = web.as_(Role.VIEWER)
    page = person.get("/").text
    ((number, address),) = re.findall(r'class="figure">(\d+)</span> <a href="([^"]+)">records pending', page)
    assert (number, person.get(unescape(address)).text.count('data-label="Record"')) == ("8", 8)
    counted = re.findall(r'data-label="Pending" class="number"><a href="([^"]+)">(\d+)', page)
    shown = [person.get(unescape(address)).text.count('data-label="Record"') for address, _ in counted]
    assert ([number for _, number in counted], shown) == (["4", "4"], [4, 4])


def test_the_charts_count_synced_records(web: Web, container: Container) -> None:
    for n in range(3):
        completed_job(container.database, web.connection.id, Record(EntityType.INVOICE, str(n)), at=clock())
    page = web.as_(Role.VIEWER).get("/").text
    assert page.count("<svg") == 2
    assert '<div id="charts" class="charts" data-refreshes="15">' in page
    assert page.count("Synced: 3. Failed attempts: 0.") == 2
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    nobody = web.as_(Role.VIEWER, connections=[other.id]).get("/").text
    assert nobody.count("Synced: 0. Failed attempts: 0.") == 2


def test_connections_are_found_by_name(web: Web, container: Container) -> None:
    container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    page = web.as_(Role.VIEWER).get("/", company="fjo").text
    assert "Fjord AS" in page
    assert "Demo AS" not in page


@pytest.mark.kills
def test_the_budget_is_shown_to_users_of_all_connections_if_redis_is_up(
    web: Web, container: Container, redis_server: Server
) -> None:
    container.budget.acquire()
    person = web.as_(Role.VIEWER)
    assert "1 of 7,000" in person.get("/").text
    assert "of an hour" not in web.as_(Role.VIEWER, connections=[web.connection.id]).get("/").text
    redis_server.kill()
    try:
        page = person.get("/")
    finally:
        redis_server.start()
    assert page.status_code == 200
    assert "is unknown because Redis isn't responding" in page.text


def test_the_overview_counts_connections_with_a_problem_and_links_to_them(web: Web, container: Container) -> None:
    person = web.as_(Role.VIEWER)
    assert '<a href="/connections?status=test_outdated">1 connection</a>' in person.get("/").text
    container.connections.save_test_result(web.connection.id, failed_checks=1, at=clock())
    page = person.get("/").text
    assert '<a href="/connections?status=test_failed">1 connection</a>' in page
    assert "All good" not in page
    found = person.get("/connections", status="test_failed").text
    assert '<span class="state state-bad">Needs attention</span>' in found
    assert "No connections found." in person.get("/connections", status="working").text
    assert '<span class="state state-bad">Needs attention</span>' in page


def test_the_table_of_connections_refreshes_with_the_figures(web: Web) -> None:
    tree = lxml.html.document_fromstring(web.as_(Role.VIEWER).get("/").content)
    assert tree.xpath("//table[.//a[text()='Demo AS']]/ancestor::*[@data-refreshes]")
