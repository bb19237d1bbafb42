from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import text

from models import files, hooks, inbox, listing, reminders, throttle, users, visits
from models.errands import Asked
from models.schema import TABLES
from models.traces import PLAIN
from models.users import Rights
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, Role, Scope, State
from tests.factories import settings
from tests.installation import stuck
from worker import tasks
from worker.__main__ import main
from worker.checks import check
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.connections import Connection
    from worker.wiring import Bridge

API = "api/1.0/companies/1001"
KARI, MAIL = "Kåre Østby", "kare.ostby@example.com"
WRITTEN = ("østby", "ostby", "stby", "kåre", "kare.")
"""What is left of the name however it is escaped, and of the address."""

OTHERS = {
    "acceptances": "key fingerprint",
    "changes": "kind record_id state waits_for_kind waits_for_id outcome reason",
    "connections": "token_hash secrets",
    "cursors": "kind",
    "doubts": "kind",
    "errands": "kind secrets",
    "files": "expense_id file_id",
    "finds": "kind record_id",
    "lanes": "kind",
    "links": "kind moment_id remote_id fingerprint",
    "nights": "kind",
    "notifications": "kind",
    "questions": "answer",
    "sessions": "token_hash",
    "tallies": "span",
    "alerts": "turn reason fate message_id",
    "attempts": "outcome reason",
    "sign_ins": "address",
    "users": "role language password_hash subject",
}
"""Columns of plain text that name nobody: words of ours, ids, hashes, and what is encrypted."""


def run(*arguments: str, typed: str = "") -> str:
    result = CliRunner().invoke(main, arguments, input=typed)
    assert result.exit_code == 0, result.output
    return result.output


def dump(bridge: Bridge) -> str:
    """All that is in the database, as one text."""
    with bridge.database.transaction() as session:
        rows = [
            row
            for table in TABLES.sorted_tables
            for row in session.scalars(text(f'select to_jsonb(each)::text from "{table.name}" as each'))  # noqa: S608 - our own tables
        ]
    return "\n".join(rows)


def moment(books: Mapping[str, str], method: str, path: str, body: object) -> Any:
    answer = requests.request(
        method, f"{books['moment']}/{API}/{path}", json=body, auth=("apikey", "moment-demo-key"), timeout=10
    )
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
def customer(bridge: Bridge, connection: Connection, books: dict[str, str]) -> str:
    """Somebody who is named wherever somebody can be, as the customer that has this id and as a user."""
    database, now = bridge.database, clock()
    person = moment(books, "POST", "customers", {"name": KARI, "email": MAIL, "customerType": "person"})
    project = moment(books, "POST", "projects", {"name": "Hytte", "customerId": person["id"]})
    customer, project = Record(Kind.CUSTOMER, str(person["id"])), Record(Kind.PROJECT, str(project["id"]))
    inbox.receive(database, connection.id, [customer, project], now=now)
    tasks.sync_customers(connection.id)
    tasks.sync_projects(connection.id)
    stuck(bridge, connection, title=f"Invoice of {KARI.upper()}")
    reminders.remind(database, now=now)
    rights = Rights(Role.ADMINISTRATOR, Scope())
    for email in ("boss@example.com", MAIL):
        users.add(database, email, rights, password=None, who="test", now=now)
    throttle.note(database, throttle.caller(MAIL, "192.0.2.1"), now=now)
    files.note(database, connection.id, "7", file_id="1", name=f"{KARI}.pdf", now=now)
    errand = bridge.errands.ask(Asked.CLIENTS, connection.id, typed={"username": MAIL}, who=MAIL, now=now)
    bridge.errands.answer(errand, {"clients": [{"id": "1", "name": f"{KARI} & sønn"}]}, now=now)
    bridge.connections.pause(connection.id, f"{KARI} is away.", who=MAIL, now=now)
    bridge.connections.resume(connection.id, who=MAIL, now=now)
    bridge.connections.pause(connection.id, f"{KARI} is away.", who=MAIL, now=now)
    return customer.id


@pytest.mark.usefixtures("customer")
def test_what_is_known_of_a_person_is_told(bridge: Bridge) -> None:
    told = json.loads(run("people", "show", "kåre  østby", MAIL))
    assert {(each["table"], each["column"]) for each in told} >= {
        ("alerts", "title"),
        ("attempts", "exchanges"),
        ("audit", "what"),
        ("changes", "title"),
        ("changes", "words"),
        ("connections", "paused_because"),
        ("errands", "answer"),
        ("files", "name"),
        ("sign_ins", "email"),
        ("users", "email"),
    }
    assert KARI in dump(bridge)


