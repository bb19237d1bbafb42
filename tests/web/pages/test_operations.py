"""Operations on the pages, with the sandbox as both systems; this process is also the worker."""

import pytest

from models.admin.operations import OperationType
from models.enums import Role
from tests.factories import settings
from tests.installation import environment
from tests.sandbox.serving import Systems
from tests.web.conftest import Person, Web
from tests.web.form_filling import fields_of, fill_in
from tests.web.operations import run_queued_operations
from worker import tasks
from worker.container import Container, clock


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: Systems) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


@pytest.fixture
def person(web: Web) -> Person:
    return web.as_(Role.ADMINISTRATOR, connections=[web.connection.id])


@pytest.fixture
def address(web: Web) -> str:
    return f"/connections/{web.connection.id}"


def test_a_test_says_what_works_and_what_does_not(person: Person, container: Container, address: str) -> None:
    place = fill_in(person, f"{address}/settings", receivables_account="1501").headers["Location"]
    waiting = person.get(place).text
    assert "Testing both systems." in waiting
    assert "Settings saved." in waiting
    assert "Testing the connection" in person.get(f"{address}/test").text
    run_queued_operations(container)
    answered = person.get(place)
    assert "data-awaits" not in answered.text
    assert "http-equiv" not in answered.text
    assert "The receivables account 1501 isn't in the chart of accounts." in answered.text
    assert f'<a href="{address}/settings#receivables_account">Receivables account</a>' in answered.text
    assert "The receivables account 1501 isn't in the chart of accounts." in person.get(f"{address}/test").text
    assert "Settings saved." in answered.text
    loaded_again = person.get(place).text
    assert "Settings saved." not in loaded_again
    assert "The receivables account 1501 isn't in the chart of accounts." in loaded_again
    tasks.run_operation(int(place.partition("?")[0].rpartition("/")[2]))
    assert person.get(place).text == loaded_again


def test_an_account_is_refused_once_a_test_has_read_the_chart(
    person: Person, container: Container, address: str
) -> None:
    person.post(f"{address}/test")
    run_queued_operations(container)
    refused = fill_in(person, f"{address}/settings", receivables_account="1501")
    assert refused.status_code == 422
    assert "These accounts don't exist in 24SevenOffice: 1501." in refused.text
    assert fill_in(person, f"{address}/settings", receivables_account="1920").status_code == 303


def test_one_of_several_clients_is_chosen_by_name(
    person: Person, container: Container, web: Web, address: str
) -> None:
    many = {"username": "many@example.com", "password": "many-password", "client_id": "typed"}
    asked = fill_in(person, f"{address}/settings", to=f"{address}/clients", **many)
    place = asked.headers["Location"].partition("#")[0]
    waiting = person.get(place)
    assert "Checking with 24SevenOffice." in waiting.text
    assert f'data-awaits="{place}"' in waiting.text
    run_queued_operations(container)
    page = person.get(place)
    assert "data-awaits" not in page.text
    assert "Fjord Prosjekt AS" in page.text
    assert "Gammel AS" not in page.text
    for seen in (waiting, page):
        assert "many-password" not in seen.text
        assert 'value="many@example.com"' in seen.text
        assert 'value="typed"' in seen.text
    assert container.connections.get(web.connection.id).settings.username == "demo@example.com"
    (fjord,) = [each["id"] for each in _clients(container) if each["name"] == "Fjord Prosjekt AS"]
    fields = fields_of(page, f"{address}/settings") | {"identity_id": fjord, "password": "many-password"}
    assert person.ask("POST", f"{address}/settings", data=fields).status_code == 303
    run_queued_operations(container)
    now = container.connections.get(web.connection.id).settings
    assert (now.username, now.identity_id, now.client_id) == ("many@example.com", fjord, "typed")
    run_queued_operations(container)
    for chooses, chosen in (
        (person, f'value="{fjord}"'),
        (web.as_(Role.ADMINISTRATOR), f'value="{fjord}" checked'),
    ):
        assert chosen in chooses.get(f"{address}/settings").text


