from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr, ValidationError
from sqlalchemy import select, text, update

from models.admin.connection_list import summaries
from models.connections.repository import (
    NOT_STARTED,
    ClientTakenError,
    CompanyTakenError,
    ConcurrentUpdateError,
    Connection,
    Connections,
    NameTakenError,
    OtherClientError,
    UnknownConnectionError,
)
from models.connections.settings import contradictions
from models.connections.vault import Vault
from models.database import Database
from models.enums import Scope
from models.inbox import webhook_intake
from models.inbox.webhook_intake import WebhookTarget
from models.schema.tables import AuditRow, ConnectionRow
from tests.factories import NOW, settings


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


def test_a_connection_is_read_as_it_was_added(connections: Connections, connection: Connection) -> None:
    assert connections.get(connection.id) == connection
    assert connections.get_by_name("Demo AS") == connection
    assert connections.all() == [connection]
    assert connection.settings == settings()


def test_secrets_are_encrypted_in_the_database(database: Database, connections: Connections) -> None:
    connections.add("Demo AS", settings(), actor="test", now=NOW)
    with database.transaction() as session:
        row = str(session.execute(text("select * from connections")).all())
    assert "moment-demo-key" not in row
    assert "demo-password" not in row


def test_a_newer_key_reads_what_an_older_one_wrote(database: Database) -> None:
    old, new = key(), key()
    connection, _ = Connections(database, Vault([old])).add("Demo AS", settings(), actor="test", now=NOW)
    assert Connections(database, Vault([new, old])).get(connection.id) == connection
    with pytest.raises(InvalidToken):
        Connections(database, Vault([new])).get(connection.id)


