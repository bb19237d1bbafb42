"""Settings that may open other books: a worker, which is this process, saves them once the systems accept them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from models import audit, users
from models.connections import UnknownConnection
from models.errands import WORTHWHILE, Asked
from models.users import Rights
from models.words import Role, Scope
from tests.factories import settings
from tests.installation import environment, installed, messages
from tests.sandbox.serving import sandbox
from tests.web.filling import error_at, fields_of, fill_in
from worker import errands, tasks
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.connections import Connection
    from models.settings import ConnectionSettings
    from tests.web.conftest import Web
    from worker.wiring import Bridge

MANY = {"username": "many@example.com", "password": "many-password"}
OTHER_KEY = "moment-other-key"


@pytest.fixture(scope="module")
def systems() -> Iterator[dict[str, str]]:
    with sandbox() as (addresses, _):
        yield addresses


@pytest.fixture
def bridge(database_url: str, redis_url: str, systems: dict[str, str]) -> Iterator[Bridge]:
    for system in ("moment", "twentyfour"):
        requests.post(f"{systems[system]}/reset", timeout=10).raise_for_status()
    with installed(environment(database_url, redis_url, systems)) as bridge:
        yield bridge


class Page:
    """The page of a connection on an accountant's login, before somebody who administers this connection only."""

    def __init__(self, web: Web, bridge: Bridge) -> None:
        self.web, self.bridge, self.number = web, bridge, web.connection.id
        self.address = f"/connections/{self.number}"
        self.person = web.as_(Role.ADMINISTRATOR, connections=[self.number])
        self.email = users.everyone(bridge.database)[-1].email
        self.own, self.rivals, _ = [each.id for each in bridge.erp(settings(**MANY)).identities()]
        self.change(**MANY, identity_id=self.own)

    @property
    def connection(self) -> Connection:
        return self.bridge.connections.get(self.number)

    @property
    def saved(self) -> ConnectionSettings:
        return self.connection.settings

    def change(self, **changes: object) -> None:
        self.bridge.connections.change(self.number, changes, who="test", now=clock())

    def save(self, **entered: str) -> str:
        """Save settings that may open other books, and tell the address of what becomes of them."""
        asked = fill_in(self.person, self.address, **entered)
        assert asked.status_code == 303
        return asked.headers["Location"]

    def work_off(self) -> None:
        waiting = messages(self.bridge)
        self.bridge.redis.delete("sync")
        for _, number in waiting:
            tasks.run_errand(number)

    def refused(self, **entered: str) -> requests.Response:
        """Have settings refused, and go back to the form as it was entered."""
        before, place = self.connection, self.save(**entered)
        self.work_off()
        assert self.connection == before
        assert "Nothing was saved" in self.person.get(place).text
        return self.person.get(self.address, errand=place.rpartition("/")[2])


@pytest.fixture
def page(web: Web, bridge: Bridge) -> Page:
    return Page(web, bridge)


def test_with_a_wrong_password_no_client_is_left_for_the_right_one(page: Page) -> None:
    form = page.refused(identity_id=page.rivals, password="guessed", client_id="77")
    assert "refused the user name or password" in error_at(form, "password")
    fields = fields_of(form, page.address)
    assert (fields["identity_id"], fields["client_id"], fields["password"]) == (page.rivals, "77", "")
    assert "guessed" not in form.text
    fill_in(page.web.as_(Role.ADMINISTRATOR), page.address, password="many-password")
    assert page.saved.identity_id == page.own


def test_what_the_systems_accept_is_saved_in_the_name_of_who_entered_it(page: Page) -> None:
    place = page.save(identity_id=page.rivals.upper(), password="many-password", client_id="77")
    page.work_off()
    assert (page.saved.identity_id.lower(), page.saved.client_id) == (page.rivals, "77")
    noted = audit.page(page.bridge.database, Scope(frozenset({page.number}))).lines[0]
    assert noted.who == page.email
    assert "The settings are saved." in page.person.get(place).text
    examination = page.bridge.errands.latest(page.number, Asked.EXAMINATION)
    assert examination
    assert f'href="/errands/{examination.id}"' in page.person.get(place).text


def test_a_connection_that_paused_itself_works_again_with_what_is_accepted(page: Page) -> None:
    page.bridge.connections.pause(page.number, "no", now=clock())
    page.save(identity_id=page.rivals, password="guessed")
    page.work_off()
    assert page.connection.paused_because == "no"
    page.save(identity_id=page.rivals, password="many-password")
    page.work_off()
    assert page.connection.paused_because == ""


@pytest.mark.parametrize("other_books", [False, True])
def test_who_saves_a_new_password_ends_the_session_of_the_former_one(page: Page, *, other_books: bool) -> None:
    page.bridge.kept_erp(page.connection).client_name()
    assert page.bridge.redis.keys("twentyfour:session:*")
    login = page.bridge.settings.twentyfour_api_url + "/logins/many@example.com"
    requests.patch(login, json={"password": "newer"}, timeout=10).raise_for_status()
    page.save(password="newer", **({"identity_id": page.rivals} if other_books else {}))
    if other_books:
        errand = page.bridge.errands.latest(page.number, Asked.SAVING)
        assert errand
        tasks.run_errand(errand.id)
    assert page.saved.password.get_secret_value() == "newer"
    assert page.bridge.redis.keys("twentyfour:session:*") == []


