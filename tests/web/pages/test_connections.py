"""The list of connections, adding one, and the actions of operators."""

import re
from datetime import timedelta

import pytest

from i18n.catalog import Language
from models.admin.connection_health import PAGE_SIZE
from models.admin.operations import OperationType
from models.connections.alert_outbox import AlertType
from models.connections.repository import NOT_STARTED
from models.enums import EntityType, Role
from models.inbox import circuit_breaker, webhook_intake
from models.inbox.webhook_intake import WebhookTarget
from tests.factories import settings
from tests.installation import messages
from tests.models import outages
from tests.web.conftest import Web
from tests.web.form_filling import fill_in
from worker.container import Container, clock

NEW = {
    "name": "Fjord Prosjekt AS",
    "moment_company": "1002",
    "moment_api_key": "moment-new-key",
    "username": "new@example.com",
    "password": "typed-password",
}


def test_users_see_only_their_own_connections(web: Web, container: Container) -> None:
    other, _ = container.connections.add(
        "Fjord AS", settings(moment_company="fjord-as"), actor="test", now=clock(), started=False
    )
    everywhere = web.as_(Role.VIEWER).get("/connections").text
    assert (everywhere.count("Demo AS"), everywhere.count("Fjord AS")) == (1, 1)
    assert "Not started" in everywhere
    theirs = web.as_(Role.VIEWER, connections=[other.id])
    assert "Demo AS" not in theirs.get("/connections").text
    assert theirs.get(f"/connections/{web.connection.id}").status_code == 404
    assert theirs.get(f"/connections/{other.id}").status_code == 200


def test_many_connections_are_found_by_name_and_page_by_page(web: Web, container: Container) -> None:
    for number in range(PAGE_SIZE + 1):
        container.connections.add(
            f"Firma {number:03} 100%", settings(moment_company=f"c{number}"), actor="test", now=clock()
        )
    viewer = web.as_(Role.VIEWER)
    found = viewer.get("/connections", name="FIRMA 00").text
    assert [f"Firma {number:03} 100%" in found for number in (0, 9, 10)] == [True, True, False]
    assert "Demo AS" not in found
    first = viewer.get("/connections").text
    further = re.search(r'rel="next" href="([^"]+)"', first)
    assert further
    second = viewer.ask("GET", further[1].replace("&amp;", "&")).text
    shown = [first.count(">Firma"), second.count(">Firma")]
    assert (sum(shown), "Demo AS" in first, 'rel="next"' in second) == (PAGE_SIZE + 1, True, False)
    assert "No connections found." in viewer.get("/connections", name="a\x00%_").text


def test_a_connection_shows_its_status(web: Web, container: Container) -> None:
    viewer = web.as_(Role.VIEWER)
    assert "Active" in viewer.get(f"/connections/{web.connection.id}").text
    container.connections.pause(web.connection.id, "The password is <wrong>.", now=clock())
    page = viewer.get(f"/connections/{web.connection.id}").text
    assert "Paused" in page
    assert "The password is &lt;wrong&gt;." in page


