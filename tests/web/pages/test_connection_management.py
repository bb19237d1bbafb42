"""Renaming and erasing connections, by administrators of all of them."""

from datetime import timedelta

import pytest
import requests

from models.connections.repository import UnknownConnectionError
from models.enums import EntityType, Lane, Record, Role
from models.inbox import leases
from models.inbox.enqueue import enqueue
from tests.factories import settings
from tests.web.conftest import Person, Web
from tests.web.form_filling import summary_of
from worker.container import Container, clock


def post(person: Person, web: Web, action: str, **entered: str) -> requests.Response:
    page = f"/connections/{web.connection.id}"
    fields = {"csrf": person.csrf, **entered}
    assert f'action="{page}/{action}"' in person.get(f"{page}/manage").text
    return person.ask("POST", f"{page}/{action}", data=fields)


def test_a_connection_is_renamed(administrator: Person, web: Web, container: Container) -> None:
    assert (
        f'href="/connections/{web.connection.id}/manage"'
        in administrator.get(f"/connections/{web.connection.id}/settings").text
    )
    response = post(administrator, web, "rename", name="  Demo   Holding AS ")
    assert "Connection renamed." in administrator.get(response.headers["Location"]).text
    assert container.connections.get(web.connection.id).name == "Demo Holding AS"
    assert "Renamed: Demo AS → Demo Holding AS" in administrator.get("/audit-log").text


def test_a_name_must_be_unique_and_not_empty(administrator: Person, web: Web, container: Container) -> None:
    other = settings(moment_company="1002", username="other@example.com")
    container.connections.add("Fjord AS", other, actor="test", now=clock())
    for name, message in (
        ("Fjord AS", "A connection named Fjord AS already exists."),
        (" ", "This field is required."),
    ):
        page = post(administrator, web, "rename", name=name)
        assert (page.status_code, summary_of(page)) == (422, {"name": f"Name: {message}"})
    assert container.connections.get(web.connection.id).name == "Demo AS"


def test_a_connection_is_erased_once_its_name_is_typed(
    administrator: Person, web: Web, container: Container
) -> None:
    refused = post(administrator, web, "erase", confirmed_name="Demo")
    assert (refused.status_code, list(summary_of(refused))) == (422, ["confirmed_name"])
    assert not container.connections.get(web.connection.id).paused_because
    response = post(administrator, web, "erase", confirmed_name="Demo AS")
    assert response.headers["Location"] == "/connections"
    assert "Connection erased." in administrator.get("/connections").text
    with pytest.raises(UnknownConnectionError):
        container.connections.get(web.connection.id)
    assert f"Erased connection {web.connection.id} and all its data" in administrator.get("/audit-log").text


def test_a_connection_with_running_jobs_is_not_erased(
    administrator: Person, web: Web, container: Container
) -> None:
    lane, now = Lane(web.connection.id, EntityType.CUSTOMER), clock()
    enqueue(container.database, lane.connection_id, [Record(EntityType.CUSTOMER, "7")], now=now)
    assert leases.acquire(container.database, lane, limit=1, now=now, until=now + timedelta(hours=1))
    page = post(administrator, web, "erase", confirmed_name="Demo AS")
    assert "are being processed. It is paused now: try again" in summary_of(page)["confirmed_name"]
    assert container.connections.get(web.connection.id).paused_because


def test_administrators_of_some_connections_neither_rename_nor_erase_one(web: Web, container: Container) -> None:
    one = web.as_(Role.ADMINISTRATOR, connections=[web.connection.id])
    page = f"/connections/{web.connection.id}"
    assert "/manage" not in one.get(page).text
    assert one.get(f"{page}/manage").status_code == 404
    assert [
        one.post(f"{page}/{each}", name="x", confirmed_name="Demo AS").status_code for each in ("rename", "erase")
    ] == [404] * 2
    assert container.connections.get(web.connection.id).name == "Demo AS"