@pytest.mark.parametrize(
    ("entered", "field", "said"),
    [
        ({"identity_id": "00000000-0000-0000-0000-00000000abcd"}, "identity_id", "does not reach"),
        ({"identity_id": ""}, "identity_id", "reaches 2 clients"),
        ({"username": "nobody@example.com"}, "password", "refused the user name or password"),
        ({"username": "demo@example.com", "password": "demo-password"}, "identity_id", "does not reach"),
    ],
)
def test_a_login_that_does_not_lead_there_is_refused_at_its_field(
    page: Page, entered: dict[str, str], field: str, said: str
) -> None:
    assert said in error_at(page.refused(**{"password": "many-password", **entered}), field)


def test_a_company_is_saved_with_a_key_that_opens_it_only(page: Page) -> None:
    form = page.refused(moment_company="1002", moment_api_key="moment-demo-key")
    assert "does not accept the API key" in error_at(form, "moment_api_key")
    page.save(moment_company="1002", moment_api_key=OTHER_KEY)
    page.work_off()
    assert (page.saved.moment_company, page.saved.moment_api_key.get_secret_value()) == ("1002", OTHER_KEY)


def test_both_new_are_saved_only_if_both_are_accepted(page: Page) -> None:
    form = page.refused(
        moment_company="1002", moment_api_key=OTHER_KEY, identity_id=page.rivals, password="guessed"
    )
    assert error_at(form, "password")


def test_a_system_that_does_not_answer_has_accepted_nothing(page: Page, systems: dict[str, str]) -> None:
    page.bridge.erp(page.saved).identities()
    mishap = {"operation": "GetIdentitiesWithCredential", "kind": "error_503"}
    requests.post(f"{systems['twentyfour']}/mishaps", json=mishap, timeout=10).raise_for_status()
    form = page.refused(identity_id=page.rivals, password="many-password")
    assert "Save the settings again in a while." in error_at(form, "password")


def test_of_two_tabs_the_one_that_is_checked_first_is_saved(page: Page) -> None:
    fields = fields_of(page.person.get(page.address), page.address)
    chosen = {"password": "many-password", "identity_id": page.rivals}
    places = [
        page.person.ask("POST", page.address, data={**fields, **chosen, "client_id": client}).headers["Location"]
        for client in ("1", "2")
    ]
    page.work_off()
    assert page.saved.client_id == "1"
    assert "somebody else has changed these settings" in page.person.get(places[1]).text
    form = page.person.get(page.address, errand=places[1].rpartition("/")[2])
    assert 'value="2"' in form.text
    assert "somebody else has changed these settings" in form.text


def test_what_another_person_saves_while_it_is_checked_stays(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    assert fill_in(page.web.as_(Role.ADMINISTRATOR), page.address, client_id="88").status_code == 303
    before = page.connection
    page.work_off()
    assert page.connection == before
    assert "somebody else has changed these settings" in page.person.get(place).text


def test_without_a_worker_nothing_changes_and_the_pages_say_so(page: Page) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    waiting = page.person.get(place).text
    assert "is being checked" in waiting
    assert f'data-awaits="{place}"' in waiting
    assert "many-password" not in waiting
    assert "are being checked" in page.web.as_(Role.ADMINISTRATOR).get(page.address).text
    assert page.connection == before
    page.work_off()
    assert "are being checked" not in page.person.get(page.address).text


def test_what_waited_too_long_is_not_saved(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    later = clock() + WORTHWHILE + timedelta(minutes=1)
    monkeypatch.setattr("worker.saving.clock", lambda: later)
    page.work_off()
    assert page.connection == before
    assert "It took too long" in page.person.get(place).text


@pytest.mark.parametrize("loses", ["role", "connection", "access"])
def test_who_has_lost_the_right_meanwhile_changes_nothing(page: Page, web: Web, loses: str) -> None:
    before, place = page.connection, page.save(identity_id=page.rivals, password="many-password")
    errand = page.bridge.errands.get(int(place.rpartition("/")[2]))
    assert errand
    database, user = page.bridge.database, users.called(page.bridge.database, errand.who)
    web.as_(Role.ADMINISTRATOR)  # somebody must be left who manages users
    other, _ = page.bridge.connections.add("Other AS", settings(), who="test", now=clock())
    role, scope = user.rights.role, user.rights.scope
    if loses == "access":
        users.disable(database, user.id, who="test", now=clock())
    elif loses == "role":
        users.change(database, user.id, Rights(Role.OPERATOR, scope), who="test", now=clock())
    else:
        users.change(database, user.id, Rights(role, Scope(frozenset({other.id}))), who="test", now=clock())
    page.work_off()
    assert page.connection == before


def test_a_worker_that_is_killed_before_it_answers_does_it_again(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    number = int(place.rpartition("/")[2])
    with monkeypatch.context() as dying:
        dying.setattr(page.bridge.errands, "answer", _killed)
        with suppress(KeyboardInterrupt):
            errands.run(page.bridge, number)
    saved = page.connection
    assert saved.settings.identity_id == page.rivals
    errands.run(page.bridge, number)
    assert page.connection == saved
    assert "The settings are saved." in page.person.get(place).text


def test_what_was_typed_is_kept_without_secrets_and_shown_to_who_typed_it_only(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    another = page.web.as_(Role.ADMINISTRATOR)
    page.work_off()
    errand = page.bridge.errands.get(int(place.rpartition("/")[2]))
    assert errand
    assert "many-password" not in str((errand.typed, errand.answer))
    assert another.get(place).status_code == 404
    assert another.get(page.address, errand=str(errand.id)).status_code == 200


def test_a_connection_that_is_erased_meanwhile_stays_so(page: Page) -> None:
    place = page.save(identity_id=page.rivals, password="many-password")
    with page.bridge.database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM connections")
    with suppress(UnknownConnection):
        errands.run(page.bridge, int(place.rpartition("/")[2]))
    assert page.bridge.connections.all() == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
