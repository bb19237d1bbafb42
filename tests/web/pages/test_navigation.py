"""Navigation: back to the previous page, empty lists with the next step, names sorted as people expect."""

import re

import pytest

from i18n.catalog import Language
from models.admin import connection_health
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import NOW, settings
from tests.web.conftest import Web
from tests.web.form_filling import fields_of, fill_in
from tests.web.http_browser import Browser
from tests.web.users import PASSWORD, set_up_factor
from worker import __version__
from worker.container import Container


def add_connections(container: Container, *names: str) -> None:
    for name in names:
        own = settings(moment_company=name.casefold(), username=f"{len(name)}@example.com")
        container.connections.add(name, own, actor="test", now=NOW)


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({"Referer": "{url}/connections/1?operation=7"}, "?next=/connections/1%3Foperation%3D7"),
        ({"Referer": "{url}/connections/1", "Sec-Fetch-Site": "cross-site"}, ""),
        ({"Referer": "https://elsewhere.example//evil.example"}, ""),
        ({"Referer": "http://[::1/"}, ""),
        ({}, ""),
    ],
)
def test_a_button_pressed_after_the_session_ended_leads_back_to_its_page(
    web: Web, headers: dict[str, str], back: str
) -> None:
    headers = {name: value.format(url=web.url) for name, value in headers.items()}
    response = web.nobody().ask("POST", f"/connections/{web.connection.id}/pause", headers=headers)
    assert (response.status_code, response.headers["Location"]) == (303, f"/sign-in{back}")


def test_the_code_is_asked_for_in_the_users_language(web: Web, container: Container) -> None:
    user = users.add(
        container.database,
        "anna@example.com",
        Rights(Role.VIEWER, Scope()),
        password=PASSWORD,
        language=Language.NORWEGIAN,
        actor="test",
        now=NOW,
    )
    users.keep_password(container.database, user.id)
    set_up_factor(container, user)
    browser = Browser(web.url)
    browser.sign_in(user.email, PASSWORD)
    assert '<html lang="nb">' in browser.ask("GET", "/sign-in/code").text


def test_a_new_user_gets_the_chosen_language(web: Web, container: Container) -> None:
    administrator = web.as_(Role.ADMINISTRATOR, language=Language.ENGLISH)
    assert fields_of(administrator.get("/users/new"), "/users/new")["language"] == "en"
    for language in Language:
        entered = {"email": f"{language}@example.com", "password": PASSWORD, "everywhere": "yes"}
        fill_in(administrator, "/users/new", **entered, language=language)
        assert users.get_by_email(container.database, entered["email"]).language is language


def test_connections_are_sorted_naturally_on_every_page(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_connections(container, "Demo 10", "Demo 9", "demo 11 bygg", "Østby AS", "Aaby AS")
    monkeypatch.setattr(connection_health, "PAGE_SIZE", 4)
    person = web.as_(Role.VIEWER)
    first, second = person.get("/connections"), person.get("/connections", page="2")
    assert 'href="/connections?page=2"' in first.text
    listed = re.findall(r'href="/connections/\d+">(.*?)</a>', first.text + second.text)
    assert listed == ["Aaby AS", "Demo 9", "Demo 10", "demo 11 bygg", "Demo AS", "Østby AS"]
    assert "1–4 of 6" in first.text
    assert "5–6 of 6" in second.text
    chooser = web.as_(Role.ADMINISTRATOR).get("/tokens").text
    assert chooser.index("Demo 9") < chooser.index("Demo 10")


def test_empty_pages_say_what_to_do_next(web: Web, container: Container) -> None:
    container.erase_connection(web.connection, actor="test")
    administrator, viewer = web.as_(Role.ADMINISTRATOR), web.as_(Role.VIEWER)
    assert "Add the first one" in administrator.get("/connections").text
    assert "Ask an administrator" in viewer.get("/connections").text
    assert "Ask an administrator" in viewer.get("/").text
    assert "Clear filters" in viewer.get("/connections", name="nothing").text
    assert "Go to connections" in viewer.get("/email-log").text
    assert "Create one below" in administrator.get("/tokens").text


def test_a_long_list_of_connections_can_be_filtered(web: Web, container: Container) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    assert "data-filters" not in administrator.get("/users/new").text
    add_connections(container, *(f"Company {number}" for number in range(10)))
    assert "data-filters" in administrator.get("/users/new").text


def test_settings_entered_but_not_saved_say_so(web: Web) -> None:
    administrator, page = web.as_(Role.ADMINISTRATOR), f"/connections/{web.connection.id}/settings"
    assert 'data-unsaved="no"' in administrator.get(page).text
    assert 'data-unsaved="yes"' in fill_in(administrator, page, receivables_account="a lot").text


def test_pages_show_the_version_and_the_sandbox_if_there_is_one(web: Web, container: Container) -> None:
    viewer = web.as_(Role.VIEWER)
    page = viewer.get("/").text
    assert (f"Version {__version__}" in page, "sandbox" in page) == (True, False)
    assert "Version" not in web.nobody().get("/sign-in").text
    del vars(container)["sandbox"]  # which is cached
    container.settings = container.settings.model_copy(
        update={"moment_url": "http://127.0.0.1:8001/api/1.0", "twentyfour_api_url": "http://127.0.0.1:8002"}
    )
    page = viewer.get("/").text
    assert '<a href="http://127.0.0.1:8001/">Moment</a>' in page
    assert '<a href="http://127.0.0.1:8002/">24SevenOffice</a>' in page
