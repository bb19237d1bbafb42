"""Connections from a file: ``moment24 connections apply`` and ``export``."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox import links
from models.inbox.links import Link
from tests.factories import NOW
from tests.worker.cli.command_runner import invoke
from worker.container import Container

DEMO = """
[connections."Demo AS"]
receivables_account = 1501
entity_types = ["customer"]
password = "env:DEMO_PASSWORD"
"""
FJORD = """
[connections."Fjord AS"]
started = true
moment_company = "1002"
moment_api_key = "file:secrets/fjord"
username = "demo@example.com"
password = "env:DEMO_PASSWORD"
vat_codes = {3000 = "3"}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEMO_PASSWORD", "demo-password")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "fjord").write_text("moment-demo-key\n")
    return tmp_path / "companies.toml"


def apply(file: Path, text: str, *arguments: str, typed: str = "") -> Result:
    file.write_text(text)
    return invoke("connections", "apply", str(file), *arguments, typed=typed)


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    container: Container, connection: Connection, file: Path
) -> None:
    result = apply(file, DEMO + FJORD, "--dry-run")
    assert result.exit_code == 1
    assert ["Demo", "AS", "change", "receivables_account", "1500", "1501"] in [
        line.split() for line in result.stdout.splitlines()
    ]
    assert "moment-demo-key" not in result.output
    assert "demo-password" not in result.output
    assert container.connections.all() == [connection]


def test_a_file_is_applied_once(container: Container, connection: Connection, file: Path) -> None:
    result = apply(file, DEMO + FJORD, "--yes", "--no-check")
    assert result.exit_code == 0, result.output
    assert "https://bridge.example/webhooks/moment/" in result.stdout
    demo, fjord = container.connections.all()
    assert demo.settings.receivables_account == 1501
    assert demo.settings.entity_types == {EntityType.CUSTOMER}
    assert demo.settings.username == connection.settings.username
    assert (fjord.settings.moment_company, fjord.settings.vat_codes) == ("1002", {3000: "3"})
    assert fjord.settings.moment_api_key.get_secret_value() == "moment-demo-key"
    assert fjord.paused_because == ""
    again = apply(file, DEMO + FJORD, "--dry-run")
    assert (again.exit_code, again.output) == (0, "All connections match the file.\n")


def test_new_connections_are_tested_before_anything_changes(
    container: Container, connection: Connection, file: Path
) -> None:
    wrong = FJORD.replace("demo@example.com", "nobody@example.com").replace("1002", "9999")
    result = apply(file, DEMO + wrong + FJORD.replace("Fjord", "Fjell"), "--yes")
    assert result.exit_code == 2
    assert '"Fjord AS": Company 9999 doesn\'t exist in Moment.' in result.output
    assert "Nothing was changed." in result.output
    assert container.connections.all() == [connection]


def test_a_tested_login_shows_its_client(container: Container, file: Path) -> None:
    assert apply(file, FJORD.replace("1002", "1001"), "--yes").exit_code == 0
    (fjord,) = container.connections.all()
    assert fjord.settings.identity_id
    assert fjord.client_number
    assert apply(file, FJORD.replace("1002", "1001"), "--dry-run").exit_code == 0


def test_connections_are_paused_and_started(container: Container, connection: Connection, file: Path) -> None:
    stopped, started = ('[connections."Demo AS"]\nstarted = ' + each for each in ("false", "true"))
    assert apply(file, stopped, "--yes").exit_code == 0
    assert container.connections.get(connection.id).paused_by
    assert apply(file, stopped, "--dry-run").exit_code == 0
    assert apply(file, started, "--yes").exit_code == 0
    assert container.connections.get(connection.id).paused_because == ""


def test_a_connection_that_paused_itself_is_not_started_by_a_file(
    container: Container, connection: Connection, file: Path
) -> None:
    container.connections.pause(connection.id, "The password is wrong.", now=NOW)
    assert apply(file, '[connections."Demo AS"]\nstarted = true', "--yes").exit_code == 0
    assert container.connections.get(connection.id).paused_because == "The password is wrong."


