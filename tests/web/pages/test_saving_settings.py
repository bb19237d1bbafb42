"""Settings that may open another client: a worker, here this process, saves them once the systems accept them."""

from contextlib import suppress
from datetime import timedelta

import pytest
import requests

from models.admin import audit_log, erasure
from models.admin.operations import OPERATION_TIMEOUT, OperationType
from models.connections.repository import Connection, UnknownConnectionError
from models.connections.settings import ConnectionSettings
from models.enums import EntityType, Record, Role, Scope
from models.inbox import links
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import settings
from tests.installation import environment
from tests.sandbox.serving import Systems
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fields_of, fill_in, summary_of
from tests.web.operations import run_queued_operations
from worker import tasks
from worker.container import Container, clock
from worker.handlers import operations

MANY = {"username": "many@example.com", "password": "many-password"}
OTHER_KEY = "moment-other-key"


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: Systems) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


class Page:
    """A connection with an accountant's login, with its page opened by an administrator of this connection only."""

    def __init__(self, web: Web, container: Container) -> None:
        self.web, self.container, self.number = web, container, web.connection.id
        self.overview = f"/connections/{self.number}"
        self.address = f"{self.overview}/settings"
        self.person = web.as_(Role.ADMINISTRATOR, connections=[self.number])
        self.email = users.all_users(container.database)[-1].email
        own, rivals, _ = container.erp(settings(**MANY)).identities()
        self.own, self.own_name, self.rivals = own.id, own.client, rivals.id
        self.change(**MANY, identity_id=self.own)

    @property
    def connection(self) -> Connection:
        return self.container.connections.get(self.number)

    @property
    def saved(self) -> ConnectionSettings:
        return self.connection.settings

    def change(self, **changes: object) -> None:
        self.container.connections.update(self.number, changes, actor="test", now=clock())

    def save(self, **entered: str) -> str:
        """Save settings that may open another client, and return the path of the operation."""
        asked = fill_in(self.person, self.address, **entered)
        assert asked.status_code == 303
        return asked.headers["Location"]

    def run_queued_operations(self) -> None:
        run_queued_operations(self.container)

    def shown(self) -> str:
        return self.person.get(self.address).text

    def test(self) -> None:
        self.person.post(f"{self.overview}/test")
        self.run_queued_operations()

    def refused(self, **entered: str) -> requests.Response:
        """Have settings refused, and open the form with the input."""
        before, place = self.connection, self.save(**entered)
        self.run_queued_operations()
        assert (self.saved, self.connection.updated_at) == (before.settings, before.updated_at)
        assert "Your changes weren't saved" in self.person.get(place).text
        return self.person.get(self.address, operation=place.rpartition("/")[2])


@pytest.fixture
def page(web: Web, container: Container) -> Page:
    return Page(web, container)


def test_a_wrong_password_saves_no_client_for_the_next_right_one(page: Page) -> None:
    form = page.refused(identity_id=page.rivals, password="guessed", client_id="77")
    assert error_at(form, "password").startswith("24SevenOffice rejected the user name or password. Enter")
    assert "aria-invalid" not in form.text.partition('id="identity"')[2].partition("Load available")[0]
    fields = fields_of(form, page.address)
    assert (fields["identity_id"], fields["client_id"], fields["password"]) == (page.rivals, "77", "")
    assert "guessed" not in form.text
    fill_in(page.web.as_(Role.ADMINISTRATOR), page.address, password="many-password")
    assert page.saved.identity_id == page.own


def test_looking_up_clients_with_a_wrong_password_shows_it_at_the_password(page: Page) -> None:
    address = f"{page.overview}/clients"
    asked = fill_in(page.person, page.address, to=address, password="guessed").headers["Location"]
    page.run_queued_operations()
    form = page.person.get(asked.partition("#")[0])
    assert error_at(form, "password").startswith("24SevenOffice rejected the user name or password. Enter")
    assert list(summary_of(form)) == ["password"]
    assert f'value="{page.own}" checked' in form.text


def test_the_chosen_client_is_shown_by_name_whatever_the_last_test_says(page: Page) -> None:
    radio = f'<label for="identity-{page.own}">{{}} <span'
    assert radio.format("A client whose name we'll know once the connection is tested") in page.shown()
    page.test()
    assert radio.format(page.own_name) in page.shown()
    page.change(password="changed since")
    page.test()
    assert radio.format(page.own_name) in page.shown()
    assert f"<dd>{page.own_name}</dd>" in page.person.get(page.overview).text
    page.change(identity_id=page.rivals)
    assert f"<dd>{page.own_name}</dd>" not in page.person.get(page.overview).text


