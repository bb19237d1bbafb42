"""The lists of commands, for people and for programs."""

import csv
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

import pytest

from i18n.sheets import Sheet
from models.connections.repository import Connection
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import NOW
from tests.installation import add_failed_job
from tests.worker.cli.command_runner import run
from worker.cli.tables import Cell, Table
from worker.container import Container

TABLE = Table(
    columns={
        "name": "name",
        "amount": "kroner",
        "at": "at",
        "day": None,
        "types": "types",
        "on": "on",
        "none": "none",
    },
    amounts=frozenset({"amount"}),
)
ROW = {
    "name": "=Fjord",
    "amount": -1234550,
    "at": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "day": date(2026, 6, 1),
    "types": frozenset({"project", "customer"}),
    "on": False,
    "none": None,
}


def test_a_table_has_kroner_local_time_and_no_empty_column(capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.print([ROW], "table")
    headings, row = capsys.readouterr().out.splitlines()
    assert headings.split() == ["name", "kroner", "at", "types"]
    assert row.split("  ") == ["=Fjord", "-12 345,50", "2026-06-01 14:00:00", "customer, project"]


def test_json_has_whole_ore_and_instants_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.print([ROW], "json")
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "=Fjord",
            "amount": -1234550,
            "at": "2026-06-01T12:00:00+00:00",
            "day": "2026-06-01",
            "types": ["customer", "project"],
            "on": False,
            "none": None,
        }
    ]


def test_csv_has_decimal_points_and_no_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.print([ROW], "csv")
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert row["name"] == "'=Fjord"
    assert (row["amount"], row["on"], row["none"]) == ("-12345.50", "false", "")
    assert row["at"] == "2026-06-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Ola;=2+5;x", "Ola;'=2+5;x"),
        ("Ola,-2+5", "Ola,'-2+5"),
        ("a\r\n@b", "a\r\n'@b"),
        ("\N{FULLWIDTH EQUALS SIGN}2+5", "'\N{FULLWIDTH EQUALS SIGN}2+5"),
        (["=2+5"], "'=2+5"),
        ("Voucher 9, -7 kroner; paid", "Voucher 9, -7 kroner; paid"),
    ],
)
@pytest.mark.parametrize("for_excel", [False, True])
def test_a_formula_after_a_separator_is_escaped_too(value: object, written: str, *, for_excel: bool) -> None:
    _, line = Sheet(columns={"name": "name"}, for_excel=for_excel).lines([{"name": value}])
    ((cell,),) = csv.reader(StringIO(line, newline=""), delimiter=";" if for_excel else ",")
    assert cell == written


def test_csv_for_norwegian_excel_has_semicolons_decimal_commas_and_local_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    TABLE.print([ROW], "excel")
    result = capsys.readouterr().out
    assert result.startswith("\ufeffname;amount;")
    (row,) = csv.DictReader(result[1:].splitlines(), delimiter=";")
    assert (row["name"], row["amount"], row["day"]) == ("'=Fjord", "-12345,50", "01.06.2026")
    assert row["at"] == "01.06.2026 14:00:00"


def test_tables_may_show_a_value_as_another_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(columns={"status": "status"})
    for output, text in (("table", "status\nBAD\n"), ("csv", "status\r\nbad\r\n")):
        table.print([{"status": Cell("bad", "BAD")}], output)
        assert capsys.readouterr().out == text
    table.print([], "table")
    assert capsys.readouterr().out == "Nothing.\n"


def listed(*command: str) -> list[Mapping[str, Any]]:
    rows = list(csv.DictReader(run(*command, "--output", "csv").splitlines()))
    result: list[Mapping[str, Any]] = json.loads(run(*command, "--output=json"))
    assert [list(each) for each in rows] == [list(each) for each in result]
    return result


def test_connections_jobs_and_users_are_listed_for_programs(container: Container, connection: Connection) -> None:
    job = add_failed_job(container, connection)
    rights = Rights(Role.VIEWER, Scope(frozenset({connection.id})))
    users.add(container.database, "kari@example.com", rights, password=None, actor="test", now=NOW)
    (found,) = listed("connections", "list")
    assert (found["id"], found["name"], found["state"]) == (connection.id, "Demo AS", "working")
    assert found["entity_types"] == ["customer", "invoice", "project"]
    (found,) = listed("jobs", "list")
    assert (found["id"], found["state"], found["entity_type"]) == (job, "needs_attention", "invoice")
    assert found["received_at"].endswith("+00:00")
    (found,) = listed("users", "list")
    assert (found["email"], found["connections"], found["disabled"]) == ("kari@example.com", ["Demo AS"], False)
    settings = {each["setting"]: each["value"] for each in listed("connections", "show", "Demo AS")}
    assert settings["receivables_account"] == 1500
    assert settings["password"] != "demo-password"
    shown = json.loads(run("jobs", "show", str(job), "--output=json"))
    assert (shown["id"], len(shown["attempts"]), shown["candidates"], shown["moment_record"]) == (job, 1, [], None)
