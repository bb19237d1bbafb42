import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from config.logging import configure
from models.connections.vault import Vault
from models.database import Database
from models.schema.user_tables import UserRow
from tests.factories import NOW
from tests.installation import own_logging


@pytest.fixture(autouse=True)
def undone_numbers() -> Iterator[None]:
    with own_logging():
        yield


class Log:
    """The log as JSON, read event by event."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure("json", level="INFO")
        self._capsys = capsys

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://moment24:se/cret@db/moment24",
        "redis://:s@se/cret@redis:6379",
        "postgresql://db/moment24?user=a&password=se/cret",
        "https://integration.example.com/sign-in/link/" + "secret" * 7,
        "m24_" + "secret" * 7 + "1",
    ],
)
def test_a_secret_in_a_text_is_masked_by_its_form(capsys: pytest.CaptureFixture[str], text: str) -> None:
    log = Log(capsys)
    structlog.get_logger().info("tried", because=f"Not reached: {text} (first try)")
    (event,) = log.events()
    assert "cret" not in event["because"]
    assert event["because"].startswith("Not reached: ")
    assert event["because"].endswith(" (first try)")


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "api_key",
        "moment_api_key",
        "Authorization",
        "session_id",
        "Cookie",
        "secret_keys",
        "credential",
    ],
)
def test_a_field_named_like_a_secret_is_masked(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(capsys)
    structlog.get_logger().info("called", **{name: "hunter2"}, inside={name: ["hunter2"], "kind": "invoice"})
    (event,) = log.events()
    assert (event[name], event["inside"]) == ("***", {name: "***", "kind": "invoice"})


def test_values_that_look_like_secrets_are_masked_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(capsys)
    locked = Vault([SecretStr(Fernet.generate_key().decode())]).encrypt("hunter2", "connections.secrets", 17)
    logger = structlog.get_logger()
    logger.info("stored", value=f"row {locked}", key=SecretStr("hunter2"))
    logger.info(
        "connected", to="redis://:hunter2@127.0.0.1:6379/0", database="postgresql://bridge:hunter2@db/bridge"
    )
    logger.info("called", path="/webhooks/moment/8f7Gs-_k3?x=1")
    stored, connected, called = log.events()
    assert (stored["value"], stored["key"]) == ("row v2:***", "***")
    assert (connected["to"], connected["database"]) == (
        "redis://***@127.0.0.1:6379/0",
        "postgresql://***@db/bridge",
    )
    assert called["path"] == "/webhooks/moment/***?x=1"


def test_an_exception_is_reported_without_the_secret_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(capsys)
    error = ConnectionError("no answer from amqp://guest:hunter2@broker")
    structlog.get_logger().error("lost", exc_info=error)
    (event,) = log.events()
    assert "ConnectionError: no answer from amqp://***@broker" in event["exception"]


def test_numbers_stay_numbers_and_none_stays_none(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(capsys)
    structlog.get_logger().info("attempt", connection=1, seconds=0.25, error_code=None, posted=True, password="")
    (event,) = log.events()
    logged = {name: event[name] for name in ("connection", "seconds", "error_code", "posted", "password")}
    assert logged == {"connection": 1, "seconds": 0.25, "error_code": None, "posted": True, "password": ""}


def test_logs_of_libraries_have_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(capsys)
    logging.getLogger("kombu.transport").warning("Lost %s", "redis://:hunter2@127.0.0.1")
    logging.getLogger("celery.app.trace").info("Task sweep succeeded")
    (event,) = log.events()
    assert (event["event"], event["level"]) == ("Lost redis://***@127.0.0.1", "warning")


def test_the_text_format_is_one_aligned_line_per_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", level="INFO")
    structlog.get_logger().info("attempt", entity_type="invoice", record="9")
    structlog.get_logger().debug("not told")
    logging.getLogger("uvicorn.error").warning("Shutting down")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("[info     ] attempt                  entity_type=invoice record=9")
    assert second.index("Shutting down") == first.index("attempt")


def test_nothing_of_the_log_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", level="INFO")
    structlog.get_logger().info("attempt")
    assert capsys.readouterr().out == ""


def test_a_statement_refused_by_postgresql_is_logged_without_its_values(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    log = Log(capsys)
    stored = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"
    kari = {
        "email": "kari@example.com",
        "role": "viewer",
        "language": "nb",
        "password_hash": stored,
        "created_at": NOW,
    }
    too_few = {**kari, "language": None}
    for statement in (insert(UserRow).values([kari, kari]), insert(UserRow).values(too_few)):
        with pytest.raises(IntegrityError) as refused:
            database.execute(statement)
        structlog.get_logger().error("refused", exc_info=refused.value)
    events = log.events()
    assert all("DETAIL" in event["exception"] for event in events)
    output = json.dumps(events)
    assert "argon2" not in output
    assert "kari@example.com" not in output
