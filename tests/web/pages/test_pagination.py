"""Lists with pages show their position."""

import re

import pytest

from models import pagination
from models.admin.operations import OperationType
from models.enums import Role
from models.schema.audit_entries import add_entry
from tests.factories import NOW
from tests.installation import add_failed_job
from tests.web.conftest import Person, Web
from worker.container import Container


def place_on(page: str) -> str | None:
    found = re.search(r"(\d+–\d+ of [\w ,]+)</p>", page)
    return found[1] if found else None


def older(person: Person, page: str) -> str:
    link = re.search(r'rel="next" href="(.*?)"', page)
    assert link
    return person.get(link[1].replace("&amp;", "&")).text


def test_the_record_list_shows_its_position_and_counts_filtered_records(web: Web, container: Container) -> None:
    for number in range(52):
        add_failed_job(container, web.connection, record_id=str(number), title=f"Invoice {number}")
    person = web.as_(Role.VIEWER)
    first = person.get("/records").text
    assert (place_on(first), place_on(older(person, first))) == ("1–50 of 52", "51–52 of 52")
    assert place_on(person.get("/records?text=51").text) == "1–1 of 1"
    by_amount = person.get("/records?sort=date").text
    assert place_on(by_amount) is None


def test_the_audit_log_and_the_overview_show_their_position_too(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    with container.database.transaction() as session:
        for number in range(60):
            add_entry(session, connection_id=web.connection.id, at=NOW, actor="kari", action=f"Deed {number}")
    person = web.as_(Role.OPERATOR, connections=[web.connection.id])
    first = person.get("/audit-log").text
    found = re.search(r"1–50 of (\d+)", first)
    assert found
    assert place_on(older(person, first)) == f"51–{found[1]} of {found[1]}"
    assert place_on(person.get("/").text) == "1–1 of 1"
    monkeypatch.setattr(pagination, "MAX_COUNTED", 55)
    assert place_on(person.get("/audit-log").text) == "1–50 of many"


def test_the_reconciliations_of_a_connection_show_their_position_too(web: Web, container: Container) -> None:
    for month in range(1, 13):
        days = {"first": f"2025-{month:02}-01", "last": f"2025-{month:02}-28"}
        requested = container.operations.request(
            OperationType.RECONCILIATION, web.connection.id, input_=days, actor="test", now=NOW
        )
        container.operations.complete(requested, {"findings": []}, now=NOW)
    page = web.as_(Role.VIEWER).get(f"/connections/{web.connection.id}/reconciliation").text
    assert str(place_on(page)).endswith(" of 12")
