"""Two companies of one installation: neither can reach the other's 24SevenOffice client by its settings."""

from collections.abc import Mapping
from typing import Any

import pytest

from models.connections import alert_outbox
from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox.enqueue import enqueue
from tests.factories import NOW, settings
from tests.installation import installed
from tests.sandbox.serving import Systems
from tests.worker.cli.database_dump import dump
from worker import tasks
from worker.container import Container, clock

CUSTOMER = "62788973"
KEY = "moment-other-key"
MAIL = "books@rival.example"
CUSTOMERS = ("Fjellheim AS", "Bryggen Drift AS", "Solvang Eiendom AS", "Havblikk AS")


class Rival:
    """Another company, with its own customers and the login that its administrator enters."""

    def __init__(self, container: Container, fresh_systems: Systems) -> None:
        self.container, self.systems = container, fresh_systems
        self.names = iter(CUSTOMERS)

    def connect(self, **login: object) -> None:
        values = {"moment_company": "1002", "moment_api_key": KEY, "error_emails": (MAIL,), **login}
        self.connection, _ = self.container.connections.add("Rival AS", settings(**values), actor="test", now=NOW)

    def enter(self, **login: object) -> None:
        self.container.connections.update(self.connection.id, login, actor="test", now=clock())

    def sync(self) -> None:
        """Make another customer in Moment, and sync it."""
        path = "api/1.0/companies/1002/customers"
        made = self.systems.control("moment", "POST", path, {"name": next(self.names)}, key=KEY)
        sync_now(self.container, self.connection, str(made["id"]))

    @property
    def paused_because(self) -> str:
        return self.container.connections.get(self.connection.id).paused_because

    def mails(self) -> list[str]:
        return [each.error_code for each in alert_outbox.pending_alerts(self.container.database, MAIL)]


def sync_now(container: Container, connection: Connection, customer: str) -> None:
    """Sync a customer to 24SevenOffice, as after a webhook."""
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, customer)], now=clock())
    tasks.sync_customers(connection.id)


def names(fresh_systems: Systems, client: int = 1) -> list[str]:
    """Return the customers of a 24SevenOffice client."""
    found = fresh_systems.control("twentyfour", "GET", f"books/{client}/customers")
    return [each["name"] for each in found]


def logins(fresh_systems: Systems) -> int:
    calls: dict[str, int] = fresh_systems.control("twentyfour", "GET", "calls")
    return calls.get("Login", 0)


@pytest.fixture
def identity(container: Container) -> str:
    """The client of the first company's login."""
    return container.erp(settings()).identity_id()


@pytest.fixture
def first(container: Container, identity: str) -> Connection:
    """A company in use, so that its session exists."""
    connection, _ = container.connections.add("Demo AS", settings(identity_id=identity), actor="test", now=NOW)
    sync_now(container, connection, CUSTOMER)
    return connection


@pytest.fixture
def rival(container: Container, fresh_systems: Systems) -> Rival:
    return Rival(container, fresh_systems)


def test_a_wrong_password_writes_nothing_to_another_companys_ledger(
    container: Container, fresh_systems: Systems, first: Connection, rival: Rival, identity: str
) -> None:
    theirs = names(fresh_systems)
    rival.connect(username=first.settings.username, password="wrong", identity_id=identity)
    rival.sync()
    assert names(fresh_systems) == theirs
    assert rival.paused_because == "24SevenOffice rejected the user name or password."
    assert rival.mails() == ["login_refused"]
    assert container.connections.get(first.id).is_available(clock())
    sync_now(container, first, CUSTOMER)
    assert logins(fresh_systems) == 2  # the refused one, and that of the first company, whose session lives on


def test_another_login_writes_nothing_to_another_companys_ledger(
    fresh_systems: Systems, first: Connection, rival: Rival, identity: str
) -> None:
    theirs = names(fresh_systems)
    rival.connect(username="many@example.com", password="many-password", identity_id=identity)
    rival.sync()
    assert (names(fresh_systems), rival.mails()) == (theirs, ["identity"])
    assert "doesn't include this 24SevenOffice client" in rival.paused_because
    assert first.settings.username != rival.connection.settings.username


@pytest.mark.parametrize("user", ["demo", "many"])
def test_two_companies_never_share_a_client_whatever_the_login(
    container: Container, fresh_systems: Systems, first: Connection, rival: Rival, user: str
) -> None:
    theirs, login = names(fresh_systems), {"username": f"{user}@example.com", "password": f"{user}-password"}
    reached = container.erp(settings(**login)).identities()
    rival.connect(**login, identity_id=next(each.id for each in reached if each.client == "Demo AS"))
    rival.sync()
    assert (names(fresh_systems), rival.mails()) == (theirs, ["client_taken"])
    assert "Another connection uses this 24SevenOffice client" in rival.paused_because
    assert first.name not in rival.paused_because
    container.connections.resume(rival.connection.id, actor="test", now=clock(), despite_failed_test=True)
    rival.sync()
    assert (names(fresh_systems), bool(rival.paused_because)) == (theirs, True)
    assert container.connections.get(first.id).is_available(clock())


def test_moving_a_user_to_another_client_does_not_move_the_connection(
    environ: Mapping[str, str], fresh_systems: Systems, rival: Rival
) -> None:
    rival.connect(username="demo@example.com", password="demo-password")
    rival.sync()
    fresh_systems.control("twentyfour", "PUT", "logins/demo@example.com/client", {"client": 2})
    with installed(environ) as restarted:
        rival.container = restarted
        rival.sync()
    assert (names(fresh_systems, 2), rival.mails()) == ([], ["other_client"])
    assert "a different 24SevenOffice client than before" in rival.paused_because


def test_a_password_may_be_changed_to_a_wrong_one_and_back(
    fresh_systems: Systems, rival: Rival, identity: str
) -> None:
    login: dict[str, Any] = {"username": "demo@example.com", "identity_id": identity}
    rival.connect(**login, password="demo-password")
    for password, paused in (("wrong", True), ("demo-password", False), ("wrong", True), ("demo-password", False)):
        rival.enter(password=password)
        rival.sync()
        assert bool(rival.paused_because) is paused
    assert set(CUSTOMERS) <= set(names(fresh_systems))


def test_only_the_number_of_clients_that_a_login_reaches_is_stored(
    container: Container, fresh_systems: Systems, rival: Rival
) -> None:
    rival.connect(username="many@example.com", password="many-password")
    reached = container.erp(rival.connection.settings).identities()
    rival.sync()
    rival.enter(identity_id="00000000-0000-0000-0000-00000000abcd")
    rival.sync()
    rival.enter(identity_id=reached[0].id)
    rival.enter(identity_id=reached[1].id)
    rival.sync()
    assert sorted(names(fresh_systems, 2)) == sorted(CUSTOMERS[:3])
    number = container.connections.get(rival.connection.id).client_number
    login = {"username": "demo@example.com", "identity_id": ""}
    container.connections.update(rival.connection.id, login, actor="test", now=clock(), client_number=number)
    stored = dump(container)
    assert "The user has access to {number} clients" in stored
    assert [each.id for each in reached if each.id in stored] == []
    assert [each.client for each in reached if each.client in stored] == []