def test_accepted_settings_are_saved_in_the_name_of_the_user_who_entered_them(page: Page) -> None:
    place = page.save(identity_id=page.rivals.upper(), password="many-password", client_id="77")
    page.run_queued_operations()
    assert (page.saved.identity_id.lower(), page.saved.client_id) == (page.rivals, "77")
    noted = audit_log.page(page.container.database, Scope(frozenset({page.number}))).lines[0]
    assert noted.actor == page.email
    assert "Settings saved." in page.person.get(place).text
    examination = page.container.operations.latest(page.number, OperationType.DIAGNOSTICS)
    assert examination
    assert f'href="/operations/{examination.id}"' in page.person.get(place).text


def test_a_self_paused_connection_resumes_with_accepted_settings(page: Page) -> None:
    page.container.connections.pause(page.number, "no", now=clock())
    page.save(identity_id=page.rivals, password="guessed")
    page.run_queued_operations()
    assert page.connection.paused_because == "no"
    page.save(identity_id=page.rivals, password="many-password")
    page.run_queued_operations()
    assert page.connection.paused_because == ""


def test_another_user_of_the_same_client_is_saved_despite_links(page: Page) -> None:
    page.person = page.web.as_(Role.ADMINISTRATOR)
    page.container.cached_erp(page.connection).client_name()
    links.save(
        page.container.database, page.number, Record(EntityType.CUSTOMER, "7"), links.Link("10001"), now=clock()
    )
    other = {"username": "demo@example.com", "password": "demo-password", "identity_id": ""}
    page.save(**other)
    page.run_queued_operations()
    assert page.saved.username == "demo@example.com"
    form = page.refused(**MANY, identity_id=page.rivals)
    assert "links refer to customers" in form.text


@pytest.mark.parametrize("other_books", [False, True])
def test_saving_a_new_password_ends_the_former_ones_session(page: Page, *, other_books: bool) -> None:
    page.container.cached_erp(page.connection).client_name()
    assert page.container.redis.keys("twentyfour:session:*")
    login = page.container.settings.twentyfour_api_url + "/logins/many@example.com"
    requests.patch(login, json={"password": "newer"}, timeout=10).raise_for_status()
    page.save(password="newer", **({"identity_id": page.rivals} if other_books else {}))
    if other_books:
        operation = page.container.operations.latest(page.number, OperationType.SAVING)
        assert operation
        tasks.run_operation(operation.id)
    assert page.saved.password.get_secret_value() == "newer"
    assert page.container.redis.keys("twentyfour:session:*") == []


@pytest.mark.parametrize(
    ("entered", "field", "message"),
    [
        (
            {"identity_id": "00000000-0000-0000-0000-00000000abcd"},
            "identity_id",
            "no access to the selected client",
        ),
        ({"identity_id": ""}, "identity_id", "has access to 2 clients"),
        ({"username": "nobody@example.com"}, "password", "rejected the user name or password"),
        (
            {"username": "demo@example.com", "password": "demo-password"},
            "identity_id",
            "no access to the selected client",
        ),
    ],
)
def test_a_login_that_does_not_reach_the_client_is_refused_at_its_field(
    page: Page, entered: dict[str, str], field: str, message: str
) -> None:
    assert message in error_at(page.refused(**{"password": "many-password", **entered}), field)


def test_a_company_is_saved_only_with_a_key_that_opens_it(page: Page) -> None:
    form = page.refused(moment_company="1002", moment_api_key="moment-demo-key")
    assert "rejects the API key" in error_at(form, "moment_api_key")
    page.save(moment_company="1002", moment_api_key=OTHER_KEY)
    page.run_queued_operations()
    assert (page.saved.moment_company, page.saved.moment_api_key.get_secret_value()) == ("1002", OTHER_KEY)


def test_two_new_logins_are_saved_only_if_both_are_accepted(page: Page) -> None:
    form = page.refused(
        moment_company="1002", moment_api_key=OTHER_KEY, identity_id=page.rivals, password="guessed"
    )
    assert error_at(form, "password")


