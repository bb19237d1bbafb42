"""Connections in the API: added once, changed one at a time, paused, resumed and erased."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy import text as sql

from i18n.catalog import Language
from i18n.messages import translate
from models.admin import audit_log
from models.admin.operations import MAX_LOGINS, OperationType
from models.connections.alert_outbox import AlertType
from models.enums import EntityType, Lane, Record, Role, Scope
from models.inbox import circuit_breaker, leases, links
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from models.schema.tables import ConnectionRow
from models.schema.user_tables import IdempotencyKeyRow
from models.users import idempotency
from models.users import tokens as models
from models.users.idempotency import ABANDONED_AFTER, RESPONSE_RETENTION, RequestKey
from models.users.repository import Rights
from models.users.tokens import TokenScope
from tests.factories import NOW
from tests.installation import add_failed_job, messages
from tests.models import outages
from tests.web.api.program import Program, Tokens
from tests.web.api.test_requests import problem
from tests.web.conftest import Web
from worker.container import Container, clock
from worker.handlers import polls

NEW: dict[str, Any] = {
    "name": "Fjell AS",
    "settings": {
        "moment_company": "4711",
        "moment_api_key": "fjell-key",
        "username": "fjell@example.com",
        "password": "fjell-password",
        "entity_types": ["customer"],
    },
}


@pytest.fixture
def bound(web: Web, tokens: Tokens) -> Program:
    """A token for the first connection only."""
    return tokens.program(web.url, connections=[web.connection.id])


def actions(container: Container, connection_id: int) -> list[str]:
    found = audit_log.page(container.database, Scope(frozenset({connection_id}))).lines
    return [
        f"{translate(each.actor, Language.ENGLISH)}: {translate(each.action, Language.ENGLISH)}" for each in found
    ]


def test_a_connection_is_added_paused_and_verified(web: Web, container: Container, program: Program) -> None:
    response = program.post("/connections", NEW)
    added = response.json()
    assert (response.status_code, added["state"], added["entity_types"]) == (201, "not_started", ["customer"])
    assert added["paused_because"] == ""
    assert response.headers["Location"] == f"/api/v1/connections/{added['id']}"
    assert container.connections.get(added["id"]).settings.password.get_secret_value() == "fjell-password"
    token = added["webhook_url"].rpartition("/")[2]
    assert added["webhook_url"].startswith("https://bridge.example/webhooks/moment/")
    web.webhook_url = f"{web.url}/webhooks/moment/{token}"
    assert web.notify(b"{}").status_code == 202
    asked = container.operations.get(added["verification_id"])
    assert asked is not None
    assert asked.type is OperationType.VERIFICATION
    assert messages(container) == [("run_operation", added["verification_id"])]
    assert actions(container, added["id"]) == ["API token 1 (Partner ERP): Added the connection"]
    assert problem(program.post("/connections", NEW)) == (409, "name_taken")
    taken = program.post("/connections", {**NEW, "name": "Other"})
    assert problem(taken) == (409, "setting_refused")
    assert taken.json()["errors"][0]["field"] == "settings.moment_company"


def test_adding_connections_tests_a_limited_number_of_passwords_per_user_name(
    web: Web, tokens: Tokens, program: Program
) -> None:
    def add(number: int, password: str, *, by: Program = program, username: str = "Bridge@fjell.example") -> int:
        login = {"username": username, "password": password, "moment_company": f"limit-{number}"}
        new = {"name": f"Limit {number}", "settings": NEW["settings"] | login}
        response = by.post("/connections", new)
        if response.status_code == 429:
            assert problem(response) == (429, "login_tries")
            assert 3500 < int(response.headers["Retry-After"]) <= 3600
        return response.status_code

    assert [add(number, f"guess-{number}") for number in range(MAX_LOGINS)] == [201] * MAX_LOGINS
    assert add(11, "guess-11") == add(12, "guess-12", username=" bridge@FJELL.example") == 429
    assert add(13, "guess-0") == 201  # a partner's own login, once more
    assert add(14, "guess-14", username="other@fjell.example") == 201
    assert add(15, "guess-15", by=tokens.program(web.url)) == 201


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"username": ""}, "settings.username"),
        ({"entity_types": []}, "settings.entity_types"),
        ({"entity_types": ["expense"]}, "settings.expense_accounts"),
        ({"error_emails": ["nobody"]}, "settings.error_emails.0"),
        ({"unknown": 1}, "settings.unknown"),
        ({"password": "a\u0007b"}, "settings.password"),
    ],
)
def test_invalid_settings_are_named(program: Program, settings: dict[str, Any], field: str) -> None:
    refused = program.post("/connections", {**NEW, "settings": NEW["settings"] | settings})
    assert problem(refused) == (422, "invalid")
    assert [each["field"] for each in refused.json()["errors"]] == [field]
    assert "fjell-password" not in refused.text


def test_connections_are_listed_by_name_page_by_page(web: Web, program: Program, bound: Program) -> None:
    program.post("/connections", NEW)
    first = program.get("/connections", limit=1).json()
    second = program.get("/connections", limit=1, cursor=first["next"]).json()
    assert [each["name"] for each in (*first["items"], *second["items"])] == ["Demo AS", "Fjell AS"]
    assert second["next"] is None
    assert [each["name"] for each in program.get("/connections", name="fjell").json()["items"]] == ["Fjell AS"]
    assert [each["id"] for each in bound.get("/connections").json()["items"]] == [web.connection.id]


def test_the_same_request_is_done_once(container: Container, program: Program) -> None:
    one, again = (program.post("/connections", NEW, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert (one.status_code, again.status_code, again.content) == (201, 201, one.content)
    assert (one.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert again.headers["Location"] == one.headers["Location"]
    assert len(container.connections.all()) == 2
    other = program.post("/connections", {**NEW, "name": "Other"}, **{"Idempotency-Key": "k-1"})
    assert problem(other) == (422, "key_reused")
    assert problem(program.post("/connections", NEW, **{"Idempotency-Key": "k-2"})) == (409, "name_taken")


def test_a_preview_stores_no_response(container: Container, program: Program) -> None:
    one, again = (
        program.post(
            "/job-actions/previews", {"action": "retry", "filter": {"state": ["done"]}}, **{"Idempotency-Key": "k"}
        )
        for _ in range(2)
    )
    assert (one.status_code, again.headers.get("Idempotency-Replayed")) == (200, None)
    with container.database.transaction() as session:
        assert session.scalar(sql("select count(*) from idempotency_keys")) == 0


def test_a_token_has_a_limited_number_of_keys_and_needs_none(
    web: Web, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MAX_KEYS", 2)
    one, other = tokens.program(web.url), tokens.program(web.url)
    address = f"/connections/{web.connection.id}/diagnostics"
    first, second, third = (one.post(address, **{"Idempotency-Key": key}) for key in "abc")
    assert (first.status_code, second.status_code, problem(third)) == (202, 202, (429, "rate_limited"))
    assert one.post(address, **{"Idempotency-Key": "a"}).headers["Idempotency-Replayed"] == "true"
    assert one.post(address).status_code == other.post(address, **{"Idempotency-Key": "c"}).status_code == 202


def test_a_token_revoked_while_its_body_arrives_does_nothing(
    web: Web, tokens: Tokens, container: Container
) -> None:
    token, secret = tokens.create()

    def body() -> Iterator[bytes]:
        yield b'{"because":'
        time.sleep(0.3)  # until the token of the request was looked up
        models.revoke(container.database, token.id, actor="test", now=clock())
        yield b'"late"}'

    headers = {"Content-Type": "application/json"}
    address = f"/connections/{web.connection.id}/pause"
    response = Program(web.url, secret).ask("POST", address, data=body(), headers=headers)
    assert problem(response) == (401, "token_revoked")
    assert container.connections.get(web.connection.id).paused_because == ""


def test_a_request_that_created_nothing_may_be_repeated_with_its_key(program: Program) -> None:
    wrong = {**NEW, "settings": NEW["settings"] | {"username": ""}}
    assert program.post("/connections", wrong, **{"Idempotency-Key": "k"}).status_code == 422
    assert program.post("/connections", NEW, **{"Idempotency-Key": "k"}).status_code == 201


def test_a_key_belongs_to_its_token_and_lasts_a_day(
    web: Web, container: Container, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (Program(web.url, tokens.create(days=9)[1]) for _ in range(2))
    address, key = f"/connections/{web.connection.id}/webhook-url", {"Idempotency-Key": "k"}
    first = one.post(address, **key).json()
    assert one.post(address, **key).json() == first
    assert other.post(address, **key).json() != first
    for later, same in (
        (RESPONSE_RETENTION - timedelta(minutes=1), True),
        (RESPONSE_RETENTION + timedelta(minutes=1), False),
    ):
        at = clock() + later
        monkeypatch.setattr(container, "clock", lambda at=at: at)
        container.idempotency.delete_old(now=at)
        assert (one.post(address, **key).json() == first) is same


@pytest.mark.parametrize("key", ["", "x" * 256, "æ", "a b"])
def test_an_invalid_key_is_refused(program: Program, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    assert problem(program.ask("POST", "/connections", json=NEW, headers=headers)) == (422, "invalid")


def test_concurrent_identical_requests_are_done_once(container: Container, program: Program) -> None:
    together = Barrier(4)

    def send(_: int) -> int:
        together.wait(10)
        return program.post("/connections", NEW, **{"Idempotency-Key": "k"}).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = set(threads.map(send, range(4)))
    assert 201 in statuses
    assert statuses <= {201, 409}
    assert len(container.connections.all()) == 2
    assert program.post("/connections", NEW, **{"Idempotency-Key": "k"}).status_code == 201


def test_a_request_whose_process_died_may_be_repeated_later(
    web: Web, container: Container, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tokens.program(web.url)
    complete = container.idempotency.complete
    monkeypatch.setattr(container.idempotency, "complete", lambda *_: None)  # as if it died before
    address, key = f"/connections/{web.connection.id}/webhook-url", {"Idempotency-Key": "k"}
    assert program.post(address, **key).status_code == 200
    monkeypatch.setattr(container.idempotency, "complete", complete)
    assert problem(program.post(address, **key)) == (409, "key_in_use")
    later = clock() + ABANDONED_AFTER + timedelta(seconds=1)
    monkeypatch.setattr(container, "clock", lambda: later)
    assert program.post(address, **key).status_code == 200


def test_settings_are_changed_only_with_their_etag(web: Web, container: Container, bound: Program) -> None:
    address = f"/connections/{web.connection.id}/settings"
    read = bound.get(address)
    etag = read.headers["ETag"]
    assert read.json()["username"] == "demo@example.com"
    assert {"password", "moment_api_key"}.isdisjoint(read.json())
    change = {"receivables_account": 1501, "error_emails": ["new@example.com"]}
    assert problem(bound.ask("PATCH", address, json=change)) == (428, "etag_missing")
    changed = bound.ask("PATCH", address, json=change, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["receivables_account"]) == (200, 1501)
    assert changed.headers["ETag"] == bound.get(address).headers["ETag"] != etag
    assert problem(bound.ask("PATCH", address, json=change, headers={"If-Match": etag})) == (412, "outdated")
    assert bound.ask("PATCH", address, json=change, headers={"If-Match": "*"}).status_code == 200
    assert "API token 1 (Partner ERP): Receivables account: 1500 → 1501" in actions(container, web.connection.id)


def test_a_type_switched_on_needs_its_first_day(web: Web, program: Program) -> None:
    address, any_version = f"/connections/{web.connection.id}/settings", {"If-Match": "*"}
    on = {"entity_types": ["invoice", "expense"], "expense_accounts": "4000"}
    refused = program.ask("PATCH", address, json=on, headers=any_version)
    assert [each["field"] for each in refused.json()["errors"]] == ["expense_from"]
    day = on | {"expense_from": "2026-01-01"}
    assert program.ask("PATCH", address, json=day, headers=any_version).status_code == 200


def test_settings_that_may_open_another_client_are_tested_first(
    web: Web, container: Container, bound: Program, program: Program
) -> None:
    address, any_version = f"/connections/{web.connection.id}/settings", {"If-Match": "*"}
    other = {"username": "other@example.com"}
    refused = bound.ask("PATCH", address, json=other, headers=any_version)
    assert [each["field"] for each in refused.json()["errors"]] == ["password"]
    waits = bound.ask("PATCH", address, json=other | {"password": "typed"}, headers=any_version)
    number = waits.json()["operation_id"]
    assert (waits.status_code, waits.headers["Location"]) == (202, f"/api/v1/operations/{number}")
    assert container.connections.get(web.connection.id).settings.username == "demo@example.com"
    assert bound.get(f"/operations/{number}").json()["type"] == "saving"
    assert "typed" not in bound.get(f"/operations/{number}").text
    assert program.ask("PATCH", address, json=other, headers=any_version).status_code == 200
    assert container.connections.get(web.connection.id).settings.username == "other@example.com"


def test_another_company_is_refused_while_there_are_links(
    web: Web, container: Container, program: Program
) -> None:
    links.save(container.database, web.connection.id, Record(EntityType.CUSTOMER, "7"), Link("10234"), now=NOW)
    address = f"/connections/{web.connection.id}/settings"
    refused = program.ask("PATCH", address, json={"moment_company": "9"}, headers={"If-Match": "*"})
    assert problem(refused) == (409, "setting_refused")


def test_a_connection_is_paused_and_resumed(web: Web, container: Container, bound: Program) -> None:
    address = f"/connections/{web.connection.id}"
    paused = bound.post(f"{address}/pause", {"because": "Year end"}).json()
    assert (paused["state"], paused["paused_because"]) == ("paused", "Year end")
    assert container.connections.get(web.connection.id).paused_by == "API token 1 (Partner ERP)"
    assert bound.post(f"{address}/resume").json()["state"] == "working"


def test_a_connection_whose_last_test_failed_is_resumed_only_if_forced(
    web: Web, container: Container, bound: Program
) -> None:
    address = f"/connections/{web.connection.id}"
    bound.post(f"{address}/pause", {})
    container.connections.save_test_result(web.connection.id, failed_checks=1, at=clock())
    assert problem(bound.post(f"{address}/resume")) == (409, "test_failed")
    resumed = bound.post(f"{address}/resume?despite_failed_test=true").json()
    assert (resumed["state"], resumed["problems"]) == ("needs_attention", ["test_failed"])
    assert [each["id"] for each in bound.get("/connections?problem=test_failed").json()["items"]] == [
        web.connection.id
    ]
    assert bound.get("/connections?state=working").json()["items"] == []


def test_a_self_paused_connection_needs_a_passed_test_or_force_to_resume(
    web: Web, container: Container, bound: Program
) -> None:
    address, refused = f"/connections/{web.connection.id}", outages.problem(AlertType.PAUSED)
    circuit_breaker.pause(container.database, web.connection.id, refused, now=clock())
    assert problem(bound.post(f"{address}/resume")) == (409, "not_tested")
    assert bound.post(f"{address}/resume?despite_failed_test=true").json()["state"] == "working"


def test_settings_that_change_nothing_neither_resume_a_connection_nor_make_a_new_version(
    web: Web, container: Container, bound: Program
) -> None:
    settings, refused = f"/connections/{web.connection.id}/settings", outages.problem(AlertType.PAUSED)
    circuit_breaker.pause(container.database, web.connection.id, refused, now=clock())
    version = bound.get(settings).headers["ETag"]
    for unchanged in ({}, {"weekly_digest": bound.get(settings).json()["weekly_digest"]}):
        response = bound.ask("PATCH", settings, json=unchanged, headers={"If-Match": version})
        assert (response.status_code, response.headers["ETag"]) == (200, version)
    assert bound.get(f"/connections/{web.connection.id}").json()["state"] == "paused"


def test_the_webhook_url_is_replaced(web: Web, bound: Program) -> None:
    response = bound.post(f"/connections/{web.connection.id}/webhook-url").json()
    assert web.notify(b"{}").status_code == 404
    web.webhook_url = response["webhook_url"].replace("https://bridge.example", web.url)
    assert web.notify(b"{}").status_code == 202


def test_a_connection_is_erased_by_its_name(web: Web, container: Container, bound: Program) -> None:
    address, database = f"/connections/{web.connection.id}", container.database
    assert problem(bound.ask("DELETE", f"{address}?name=Other")) == (422, "invalid")
    enqueue(database, web.connection.id, [Record(EntityType.INVOICE, "9")], now=NOW)
    lane, now = Lane(web.connection.id, EntityType.INVOICE), clock()
    lease = leases.acquire(database, lane, limit=1, now=now, until=now + timedelta(hours=1))
    assert lease
    assert problem(bound.ask("DELETE", f"{address}?name=Demo AS")) == (409, "jobs_running")
    leases.complete(database, lease, [], clock=lambda: now)
    assert bound.ask("DELETE", f"{address}?name=Demo AS").status_code == 204
    assert container.connections.all() == []
    assert problem(bound.get(address)) == (404, "not_found")


def test_no_answer_about_an_erased_connection_is_repeated(
    web: Web, container: Container, program: Program
) -> None:
    job_id, key = add_failed_job(container, web.connection), {"Idempotency-Key": "k-1"}
    added = program.post("/connections", NEW, **key)
    for name, (path, body) in {
        "k-2": (f"/jobs/{job_id}/retry", None),
        "k-3": ("/job-actions/previews", {"action": "retry", "ids": [job_id]}),
        "k-4": (f"/connections/{web.connection.id}/webhook-url", None),
    }.items():
        assert program.post(path, body, **{"Idempotency-Key": name}).ok
    assert program.ask("DELETE", f"{added.headers['Location'].removeprefix('/api/v1')}?name=Fjell AS").ok
    again = program.post("/connections", NEW, **key)
    assert again.headers["Location"] != added.headers["Location"]
    container.erase_connection(web.connection, actor="test")
    kept = container.database.scalars(select(IdempotencyKeyRow.key))
    assert kept == [RequestKey.of(0, "k-1").key]


def test_only_a_token_for_all_connections_adds_a_connection(bound: Program) -> None:
    assert problem(bound.post("/connections", NEW)) == (403, "all_connections_needed")


def test_a_token_revoked_meanwhile_saves_nothing(web: Web, container: Container, tokens: Tokens) -> None:
    token, text = tokens.create(*TokenScope, connections=[web.connection.id])
    actor = str(token.actor)
    assert models.rights_of(container.database, actor, now=clock()) == Rights(Role.ADMINISTRATOR, token.scope)
    models.revoke(container.database, token.id, actor="test", now=clock())
    assert models.rights_of(container.database, actor, now=clock()) is None
    assert Program(web.url, text).get("/connections").status_code == 401


def test_a_connection_whose_secrets_cannot_be_decrypted_is_unreadable(
    web: Web, container: Container, program: Program
) -> None:
    container.database.execute(update(ConnectionRow).values(secrets="v2:damaged"))
    for _ in range(2):
        shown = program.get(f"/connections/{web.connection.id}").json()
        assert (shown["state"], "can't be decrypted" in shown["paused_because"]) == ("unreadable", True)
        assert program.get("/connections").json()["items"] == [shown]
        polls.pause_unreadable(container)