def test_a_connection_is_added_tested_and_not_started(web: Web, container: Container) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    response = fill_in(administrator, "/connections/new", **NEW)
    assert response.status_code == 303
    added = container.connections.get_by_name("Fjord Prosjekt AS")
    assert added.settings.password.get_secret_value() == "typed-password"
    assert added.paused_because == NOT_STARTED
    operation = container.operations.latest(added.id, OperationType.DIAGNOSTICS)
    assert operation
    assert response.headers["Location"] == f"/connections/{added.id}"
    assert ("run_operation", operation.id) in messages(container)
    page = administrator.get(response.headers["Location"]).text
    assert "Nothing is synced until you start it." in page
    assert (
        "Nothing is synced until you start it." in administrator.get(response.headers["Location"]).text
    )  # until then
    assert f'data-awaits="/connections/{added.id}"' in page
    assert '<meta http-equiv="refresh"' in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": " "}, "This field is required."),
        ({"name": "Demo AS"}, "A connection named Demo AS already exists."),
        ({"moment_company": ""}, "This field is required."),
        (
            {"moment_company": "1001"},
            "There is already a connection for this Moment company. Contact your system administrator.",
        ),
        ({"password": ""}, "This field is required."),
        ({"username": "a\x1bb"}, "This contains unreadable characters."),
    ],
)
def test_invalid_input_is_shown_at_its_field_and_nothing_is_added(
    web: Web, container: Container, wrong: dict[str, str], message: str
) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    response = fill_in(administrator, "/connections/new", **NEW | wrong)
    assert response.status_code == 422
    (name,) = wrong
    assert re.search(rf'<p class="error" id="{name}-error">{re.escape(message)}</p>', response.text)
    assert "new@example.com" in response.text or name == "username"
    assert "typed-password" not in response.text
    assert "moment-new-key" not in response.text
    assert [each.name for each in container.connections.all()] == ["Demo AS"]


def test_only_administrators_of_all_connections_add_a_connection(web: Web) -> None:
    own = web.as_(Role.ADMINISTRATOR, connections=[web.connection.id])
    for person in (own, web.as_(Role.OPERATOR)):
        assert person.get("/connections/new").status_code == 404
        assert person.post("/connections/new", **NEW).status_code == 404
        assert "/connections/new" not in person.get("/connections").text


def test_operators_pause_resume_and_test_but_do_not_see_the_settings(web: Web, container: Container) -> None:
    operator, number = web.as_(Role.OPERATOR), web.connection.id
    address = f"/connections/{number}"
    page = operator.get(address).text
    assert "receivables_account" not in page
    assert f"{address}/token" not in page
    paused = operator.post(f"{address}/pause", because="Year\x1b end. ")
    assert paused.headers["Location"] == address
    connection = container.connections.get(number)
    assert connection.paused_because == "Year end."
    assert connection.paused_by.startswith("operator-")
    assert "Connection paused." in operator.get(address).text
    operator.post(f"{address}/resume")
    assert container.connections.get(number).is_available(clock())
    tested = operator.post(f"{address}/test")
    assert re.fullmatch(r"/operations/\d+", tested.headers["Location"])
    assert operator.post(f"{address}/token").status_code == 404
    assert operator.post(f"{address}/settings", client_id="7").status_code == 404


def test_viewers_can_only_read(web: Web, container: Container) -> None:
    viewer, address = web.as_(Role.VIEWER), f"/connections/{web.connection.id}"
    page = viewer.get(address).text
    assert page.count("<form") == 1  # for signing out
    for verb in ("test", "pause", "resume", "token", "clients"):
        assert viewer.post(f"{address}/{verb}").status_code == 404
    assert container.connections.get(web.connection.id).is_available(clock())


def test_a_new_webhook_url_is_shown_once_and_ends_the_old_one(web: Web, container: Container) -> None:
    administrator, address = web.as_(Role.ADMINISTRATOR), f"/connections/{web.connection.id}"
    body = b'{"event": "UPDATE", "customer": {"id": 7}}'
    assert web.notify(body).status_code == 202
    assert "None yet" in administrator.get(f"{address}/webhooks").text
    made = administrator.post(f"{address}/token")
    assert made.headers["Cache-Control"] == "no-store"
    token = re.search(r"https://bridge\.example/webhooks/moment/([\w-]+)", made.text)
    assert token
    assert webhook_intake.find_target(container.database, token[1]) == WebhookTarget(
        web.connection.id, web.connection.settings.entity_types
    )
    assert web.notify(body).status_code == 404
    page = administrator.get(f"{address}/webhooks").text
    assert token[1] not in page
    assert page.count("None yet") == len(set(EntityType) - {EntityType.EXPENSE})


def test_the_pages_are_in_norwegian_for_norwegian_users(web: Web) -> None:
    page = web.as_(Role.ADMINISTRATOR, language=Language.NORWEGIAN).get(f"/connections/{web.connection.id}")
    assert '<html lang="nb">' in page.text