def test_secrets_moved_to_another_row_are_refused(
    connections: Connections, database: Database, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    with database.transaction() as session:
        rows = {row.id: row for row in session.scalars(select(ConnectionRow))}
        rows[other.id].secrets = rows[connection.id].secrets
    with pytest.raises(InvalidToken):
        connections.get(other.id)
    assert connections.get(connection.id) == connection
    assert connections.all() == [connection]
    shown = connections.get_even_unreadable(other.id)
    assert (shown.name, shown.unreadable) == ("Fjord AS", True)
    assert {shown.settings.password.get_secret_value(), shown.settings.moment_api_key.get_secret_value()} == {""}


def test_secrets_that_cannot_be_decrypted_must_both_be_entered_again(
    connections: Connections, database: Database, connection: Connection
) -> None:
    with database.transaction() as session:
        session.execute(update(ConnectionRow).values(secrets="v2:damaged"))
    again = {"password": SecretStr("again"), "moment_api_key": SecretStr("key again")}
    with pytest.raises(ValidationError):
        connections.update(connection.id, {"password": again["password"]}, actor="test", now=NOW)
    connections.update(connection.id, again, actor="test", now=NOW)
    assert connections.get(connection.id).settings == settings(**again)


def test_a_connection_is_found_by_its_token_only(database: Database, connections: Connections) -> None:
    connection, token = connections.add("Demo AS", settings(), actor="test", now=NOW)
    assert webhook_intake.find_target(database, token) == WebhookTarget(
        connection.id, connection.settings.entity_types
    )
    assert webhook_intake.find_target(database, token[:-1]) is None


def test_a_new_token_ends_the_old_one(database: Database, connections: Connections) -> None:
    connection, old = connections.add("Demo AS", settings(), actor="test", now=NOW)
    new = connections.regenerate_token(connection.id, actor="test", now=NOW)
    assert (webhook_intake.find_target(database, old), webhook_intake.find_target(database, new)) == (
        None,
        WebhookTarget(connection.id, connection.settings.entity_types),
    )


def test_a_name_is_unique(connections: Connections, connection: Connection) -> None:
    with pytest.raises(NameTakenError):
        connections.add(connection.name, settings(), actor="test", now=NOW)


def test_a_company_in_moment_has_one_connection(connections: Connections, connection: Connection) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord"), actor="test", now=NOW)
    for company in ("fjord", "FJORD"):
        with pytest.raises(CompanyTakenError) as refused:
            connections.add("Again AS", settings(moment_company=company), actor="test", now=NOW)
        with pytest.raises(CompanyTakenError):
            connections.update(connection.id, {"moment_company": company}, actor="test", now=NOW)
        assert other.name not in str(refused.value)
    assert connections.get(connection.id) == connection
    assert connections.update(other.id, {"client_id": "7"}, actor="test", now=NOW).settings.client_id == "7"


def test_an_old_second_connection_is_not_resumed_beside_the_first(
    connections: Connections, connection: Connection, database: Database
) -> None:
    second, _ = connections.add("Again AS", settings(moment_company="2"), actor="test", now=NOW)
    double = {"shares_company": True, "paused_because": "Another one.", "paused_by": "the upgrade"}
    double["settings"] = ConnectionRow.settings.op("||")({"moment_company": connection.settings.moment_company})
    database.execute(update(ConnectionRow).where(ConnectionRow.id == second.id).values(**double))
    connections.update(second.id, {"client_id": "7"}, actor="test", now=NOW)
    with pytest.raises(CompanyTakenError):
        connections.resume(second.id, actor="test", now=NOW)
    assert connections.get(second.id).paused_because == "Another one."
    connections.update(connection.id, {"moment_company": "3"}, actor="test", now=NOW)
    connections.resume(second.id, actor="test", now=NOW)
    assert connections.get(second.id).paused_because == ""
    with pytest.raises(CompanyTakenError):
        connections.update(connection.id, {"moment_company": "1001"}, actor="test", now=NOW)


def test_a_client_of_24sevenoffice_has_one_connection(connections: Connections, connection: Connection) -> None:
    connections.save_client(connection.id, connection.settings, 7)
    fjord = settings(moment_company="fjord", username="other@example.com")
    with pytest.raises(ClientTakenError) as refused:
        connections.add("Fjord AS", fjord, actor="test", now=NOW, client_number=7)
    assert connection.name not in str(refused.value)
    other, _ = connections.add("Fjord AS", fjord, actor="test", now=NOW)
    with pytest.raises(ClientTakenError):
        connections.save_client(other.id, other.settings, 7)
    with pytest.raises(ClientTakenError):
        connections.update(other.id, {"client_id": "7"}, actor="test", now=NOW, client_number=7)
    connections.save_client(other.id, other.settings, 8)
    assert [each.client_number for each in connections.all()] == [7, 8]


def test_a_login_to_another_client_is_noticed_and_an_outdated_login_ignored(
    connections: Connections, connection: Connection
) -> None:
    connections.save_client(connection.id, connection.settings, 7)
    with pytest.raises(OtherClientError):
        connections.save_client(connection.id, connection.settings, 8)
    connections.update(connection.id, {"username": "new@example.com"}, actor="test", now=NOW)
    connections.save_client(connection.id, connection.settings, 9)  # by a worker with the former settings
    assert connections.get(connection.id).client_number is None


def test_changing_a_setting_leaves_the_others_and_ends_a_pause(
    connections: Connections, connection: Connection
) -> None:
    assert connections.pause(connection.id, "The password is wrong.", now=NOW)
    assert not connections.pause(connection.id, "The password is wrong.", now=NOW)
    changed = connections.update(connection.id, {"password": "resolved"}, actor="test", now=NOW)
    assert changed.settings == settings(password=SecretStr("resolved"))
    assert changed.paused_because == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"posting": "maybe"},
        {"error_emails": ["nobody"]},
        {"receivables_account": 0},
        {"no_such_setting": 1},
        {"client_id": "7\x00"},
        {"identity_id": "Demo AS"},
        {"expense_from": "0001-01-01"},
        {"vat_codes": {3000: "3; drop"}},
        {"accounts": {"501": "3000/"}},
        {"accounts": {"5 01": "3000"}},
        {"factoring_id": 2**31},
    ],
)
def test_an_invalid_setting_is_refused(
    connections: Connections, connection: Connection, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        connections.update(connection.id, wrong, actor="test", now=NOW)
    assert connections.get(connection.id) == connection


def test_an_unknown_connection_says_so(connections: Connections) -> None:
    with pytest.raises(UnknownConnectionError):
        connections.get(4711)
    with pytest.raises(UnknownConnectionError):
        connections.get_by_name("Nobody AS")


def test_changes_are_logged_without_secrets_and_without_the_client(
    database: Database, connections: Connections
) -> None:
    connection, _ = connections.add("Demo AS", settings(), actor="kari", now=NOW)
    changes = {
        "password": "resolved",
        "identity_id": "3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67",
        "receivables_account": 1501,
        "factoring_id": 10042,
        "weekly_digest": True,
        "vat_codes": {3000: "3"},
        "expense_billable_projects": {7: False},
        "username": connection.settings.username,
    }
    connections.update(connection.id, changes, actor="ola", now=NOW)
    connections.pause(connection.id, "Year end.", actor="ola", now=NOW)
    connections.resume(connection.id, actor="kari", now=NOW)
    with database.transaction() as session:
        entries = [(row.actor, str(row.action)) for row in session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert entries == [
        ("kari", "Added the connection"),
        ("ola", "Password: changed"),
        ("ola", "24SevenOffice client: changed"),
        ("ola", "Factoring id: (empty) → 10042"),
        ("ola", "Receivables account: 1500 → 1501"),
        ("ola", "VAT codes: (empty) → 3000=3"),
        ("ola", "Billable on individual projects: (empty) → 7=no"),
        ("ola", "Weekly summary: no → yes"),
        ("ola", "Paused: Year end."),
        ("kari", "Resumed"),
    ]


def test_a_manually_paused_connection_stays_paused_whatever_changes(
    connections: Connections, connection: Connection
) -> None:
    connections.pause(connection.id, "Year end.", actor="kari", now=NOW)
    changed = connections.update(connection.id, {"client_id": "7"}, actor="ola", now=NOW)
    assert (changed.paused_because, changed.paused_by) == ("Year end.", "kari")
    connections.resume(connection.id, actor="kari", now=NOW)
    assert connections.get(connection.id).is_available(NOW)


def test_a_user_pauses_a_connection_that_the_integration_has_paused(
    connections: Connections, connection: Connection
) -> None:
    connections.pause(connection.id, "24SevenOffice rejected the password.", now=NOW)
    assert connections.pause(connection.id, "The customer left.", actor="kari", now=NOW)
    assert not connections.pause(connection.id, "Again.", actor="ola", now=NOW)
    changed = connections.update(connection.id, {"client_id": "7"}, actor="ola", now=NOW)
    assert (changed.paused_because, changed.paused_by) == ("The customer left.", "kari")


def test_a_connection_may_be_added_without_being_started(connections: Connections) -> None:
    connection, _ = connections.add("Demo AS", settings(), actor="kari", now=NOW, started=False)
    assert not connection.is_available(NOW)
    assert (
        connections.update(connection.id, {"client_id": "7"}, actor="kari", now=NOW).paused_because == NOT_STARTED
    )


def test_settings_that_changed_meanwhile_are_not_overwritten(
    connections: Connections, connection: Connection
) -> None:
    seen, later = connection.updated_at, NOW + timedelta(minutes=1)
    connections.update(connection.id, {"client_id": "7"}, actor="kari", now=later, seen=seen)
    with pytest.raises(ConcurrentUpdateError):
        connections.update(connection.id, {"client_id": "8"}, actor="ola", now=later, seen=seen)
    assert connections.get(connection.id).settings.client_id == "7"
    assert connections.update(connection.id, {"client_id": "8"}, actor="ola", now=later, seen=later)


def test_connections_are_listed_by_name_to_those_who_may_see_them(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add(
        "Byggmester AS", settings(moment_company="byggmester-as"), actor="kari", now=NOW, started=False
    )
    assert [each.name for each in summaries(database, Scope(), now=NOW)] == ["Byggmester AS", "Demo AS"]
    (seen,) = summaries(database, Scope(frozenset({other.id})), now=NOW)
    assert (seen.id, seen.moment_company, seen.paused_because) == (other.id, "byggmester-as", NOT_STARTED)
    assert summaries(database, Scope(frozenset()), now=NOW) == []
    assert connection.name == "Demo AS"


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"entity_types": ()}, "entity_types"),
        ({"entity_types": ("expense",)}, "expense_accounts"),
        ({"error_emails": ("kari@example.com", "bjørn@example.com")}, "error_emails"),
        ({"client_id": "1001-M", "client_id_field": "TypeId"}, "client_id"),
    ],
)
def test_contradictory_settings_are_named(wrong: dict[str, object], setting: str) -> None:
    assert list(contradictions(settings(**wrong))) == [setting]
    assert contradictions(settings()) == {}