def test_a_system_that_does_not_answer_has_accepted_nothing(page: Page, fresh_systems: Systems) -> None:
    page.container.erp(page.saved).identities()
    mishap = {"operation": "GetIdentitiesWithCredential", "kind": "error_503"}
    fresh_systems.control("twentyfour", "POST", "faults", mishap)
    form = page.refused(identity_id=page.rivals, password="many-password")
    assert "Save the settings again shortly." in error_at(form, "password")


def test_the_first_of_two_tabs_to_be_checked_is_saved(page: Page) -> None:
    fields = fields_of(page.person.get(page.address), page.address)
    chosen = {"password": "many-password", "identity_id": page.rivals}
    places = [
        page.person.ask("POST", page.address, data={**fields, **chosen, "client_id": client}).headers["Location"]
        for client in ("1", "2")
    ]
    page.run_queued_operations()
    assert page.saved.client_id == "1"
    assert "someone else changed these settings" in page.person.get(places[1]).text
    form = page.person.get(page.address, operation=places[1].rpartition("/")[2])
    assert 'value="2"' in form.text
    assert "someone else changed these settings" in form.text


def test_settings_that_another_user_saves_during_the_check_stay(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    assert fill_in(page.web.as_(Role.ADMINISTRATOR), page.address, client_id="88").status_code == 303
    before = page.connection
    page.run_queued_operations()
    assert (page.saved, page.connection.updated_at) == (before.settings, before.updated_at)
    assert "someone else changed these settings" in page.person.get(place).text


def test_without_a_worker_nothing_changes_and_the_pages_say_so(page: Page) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    waiting = page.person.get(place).text
    assert "verifying your changes" in waiting
    assert f'data-awaits="{place}"' in waiting
    assert "many-password" not in waiting
    assert "are being verified" in page.web.as_(Role.ADMINISTRATOR).get(page.address).text
    assert page.connection == before
    page.run_queued_operations()
    assert "are being verified" not in page.person.get(page.address).text


def test_settings_that_waited_too_long_are_not_saved(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    later = clock() + OPERATION_TIMEOUT + timedelta(minutes=1)
    monkeypatch.setattr(page.container, "clock", lambda: later)
    page.container.operations.delete_old_logins(before=later - OPERATION_TIMEOUT)
    page.run_queued_operations()
    assert page.connection == before
    assert "took too long" in page.person.get(place).text


@pytest.mark.parametrize("loses", ["role", "connection", "access"])
def test_a_user_who_lost_the_right_meanwhile_changes_nothing(page: Page, web: Web, loses: str) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    operation = page.container.operations.get(int(place.rpartition("/")[2]))
    assert operation
    database, user = page.container.database, users.get_by_email(page.container.database, operation.actor)
    web.as_(Role.ADMINISTRATOR)  # another administrator has to be left
    other, _ = page.container.connections.add(
        "Other AS", settings(moment_company="other-as"), actor="test", now=clock()
    )
    role, scope = user.rights.role, user.rights.scope
    if loses == "access":
        users.disable(database, user.id, actor="test", now=clock())
    elif loses == "role":
        users.update(database, user.id, Rights(Role.OPERATOR, scope), actor="test", now=clock())
    else:
        users.update(database, user.id, Rights(role, Scope(frozenset({other.id}))), actor="test", now=clock())
    page.run_queued_operations()
    assert page.connection == before


def test_a_check_interrupted_by_a_killed_worker_runs_again(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    number = int(place.rpartition("/")[2])
    with monkeypatch.context() as dying:
        dying.setattr(page.container.operations, "complete", _killed)
        with suppress(KeyboardInterrupt):
            operations.run(page.container, number)
    saved = page.connection
    assert saved.settings.identity_id == page.rivals
    operations.run(page.container, number)
    assert page.connection == saved
    assert "Settings saved." in page.person.get(place).text


def test_input_is_kept_without_secrets_and_shown_only_to_its_author(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    another = page.web.as_(Role.ADMINISTRATOR)
    page.run_queued_operations()
    operation = page.container.operations.get(int(place.rpartition("/")[2]))
    assert operation
    assert "many-password" not in str((operation.input, operation.result))
    assert another.get(place).status_code == 404
    assert another.get(page.address, operation=str(operation.id)).status_code == 200


def test_a_connection_erased_meanwhile_stays_erased(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    erasure.erase_connection(page.container.database, page.number, actor="test", now=clock())
    with suppress(UnknownConnectionError):
        operations.run(page.container, int(place.rpartition("/")[2]))
    assert page.container.connections.all() == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
