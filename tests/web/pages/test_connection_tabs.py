"""The tabs of a connection: which there are for whom, and where addresses from before them lead."""

import lxml.html
import pytest

from i18n.catalog import Language
from models.admin.operations import OperationType
from models.enums import Role
from tests.web.conftest import Person, Web
from worker.container import Container, clock

READER = ["Overview", "Reconciliation", "History"]
TABS = {
    Role.VIEWER: READER,
    Role.OPERATOR: ["Overview", "Test", *READER[1:]],
    Role.ADMINISTRATOR: ["Overview", "Settings", "Webhooks", "Test", *READER[1:]],
}


def tabs(person: Person, address: str) -> dict[str, str]:
    """Return the addresses of a page's tabs by their names, the one that is open marked."""
    page = person.get(address)
    assert page.status_code == 200, address
    links = lxml.html.document_fromstring(page.content).xpath("//nav[@class='tabs']/a")
    return {link.text + (" *" if link.get("aria-current") == "page" else ""): link.get("href") for link in links}


@pytest.mark.parametrize("role", Role)
def test_each_tab_has_an_address_of_its_own_and_is_marked_where_it_is_open(web: Web, role: Role) -> None:
    person = web.as_(role, connections=[web.connection.id])
    overview = f"/connections/{web.connection.id}"
    found = tabs(person, overview)
    assert [name.removesuffix(" *") for name in found] == TABS[role]
    for address in found.values():
        assert [where for name, where in tabs(person, address).items() if name.endswith(" *")] == [address]
    for name in set(TABS[Role.ADMINISTRATOR]) - set(TABS[role]):
        assert person.get(f"{overview}/{name.lower()}").status_code == 404


@pytest.mark.parametrize(("query", "tab"), [("operation=7", "settings"), ("page=older:x", "reconciliation")])
def test_an_address_from_before_there_were_tabs_leads_to_the_right_one(web: Web, query: str, tab: str) -> None:
    address = f"/connections/{web.connection.id}"
    name, _, value = query.partition("=")
    led = web.as_(Role.ADMINISTRATOR).get(address, **{name: value})
    assert led.status_code == 303
    assert led.headers["Location"].startswith(f"{address}/{tab}?{name}=")
    assert web.as_(Role.ADMINISTRATOR).get(led.headers["Location"]).status_code == 200


def test_the_history_tells_what_people_and_workers_have_done(web: Web, container: Container) -> None:
    kari, viewer = web.as_(Role.OPERATOR), web.as_(Role.VIEWER, language=Language.NORWEGIAN)
    address = f"/connections/{web.connection.id}"
    tested = kari.post(f"{address}/test").headers["Location"]
    kari.post(f"{address}/pause", because="Year end.")
    saving = container.operations.request(
        OperationType.SAVING, web.connection.id, input_={"version": "1"}, actor="anna", now=clock()
    )
    history = kari.get(f"{address}/history").text
    assert f'<a href="{tested}">Connection test</a>' in history
    assert "Paused: Year end." in history
    assert f"/operations/{saving}" not in history  # what somebody else has typed
    assert tested not in viewer.get(f"{address}/history").text  # who only looks may not open it
    assert "Tilkoblingstest" in viewer.get(f"{address}/history").text