def test_all_errors_are_reported_at_once_with_their_lines(
    container: Container, connection: Connection, file: Path
) -> None:
    result = apply(
        file,
        """[connections."Demo AS"]
receivables_account = "x"
password = "hunter2"
color = "red"
started = "yes"

[connections."Fjord AS"]
moment_company = "1001"
moment_api_key = "env:NOTHING_HERE"
username = "fjord@example.com"
password = "file:nowhere"
entity_types = []
""",
        "--yes",
    )
    assert result.exit_code == 2
    places = [line.partition(": ")[2] for line in result.output.splitlines() if str(file) in line]
    numbers = [line.partition(f"{file}:")[2].partition(":")[0] for line in result.output.splitlines()]
    assert {each for each in numbers if each} == {"2", "3", "4", "5", "9", "11"}
    assert any(each.startswith('connections."Demo AS".receivables_account: Input should be') for each in places)
    assert "hunter2" not in result.output
    assert container.connections.all() == [connection]


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("[connections", "at end of document"),
        ('[connection."Demo AS"]', "only connections may be here"),
        ('[connections."Demo AS"]\n[connections."Demo AS"]', "line 2"),
        (FJORD.replace("1002", "1001"), "There is already a connection for this Moment company."),
        (FJORD + "entity_types = []", "Choose at least one type of record to sync."),
    ],
)
def test_an_invalid_file_is_refused(
    container: Container, connection: Connection, file: Path, text: str, output: str
) -> None:
    result = apply(file, text, "--yes", "--no-check")
    assert (result.exit_code, output in result.output) == (2, True), result.output
    assert container.connections.all() == [connection]


def test_links_prevent_a_change_of_company(container: Container, connection: Connection, file: Path) -> None:
    links.save(container.database, connection.id, Record(EntityType.CUSTOMER, "7"), Link("10001"), now=NOW)
    result = apply(file, '[connections."Demo AS"]\nmoment_company = "1002"', "--yes", "--no-check")
    assert result.exit_code == 2
    assert "connections unlink" in result.output


def test_connections_not_in_the_file_are_reported_and_left_alone(
    container: Container, connection: Connection, file: Path
) -> None:
    result = apply(file, "", "--yes")
    assert result.exit_code == 0
    assert "Not in the file, unchanged: Demo AS." in result.output
    assert container.connections.all() == [connection]


def test_answering_no_changes_nothing(container: Container, connection: Connection, file: Path) -> None:
    assert apply(file, DEMO, "--no-check", typed="n\n").exit_code == 130
    assert container.connections.all() == [connection]


def test_an_exported_file_has_no_secret_and_changes_nothing(
    container: Container, connection: Connection, file: Path
) -> None:
    container.connections.update(
        connection.id, {"vat_codes": {3000: "3"}, "client_id": 'a "7"'}, actor="", now=NOW
    )
    text = invoke("connections", "export").stdout
    assert "demo-password" not in text
    result = apply(file, text, "--dry-run")
    assert (result.exit_code, result.output) == (0, "All connections match the file.\n")
    again = apply(file, text.replace("vat_codes = {", 'vat_codes = {"3100" = "1", '), "--dry-run")
    assert again.exit_code == 1


def test_json_has_the_differences_and_webhook_urls(
    container: Container, connection: Connection, file: Path
) -> None:
    result = json.loads(apply(file, DEMO + FJORD, "--yes", "--no-check", "--output", "json").stdout)
    assert [each["connection"] for each in result["created"]] == ["Fjord AS"]
    assert {
        "connection": "Demo AS",
        "change": "change",
        "setting": "receivables_account",
        "old": 1500,
        "new": 1501,
    } in result["differences"]
    assert result["not_in_file"] == []
    assert len(container.connections.all()) == 2
    assert connection.id
