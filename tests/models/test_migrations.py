"""Migrations of rows that earlier versions wrote."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from sqlalchemy import Column, MetaData, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from i18n.messages import Message, as_json, joined
from models.admin.operations import Operations
from models.connections.repository import Connections
from models.connections.vault import Vault, hash_token
from models.database import Database, downgrade, migrate
from models.schema.tables import AuditRow
from models.users import account_alerts, sessions
from tests.factories import NOW, settings

RIVALS = "9b2f0a52-1f0e-5c55-8f6b-0c1e6c3f4711"
CHOICES = f'Rival "Nord" AS ({RIVALS}), Rival Sør AS ({RIVALS})'
SEVERAL = Message("The login reaches several clients of 24SevenOffice: {choices}.", {"choices": CHOICES})
WRONG = Message("The login does not reach the identity {identity}.", {"identity": RIVALS})
REACHES = Message("It reaches {choices}.", {"choices": CHOICES})
PLAIN = f"The login reaches several clients of 24SevenOffice: {CHOICES}."


@pytest.fixture
def database(database_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database as an earlier version left it, by default 0014."""
    downgrade(SecretStr(database_url), to=getattr(request, "param", "0014"))
    database = Database(SecretStr(database_url), pool_size=1)
    yield database
    database.close()
    migrate(SecretStr(database_url))


def test_the_clients_of_a_login_stored_by_earlier_versions_are_removed(
    database: Database, database_url: str
) -> None:
    write(database, *rows())
    migrate(SecretStr(database_url))
    left = dump(database)
    assert [told for told in (RIVALS, "Rival") if told in left] == []
    assert "Own AS" in left  # the clients that a test has found are kept for administrators of all connections
    with database.transaction() as session:
        noted = [str(each) for each in session.scalars(select(AuditRow.action).order_by(AuditRow.id))]
    assert noted == [
        "Paused: The login reaches several clients of 24SevenOffice: ….",
        "24SevenOffice client: changed",
        "Identity id: changed",
        "Client id: 1 → 2",
    ]
    downgrade(SecretStr(database_url), to="0014")
    assert [told for told in (RIVALS, "Rival") if told in dump(database)] == []


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the rows that an earlier version wrote, by table, each after those that it refers to."""
    yield "connections", {"id": 1, "name": "Demo AS", "token_hash": "hash", "paused_because": SEVERAL}
    job = {"kind": "customer", "record_id": "1", "state": "attention"}
    yield "changes", {"id": 1, "connection_id": 1, "message": WRONG, "remedy": REACHES, **job}
    yield "attempts", {"change_id": 1, "message": PLAIN, "outcome": "attention", "reason": "identity"}
    arrow, setting = "{setting}: {old} → {new}", Message("Identity id", {})
    for what in (
        Message("paused: {because}", {"because": SEVERAL}),
        Message(arrow, {"setting": setting, "old": Message("nothing", {}), "new": RIVALS}),
        f"Identity id: {RIVALS} → nothing",
        Message(arrow, {"setting": Message("Client id", {}), "old": "1", "new": "2"}),
    ):
        yield "audit", {"connection_id": 1, "who": "bridge", "what": what}
    alert = {"address": "a@example.com", "turn": "down", "title": "Demo AS"}
    yield "alerts", {"connection_id": 1, "message": SEVERAL, "remedy": joined(REACHES, "Choose."), **alert}
    findings = [{"what": as_json(WRONG), "remedy": as_json(REACHES)}]
    answer = {"findings": findings, "clients": [{"id": "own", "name": "Own AS"}]}
    yield "errands", {"connection_id": 1, "kind": "examination", "who": "test", "answer": answer}


FILLED_WITH: dict[type, object] = {
    bool: False,
    int: 0,
    float: 0,
    str: "",
    datetime: NOW,
    date: NOW.date(),
    dict: {},
    list: [],
    UUID: UUID(int=0),
}
"""Values of columns that a test does not name and that must not be null."""


def write(database: Database, *rows: tuple[str, dict[str, Any]]) -> None:
    """Write rows into the tables as they are in this version of the schema, bypassing the product's classes."""
    with database.transaction() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        for name, values in rows:
            given = {key: as_json(each) if isinstance(each, str) else each for key, each in values.items()}
            columns = tables.tables[name].columns
            plain = {each.name for each in columns if not isinstance(each.type, JSONB)}
            needed = [each for each in columns if not (each.nullable or each.server_default or each.identity)]
            filled = {each.name: filling(each) for each in needed if each.name not in values}
            text_values = {key: values[key] if key in plain else each for key, each in given.items()}
            session.execute(insert(tables.tables[name]).values({**filled, **text_values}))


def filling(column: Column[Any]) -> object:
    return {} if isinstance(column.type, JSONB) else FILLED_WITH.get(column.type.python_type, "")


def dump(database: Database) -> str:
    with database.transaction() as session:
        tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        every = "select to_jsonb(each)::text from {} as each"
        found = [session.scalars(text(every.format(name))).all() for name in tables]
    return "\n".join(row for each in found for row in each)


