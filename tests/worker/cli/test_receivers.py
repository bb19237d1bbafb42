import re

import pytest
from click.testing import Result
from sqlalchemy import select

from models.connections.repository import Connection, Connections
from models.enums import Scope
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES, DeliveryState, EventType
from models.schema.receiver_tables import EventReceiverRow
from tests.factories import NOW, settings
from tests.installation import environment, messages
from tests.worker.cli.command_runner import invoke
from worker.container import Container, clock

URL = "https://crm.example/events"


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url)


@pytest.fixture
def connections(container: Container) -> Connections:
    return container.connections


@pytest.fixture
def connection(connections: Connections) -> Connection:
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection


def run(*arguments: str) -> Result:
    return invoke("receivers", *arguments)


def secret_in(output: str) -> str:
    found = re.search(r"whsec_\S+", output)
    assert found, output
    return found[0]


def test_a_receiver_is_added_for_everything_and_its_secret_is_printed(container: Container) -> None:
    secret = secret_in(run("add", URL).output)
    (receiver,) = container.receivers.all()
    assert (receiver.url, tuple(receiver.event_types), receiver.scope) == (URL, EVENT_TYPES, Scope())
    assert container.receivers.secrets(receiver.id, now=clock()) == [secret]
    assert secret not in run("list").output


def test_a_receiver_is_added_for_some_events_of_some_connections(
    container: Container, connection: Connection
) -> None:
    run("add", URL, "--event=job.done", f"--connection={connection.name}")
    (receiver,) = container.receivers.all()
    assert list(receiver.event_types) == [EventType.JOB_DONE]
    assert receiver.scope == Scope(frozenset({connection.id}))
    assert re.search(r"1 +https://crm.example/events +job.done +Demo AS", run("list").output)


def test_errors_are_explained_in_a_sentence(container: Container) -> None:
    refused = run("add", "http://crm.example")
    assert (refused.exit_code, "must start with https://" in refused.output) == (2, True)
    for command in ("test", "rotate", "enable", "disable", "remove"):
        missing = run(command, "4711")
        assert (missing.exit_code, "no event receiver with the number 4711" in missing.output) == (2, True)
    assert run("replay", "4711").exit_code == 2
    assert run("replay", "4711", "--delivery=1").exit_code == 2
    assert container.receivers.all() == []


def test_a_receiver_is_tested_and_failed_events_are_replayed(container: Container) -> None:
    run("add", URL)
    assert "Test event queued." in run("test", "1").output
    assert messages(container) == [("deliver_events", 1)]
    assert "by hand" in (run("disable", "1"), run("list"))[1].output
    assert run("replay", "1", "--since=2026-01-01").output == "Events resent: 0.\n"
    assert "is disabled: enable it first." in run("test", "1").output
    run("enable", "1")
    assert run("replay", "1", "--since=2026-01-01 08:00").output == "Events resent: 1.\n"
    (line,) = deliveries.log_page(container.database, 1, key=None).lines
    assert line.state is DeliveryState.PENDING


def test_a_secret_is_rotated_and_a_receiver_removed(container: Container) -> None:
    first = secret_in(run("add", URL).output)
    second = secret_in(run("rotate", "1").output)
    assert container.receivers.secrets(1, now=clock()) == [second, first]
    assert "removed" in run("remove", "1").output
    assert run("list").output == "No event receivers yet.\n"


def test_keys_rotate_encrypts_the_secrets_of_receivers_again(container: Container) -> None:
    secret = secret_in(run("add", URL).output)
    before = container.database.scalar(select(EventReceiverRow.secret))
    assert invoke("keys", "rotate").exit_code == 0
    assert container.database.scalar(select(EventReceiverRow.secret)) != before
    assert container.receivers.secrets(1, now=clock()) == [secret]