def test_a_person_who_was_erased_is_named_nowhere(
    bridge: Bridge, connection: Connection, customer: str, books: dict[str, str]
) -> None:
    names = (KARI, MAIL)
    before = {view.record: (view.state, view.outcome) for view in listing.latest(bridge.database, Wanted())}
    assert "changes.title" in run("people", "erase", "--dry-run", *names)
    assert KARI in dump(bridge)
    run("people", "erase", *names, typed="y\n")
    left = dump(bridge).casefold()
    assert [word for word in WRITTEN if word in left] == []
    assert run("people", "show", *names) == "[]\n"
    after = {view.record: (view.state, view.outcome) for view in listing.latest(bridge.database, Wanted())}
    assert after == before

    bridge.connections.resume(connection.id, who="test", now=clock())
    moment(books, "PATCH", f"customers/{customer}", {"name": "Kunde 7", "email": ""})
    inbox.receive(bridge.database, connection.id, [Record(Kind.CUSTOMER, customer)], now=clock())
    tasks.sync_customers(connection.id)
    wanted = Wanted(connection_id=connection.id, kind=Kind.CUSTOMER)
    (view,) = listing.latest(bridge.database, wanted)
    assert (view.state, view.outcome, str(view.title)) == (State.SETTLED, Outcome.SYNCED, "Customer Kunde 7")


def test_who_is_told_of_errors_is_left_to_a_person(bridge: Bridge, connection: Connection) -> None:
    said = run("people", "erase", "books@example.com", "--yes")
    assert f"To be mended by hand, see connections set: settings of connection {connection.id}." in said
    assert bridge.connections.get(connection.id).settings == connection.settings


def test_the_last_administrator_stays(bridge: Bridge) -> None:
    users.add(bridge.database, MAIL, Rights(Role.ADMINISTRATOR, Scope()), password=None, who="x", now=clock())
    result = CliRunner().invoke(main, ["people", "erase", MAIL, "--yes"])
    assert result.exit_code == 1
    assert users.called(bridge.database, MAIL)


def test_a_name_so_short_that_it_is_part_of_others_is_refused(bridge: Bridge) -> None:
    assert CliRunner().invoke(main, ["people", "show", "Bo"]).exit_code == 2
    assert dump(bridge) == ""


def test_every_column_of_text_says_whether_it_may_name_a_person() -> None:
    named = {f"{table}.{column}" for table, columns in OTHERS.items() for column in columns.split()}
    plain = {
        str(column) for table in TABLES.sorted_tables for column in table.c if type(column.type).__name__ == "Text"
    }
    assert plain == named | PLAIN


def test_a_company_that_leaves_leaves_nothing_behind(bridge: Bridge, books: dict[str, str]) -> None:
    now, database = clock(), bridge.database
    stays, token = bridge.connections.add("Fjord AS", settings(), who="test", now=now)
    kept = dump(bridge).splitlines()
    known = settings(identity_id=check(bridge, settings()).id, kinds=tuple(Kind))
    leaves, leaving_token = bridge.connections.add("Elv AS", known, who="test", now=now)
    only = Rights(Role.VIEWER, Scope(frozenset({leaves.id})))
    user = users.add(database, MAIL, only, password=None, who="test", now=now)
    visits.begin(database, user.id, now=now)
    person = moment(books, "POST", "customers", {"name": KARI})
    inbox.receive(database, leaves.id, [Record(Kind.CUSTOMER, str(person["id"]))], now=now)
    tasks.sync_customers(leaves.id)
    stuck(bridge, leaves)
    assert bridge.redis.keys(f"*:{leaves.id}")
    assert bridge.redis.keys("twentyfour:session:*")
    refused = CliRunner().invoke(main, ["connections", "erase", "Elv AS"], input="Fjord AS\n")
    assert "Nothing was erased." in refused.output
    assert "Elv AS" in dump(bridge)

    said = run("connections", "erase", "Elv AS", typed="Elv AS\n")
    assert f"These users see no connection any more: {MAIL}." in said
    assert hooks.find(database, leaving_token) is None
    assert hooks.find(database, token)
    tables = [table for table in TABLES.sorted_tables if "connection_id" in table.c]
    with database.transaction() as session:
        ids = {row.connection_id for table in tables for row in session.execute(table.select())}
    assert ids <= {stays.id, None}
    left = dump(bridge)
    assert "Elv AS" not in left
    assert set(kept) <= set(left.splitlines())
    assert bridge.redis.keys(f"*:{leaves.id}") == bridge.redis.keys(f"nudged:{leaves.id}:*") == []
    assert bridge.redis.keys("twentyfour:session:*") == []


def test_the_session_of_a_client_that_was_found_by_itself_is_erased_too(
    bridge: Bridge, connection: Connection
) -> None:
    bridge.kept_erp(connection).client_name()
    assert bridge.redis.keys("twentyfour:session:*")
    run("connections", "erase", "Demo AS", typed="Demo AS\n")
    assert bridge.redis.keys("twentyfour:session:*") == []


def test_nothing_is_erased_while_a_worker_is_at_it(bridge: Bridge, connection: Connection) -> None:
    now = clock()
    inbox.receive(bridge.database, connection.id, [Record(Kind.CUSTOMER, "7")], now=now)
    lane = Lane(connection.id, Kind.CUSTOMER)
    assert inbox.claim(bridge.database, lane, most=1, now=now, until=now + timedelta(hours=1))
    result = CliRunner().invoke(main, ["connections", "erase", connection.name], input=f"{connection.name}\n")
    assert "A worker has some of its records in hand." in result.output
    assert listing.latest(bridge.database, Wanted())
    assert bridge.connections.get(connection.id).paused_because