@pytest.mark.parametrize("database", ["0016"], indirect=True)
def test_jobs_get_the_states_of_the_table_and_back(database: Database, database_url: str) -> None:
    later = NOW + timedelta(hours=1)
    write(database, ("connections", {"id": 1, "name": "Demo AS", "token_hash": "hash"}))
    waits = {"outcome": "failed", "dependency_type": "customer", "dependency_id": "7", "due_at": later}
    recheck = {"outcome": "skipped", "completed_at": NOW, "due_at": later}
    jobs: dict[str, dict[str, Any]] = {
        "new": {"state": "queued"},
        "waits": {"state": "queued", **waits},
        "retried": {"state": "queued", "outcome": "failed", "failed_attempts": 2, "due_at": later},
        "untried": {"state": "queued", "outcome": "failed", "due_at": later},
        "recheck": {"state": "queued", **recheck},
        "changed": {"state": "queued", **recheck, "received_at": later},
        "running": {"state": "running", "outcome": "synced", "failed_attempts": 1},
        "done": {"state": "done", "outcome": "synced", "completed_at": NOW},
        "refused": {"state": "needs_attention", "outcome": "failed", "failed_attempts": 1},
        "closed": {"state": "dismissed", "outcome": "failed", "dependency_type": "customer"},
    }
    for name, values in jobs.items():
        job = {"connection_id": 1, "entity_type": "invoice", "record_id": name, "due_at": NOW, **values}
        write(database, ("sync_jobs", job))
    before = job_states(database)
    for _ in range(2):
        migrate(SecretStr(database_url))
        assert job_states(database) == {
            "new": ("queued", NOW),
            "waits": ("waiting", later),
            "retried": ("retrying", later),
            "untried": ("queued", later),
            "recheck": ("done", later),
            "changed": ("queued", later),
            "running": ("running", None),
            "done": ("done", None),
            "refused": ("needs_attention", None),
            "closed": ("dismissed", None),
        }
        downgrade(SecretStr(database_url), to="0016")
        assert job_states(database) == before


def job_states(database: Database) -> dict[str, tuple[str, datetime | None]]:
    with database.transaction() as session:
        rows = session.execute(text("select record_id, state, due_at from sync_jobs"))
        return {record_id: (state, due_at) for record_id, state, due_at in rows}


@pytest.mark.parametrize("database", ["0019"], indirect=True)
def test_alerts_about_pauses_and_unfinished_times_are_kept(database: Database, database_url: str) -> None:
    flags: dict[int, dict[str, Any]] = {
        1: {"outage_alerted": True, "consecutive_failures": 1},
        2: {"outage_alerted": True, "consecutive_failures": 4, "outage_since": NOW},
        3: {},
    }
    for number, values in flags.items():
        key = {"id": number, "name": str(number), "token_hash": str(number)}
        write(database, ("connections", {**key, **values}))
    for name, state in (("due", "retrying"), ("held", "running"), ("done", "done"), ("told", "needs_attention")):
        job = {"connection_id": 1, "entity_type": "invoice", "record_id": name, "state": state}
        write(database, ("sync_jobs", job))
    noted = "select id, pause_alerted, outage_alerted, consecutive_failures from connections order by id"
    since = text("select record_id, unfinished_since from sync_jobs")
    for _ in range(2):
        migrate(SecretStr(database_url))
        with database.transaction() as session:
            assert session.execute(text(noted)).all() == [
                (1, True, False, 0),
                (2, False, True, 4),
                (3, False, False, 0),
            ]
            assert {each.record_id: each.unfinished_since for each in session.execute(since)} == {
                "due": NOW,
                "held": NOW,
                "done": None,
                "told": None,
            }
        downgrade(SecretStr(database_url), to="0019")


@pytest.mark.parametrize("database", ["0020"], indirect=True)
def test_the_older_of_two_connections_of_one_company_keeps_running(database: Database, database_url: str) -> None:
    companies = {1: "1001", 2: "1002", 3: "1001", 4: "1003", 5: "1001"}
    for number, company in companies.items():
        told = {"id": number, "name": f"Company {number}", "token_hash": f"hash {number}"}
        paused = {"paused_because": '"by hand"', "paused_by": "kari"} if number == 5 else {}
        settings = {"moment_company": company, "posting": "draft"}
        write(database, ("connections", {**told, **paused, "settings": settings}))
    write(database, ("sync_jobs", {"connection_id": 2, "entity_type": "invoice", "record_id": "9"}))
    paused_by = text("select id, paused_by, paused_because ->> 0 from connections order by id")
    for _ in range(2):
        migrate(SecretStr(database_url))
        with database.transaction() as session:
            assert session.scalars(text("select sent_as from sync_jobs")).all() == ["draft"]
            assert {id_: by for id_, by, _ in session.execute(paused_by)} == {
                1: "",
                2: "",
                3: "the upgrade",
                4: "",
                5: "kari",
            }
        downgrade(SecretStr(database_url), to="0020")