def test_starting_a_connection_whose_last_test_failed_asks_first(web: Web, container: Container) -> None:
    new, _ = container.connections.add(
        "Fjord AS", settings(moment_company="fjord-as"), actor="test", now=clock(), started=False
    )
    operator, address = web.as_(Role.OPERATOR), f"/connections/{new.id}/resume"
    container.connections.save_test_result(new.id, failed_checks=2, at=clock())
    asked = operator.post(address)
    assert asked.status_code == 409
    assert "The last test found 2 errors." in asked.text
    assert container.connections.get(new.id).paused_because == NOT_STARTED
    assert operator.post(address, despite_failed_test="yes").status_code == 303
    assert container.connections.get(new.id).paused_because == ""


def test_resuming_a_self_paused_connection_asks_until_a_test_has_passed(web: Web, container: Container) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/resume"
    refused = outages.problem(AlertType.PAUSED)
    circuit_breaker.pause(container.database, web.connection.id, refused, now=clock())
    asked = operator.post(address)
    assert asked.status_code == 409
    assert "The connection paused itself, and no test has passed since then. It is away." in asked.text
    assert container.connections.get(web.connection.id).paused_because == "It is away."
    container.connections.save_test_result(web.connection.id, failed_checks=0, at=clock())
    assert operator.post(address).status_code == 303
    assert container.connections.get(web.connection.id).paused_because == ""


def test_the_state_of_a_connection_is_the_same_on_every_page(web: Web, container: Container) -> None:
    viewer, number = web.as_(Role.VIEWER), web.connection.id
    container.connections.save_test_result(number, failed_checks=2, at=clock())
    for page in ("/", "/connections", f"/connections/{number}"):
        shown = viewer.get(page).text
        assert '<span class="state state-bad">Needs attention</span>' in shown
        assert "The last test failed." in shown


def test_a_notice_is_shown_once_and_is_in_no_url(web: Web) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}"
    operator.post(f"{address}/pause")
    assert "Connection paused." in operator.get(address).text
    assert "Connection resumed." not in operator.get(address, done="resumed").text
    operator.post(f"{address}/resume")
    elsewhere = operator.get("/connections").text
    next_page, later = operator.get(address).text, operator.get(address).text
    assert [("Connection resumed." in page) for page in (elsewhere, next_page, later)] == [False, True, False]


def test_all_errors_of_the_form_are_summed_up_with_links_and_take_the_focus(web: Web) -> None:
    page = fill_in(
        web.as_(Role.ADMINISTRATOR), "/connections/new", **NEW | {"name": "", "username": "", "password": ""}
    )
    summary = re.search(
        r'<div class="notice notice-bad" role="alert" tabindex="-1" autofocus>(.*?)</div>', page.text, re.DOTALL
    )
    assert summary
    assert re.findall(r'<a href="#(\w+)">([^<]+)</a>', summary[1]) == [
        ("name", "Name: This field is required."),
        ("username", "User name: This field is required."),
        ("password", "Password: This field is required."),
    ]


def test_a_connection_says_if_its_test_is_old_or_of_other_settings(web: Web, container: Container) -> None:
    def shown() -> str:
        return web.as_(Role.VIEWER).get("/connections").text.partition("<tbody>")[2]

    old, other = "Not tested in the last 30 days.", "The settings have changed since the last test."
    assert (old in shown(), other in shown()) == (True, False)
    updated = container.connections.get(web.connection.id).updated_at
    container.connections.save_test_result(web.connection.id, failed_checks=0, at=updated - timedelta(seconds=1))
    assert (old in shown(), other in shown()) == (False, True)


def test_the_rounding_account_of_the_standard_chart_is_the_example(web: Web) -> None:
    assert "e.g. 7740" in web.as_(Role.ADMINISTRATOR).get(f"/connections/{web.connection.id}/settings").text
