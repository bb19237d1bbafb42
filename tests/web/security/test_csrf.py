"""Secrets that an administrator of one connection enters again before using another client, or listing clients."""

import pytest
import requests

from models.admin.operations import OperationType
from models.connections.settings import ConnectionSettings
from models.enums import Role
from tests.installation import messages
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fields_of, fill_in
from worker.container import Container, clock

OWN, RIVALS = "3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67", "9b2f0a52-1f0e-5c55-8f6b-0c1e6c3f4711"
CHOICES = [
    ("username", "other@example.com", "password"),
    ("username", "Demo@example.com", "password"),
    ("identity_id", RIVALS, "password"),
    ("identity_id", OWN.upper(), "password"),
    ("identity_id", "", "password"),
    ("moment_company", "1002", "moment_api_key"),
]


class Page:
    """The page of a connection with a chosen client, opened by an administrator of this connection only."""

    def __init__(self, web: Web, container: Container) -> None:
        self.container, self.number = container, web.connection.id
        self.overview = f"/connections/{self.number}"
        self.address = f"{self.overview}/settings"
        self.person = web.as_(Role.ADMINISTRATOR, connections=[self.number])
        self.everywhere = web.as_(Role.ADMINISTRATOR)
        container.connections.update(self.number, {"identity_id": OWN}, actor="test", now=clock())

    @property
    def saved(self) -> ConnectionSettings:
        return self.container.connections.get(self.number).settings

    def save(self, **entered: str) -> requests.Response:
        return fill_in(self.person, self.address, **entered)

    def tested(self, *clients: dict[str, str]) -> int:
        """Save a test that found these clients, and return its number."""
        errand = self.container.operations.request(
            OperationType.DIAGNOSTICS, self.number, actor="test", now=clock()
        )
        answer = {"findings": [], "clients": clients, "accounts": []}
        self.container.operations.complete(errand, answer, now=clock())
        return errand


@pytest.fixture
def page(web: Web, container: Container) -> Page:
    return Page(web, container)


@pytest.mark.parametrize(("name", "entered", "secret"), CHOICES)
def test_another_client_is_chosen_only_with_its_secret(page: Page, name: str, entered: str, secret: str) -> None:
    before, another = page.saved, ({"password", "moment_api_key"} - {secret}).pop()
    for typed in ({}, {secret: "  "}, {another: "typed-secret"}):
        refused = page.save(**{name: entered, "client_id": "77"}, **typed)
        assert refused.status_code == 422
        assert "again" in error_at(refused, secret)
        assert page.saved == before
    assert page.container.operations.latest(page.number, OperationType.DIAGNOSTICS) is None
    asked = page.save(**{name: entered, secret: "typed-secret"})
    assert asked.status_code == 303
    assert page.saved == before  # until a worker has seen that the systems accept it
    operation = page.container.operations.latest(page.number, OperationType.SAVING)
    assert operation
    assert asked.headers["Location"] == f"/operations/{operation.id}"
    assert (operation.input[name], operation.input[secret]) == (entered, "typed-secret")


def test_a_form_without_the_client_does_not_choose_another(page: Page) -> None:
    fields = fields_of(page.person.get(page.address), page.address)
    del fields["identity_id"]
    assert page.person.ask("POST", page.address, data=fields).status_code == 422
    assert page.saved.identity_id == OWN


def test_administrators_of_all_connections_choose_without_a_secret(page: Page) -> None:
    before = page.saved
    chosen = {"moment_company": "1002", "username": "other@example.com", "identity_id": RIVALS}
    assert fill_in(page.everywhere, page.address, **chosen).status_code == 303
    assert page.saved == before.model_copy(update=chosen)


def test_clients_are_looked_up_only_with_a_typed_password(page: Page) -> None:
    to, typed = f"{page.overview}/clients", {"client_id": "77", "moment_api_key": "typed-secret"}
    refused = fill_in(page.person, page.address, to=to, **typed)
    assert refused.status_code == 422
    assert "Enter the password again" in error_at(refused, "password")
    assert 'value="77"' in refused.text
    assert "typed-secret" not in refused.text
    assert (messages(page.container), page.container.operations.latest(page.number, OperationType.CLIENTS)) == (
        [],
        None,
    )


def test_a_test_shows_other_clients_only_to_administrators_of_all(page: Page) -> None:
    errand = page.tested({"id": OWN, "name": "Own AS"}, {"id": RIVALS, "name": "Rival AS"})
    seen, everything = page.person.get(page.address), page.everywhere.get(page.address).text
    for text in (seen.text, page.person.get(f"/operations/{errand}").text):
        assert [mark for mark in ("Rival AS", RIVALS) if mark in text] == []
    assert [mark for mark in ("Rival AS", RIVALS) if mark not in everything] == []
    assert "Own AS" in seen.text
    page.container.connections.update(page.number, {"identity_id": RIVALS}, actor="test", now=clock())
    assert "Rival AS" not in page.person.get(page.address).text  # the test is of the settings from before
    page.container.connections.update(page.number, {"identity_id": OWN}, actor="test", now=clock())
    assert fields_of(seen, page.address)["identity_id"] == OWN
    assert page.save(client_id="77").status_code == 303