@pytest.mark.parametrize("database", ["0025"], indirect=True)
def test_secrets_are_bound_to_their_row_and_unbound_again(database: Database, database_url: str) -> None:
    old, new, lost = (SecretStr(Fernet.generate_key().decode()) for _ in range(3))
    vault, url = Vault([new, old]), SecretStr(database_url)

    def locked(value: object, key: SecretStr = old) -> str:
        return Fernet(key.get_secret_value()).encrypt(json.dumps(value).encode()).decode()

    known = settings()
    secrets = {name: getattr(known, name).get_secret_value() for name in ("moment_api_key", "password")}
    plain = known.model_dump(mode="json", exclude=set(secrets))
    write(database, ("connections", {"id": 1, "name": "Demo AS", "settings": plain, "secrets": locked(secrets)}))
    typed = {"connection_id": 1, "type": "clients", "actor": "kari", "requested_at": NOW}
    for number, value in {1: locked({"username": "anna"}), 2: locked({}, lost), 3: None}.items():
        write(database, ("operations", {"id": number, "secrets": value, **typed}))
    with pytest.raises(InvalidToken):
        migrate(url, Vault([lost]))
    for _ in range(2):
        migrate(url, vault)
        assert Connections(database, vault).get(1).settings == known
        read = [Operations(database, vault).get(number) for number in (1, 2, 3)]
        assert [each and each.input for each in read] == [{"username": "anna"}, {}, {}]
        with pytest.raises(IntegrityError), database.transaction() as session:
            session.execute(text("update connections set secrets = :older"), {"older": locked(secrets)})
        downgrade(url, vault, to="0025")
        with database.transaction() as session:
            stored = session.scalars(text("select secrets from connections")).one()
        assert json.loads(Fernet(new.get_secret_value()).decrypt(stored.encode())) == secrets
    migrate(url, vault)


@pytest.mark.parametrize("database", ["0030"], indirect=True)
def test_the_first_of_too_many_alert_recipients_stay(database: Database, database_url: str) -> None:
    addresses = [f"{number}@example.com" for number in range(25)]
    for number, kept in {1: addresses, 2: addresses[:2], 3: []}.items():
        told = {"id": number, "name": f"Company {number}", "token_hash": f"hash {number}"}
        company = {"moment_company": str(number), "posting": "ledger"}
        write(database, ("connections", {**told, "settings": {**company, "error_emails": kept}}))
    migrate(SecretStr(database_url))
    with database.transaction() as session:
        left = session.scalars(text("select settings -> 'error_emails' from connections order by id")).all()
    assert left == [addresses[:20], addresses[:2], []]


@pytest.mark.parametrize("database", ["0023"], indirect=True)
def test_earlier_sessions_stay_and_incomplete_sign_ins_end_on_downgrade(
    database: Database, database_url: str
) -> None:
    write(database, ("users", {"id": 1, "email": "anna@example.com", "role": "viewer", "language": "en"}))
    write(database, ("sessions", {"token_hash": hash_token("before"), "user_id": 1}))
    migrate(SecretStr(database_url))
    session = sessions.find(database, "before", now=NOW)
    assert session
    assert not session.is_confirmed(NOW)
    assert (session.user.password_is_temporary, session.user.has_factor) == (False, False)
    sessions.start(database, 1, now=NOW, details=sessions.SessionDetails(awaits_code=True))
    with database.transaction() as transaction:
        account_alerts.queue(transaction, "anna@example.com", "Added", "Added.", now=NOW)
    downgrade(SecretStr(database_url), to="0023")
    with database.transaction() as transaction:
        left = [transaction.scalar(text(f"select count(*) from {each}")) for each in ("sessions", "alerts")]  # noqa: S608 - two names
    assert left == [1, 0]


@pytest.mark.parametrize("database", ["0028"], indirect=True)
def test_identity_numbers_quoted_by_earlier_versions_are_removed(database: Database, database_url: str) -> None:
    wrong = "“{text}” is not a Norwegian organization number."
    person, firm = (Message(wrong, {"text": text}) for text in ("010190 12345", "923609017"))
    write(database, ("connections", {"id": 1, "name": "Demo AS", "token_hash": "hash"}))
    for number, message in ((1, person), (2, firm)):
        told = {"message": message, "error_code": "organization_number"}
        job = {"id": number, "connection_id": 1, "entity_type": "customer", "record_id": str(number), **told}
        write(database, ("sync_jobs", job), ("attempts", {"job_id": number, **told}))
        write(database, ("alerts", {"job_id": number, "connection_id": 1, **told}))
    candidates = [{"number": str(n), "organization_number": text} for n, text in enumerate(("01019012345", "923"))]
    write(database, ("match_questions", {"job_id": 1, "candidates": candidates}))
    migrate(SecretStr(database_url))
    left = dump(database)
    assert [text for text in ("010190 12345", "01019012345") if text in left] == []
    assert (left.count("“{text}” is not"), left.count("923609017"), left.count('"923"')) == (6, 3, 1)