def test_a_refused_login_is_shown_at_its_field(person: Person, container: Container, address: str) -> None:
    asked = fill_in(person, f"{address}/settings", to=f"{address}/clients", password="wrong")
    run_queued_operations(container)
    assert "rejected the user name or password" in person.get(asked.headers["Location"]).text


def test_for_administrators_of_all_an_empty_password_means_the_saved_one(
    web: Web, container: Container, address: str
) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    asked = fill_in(administrator, f"{address}/settings", to=f"{address}/clients")
    run_queued_operations(container)
    assert "Demo AS <span" in administrator.get(asked.headers["Location"]).text


def test_a_worker_looks_up_clients_with_the_typed_password_only(container: Container, web: Web) -> None:
    typed = {"username": "demo@example.com", "password": ""}
    errand = container.operations.request(
        OperationType.CLIENTS, web.connection.id, input_=typed, actor="test", now=clock()
    )
    tasks.run_operation(errand)
    answered = container.operations.get(errand)
    assert answered
    assert answered.result
    assert answered.result["clients"] == []


def test_a_users_input_is_shown_to_no_one_else(
    person: Person, container: Container, web: Web, address: str
) -> None:
    asked = fill_in(
        person, f"{address}/settings", to=f"{address}/clients", client_id="typed", password="demo-password"
    )
    place = asked.headers["Location"]
    run_queued_operations(container)
    assert 'value="typed"' in person.get(place).text
    assert 'value="typed"' not in web.as_(Role.ADMINISTRATOR).get(place).text
    other, _ = container.connections.add(
        "Other AS", settings(moment_company="other-as"), actor="test", now=clock()
    )
    elsewhere = place.replace(address, f"/connections/{other.id}")
    assert person.get(elsewhere).status_code == 404


def test_a_test_of_another_customers_connection_is_not_found(container: Container, web: Web, address: str) -> None:
    operator = web.as_(Role.OPERATOR)
    place = operator.post(f"{address}/test").headers["Location"]
    other, _ = container.connections.add(
        "Other AS", settings(moment_company="other-as"), actor="test", now=clock()
    )
    assert operator.get(place).status_code == 200
    assert web.as_(Role.ADMINISTRATOR, connections=[other.id]).get(place).status_code == 404
    assert web.as_(Role.VIEWER).get(place).status_code == 404
    for nowhere in ("/operations/4711", "/operations/0", f"/operations/{2**63}", "/operations/x"):
        assert operator.get(nowhere).status_code == 404
    asked = fill_in(web.as_(Role.ADMINISTRATOR), f"{address}/settings", to=f"{address}/clients").headers[
        "Location"
    ]
    number = asked.partition("#")[0].rpartition("=")[2]
    assert operator.get(f"/operations/{number}").status_code == 404


def test_a_reconciliation_does_not_fill_the_settings_form(person: Person, address: str) -> None:
    number = person.post(f"{address}/compare").headers["Location"].rpartition("/")[2]
    seen = person.get(f"{address}/settings", operation=number)
    assert (seen.status_code, fields_of(seen, f"{address}/settings")["username"]) == (200, "demo@example.com")


@pytest.mark.parametrize("number", ["-1", "x", str(2**63)])
def test_an_impossible_operation_number_is_refused(person: Person, address: str, number: str) -> None:
    assert person.get(f"{address}/settings", operation=number).status_code == 400


def test_a_crash_is_shown_as_the_result_of_a_test(
    person: Person, container: Container, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Container, "moment", None)
    place = person.post(f"{address}/test").headers["Location"]
    run_queued_operations(container)
    assert "An internal error occurred in the integration." in person.get(place).text


def _clients(container: Container) -> list[dict[str, str]]:
    operation = container.operations.get(1)
    assert operation
    assert operation.result
    assert operation.type is OperationType.CLIENTS
    return list(operation.result["clients"])
