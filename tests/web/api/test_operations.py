"""Operations in the API, with the sandbox as both systems; this process is also the worker."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from i18n.catalog import Language
from i18n.messages import translate
from models.admin import audit_log
from models.admin.operations import MAX_LOGINS, MAX_PENDING, OperationType
from models.enums import EntityType, Record, Scope
from models.inbox import links
from models.inbox.links import Link
from models.users.tokens import TokenScope
from tests.factories import NOW, settings
from tests.installation import add_reconciliation, environment, messages
from tests.sandbox.serving import Systems
from tests.web.api.program import Program, Tokens
from tests.web.api.test_requests import problem
from tests.web.conftest import Web
from tests.web.operations import run_queued_operations
from worker import tasks
from worker.container import Container, clock
from worker.handlers import onboarding
from worker.queues import QUEUE_OF

CUSTOMER = "62788973"


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: Systems) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


@pytest.fixture
def address(web: Web) -> str:
    return f"/connections/{web.connection.id}"


def finished_operation(program: Program, asked: requests.Response) -> dict[str, Any]:
    assert asked.status_code == 202, asked.text
    assert asked.headers["Location"] == f"/api/v1/operations/{asked.json()['id']}"
    return dict(program.get(f"/operations/{asked.json()['id']}").json())


def test_credentials_are_verified(web: Web, container: Container, program: Program, address: str) -> None:
    asked = program.post(f"{address}/verifications")
    assert (asked.json()["status"], asked.json()["result"]) == ("waiting", None)
    run_queued_operations(container)
    operation = finished_operation(program, asked)
    assert (operation["status"], operation["result"]["succeeded"]) == ("finished", True)
    assert "24SevenOffice client: Demo AS" in operation["result"]["findings"][0]["message"]
    assert container.connections.get(web.connection.id).client_number is not None


def test_wrong_credentials_are_reported_with_their_setting(container: Container, program: Program) -> None:
    wrong = settings(moment_company="1002", moment_api_key="wrong").model_dump(mode="json")
    body = {"name": "Wrong", "settings": wrong | {"moment_api_key": "wrong", "password": "wrong"}}
    added = program.post("/connections", body)
    run_queued_operations(container)
    operation = program.get(f"/operations/{added.json()['verification_id']}").json()
    assert not operation["result"]["succeeded"]
    assert operation["result"]["findings"][0]["setting"] == "moment_api_key"
    assert operation["result"]["findings"][0]["error_code"] == "moment_key"
    started = program.post(f"/connections/{added.json()['id']}/resume")
    assert (started.status_code, started.json()["code"]) == (409, "test_failed")


def test_a_connection_is_tested(container: Container, program: Program, address: str) -> None:
    asked = program.post(f"{address}/diagnostics")
    assert program.post(f"{address}/diagnostics").json()["id"] == asked.json()["id"]
    run_queued_operations(container)
    outcome = finished_operation(program, asked)["result"]
    assert {each["status"] for each in outcome["findings"]} >= {"good"}
    assert {each["check"] for each in outcome["findings"]} >= {"login.login", "accounting_setup.vat_codes"}
    change = {"receivables_account": 1999}
    refused = program.ask("PATCH", f"{address}/settings", json=change, headers={"If-Match": "*"})
    assert problem(refused) == (422, "invalid")
    assert [each["field"] for each in refused.json()["errors"]] == ["receivables_account"]
    assert [each["name"] for each in outcome["clients"]] == ["Demo AS"]


def test_the_clients_of_a_login_need_its_password(
    web: Web, container: Container, tokens: Tokens, program: Program, address: str
) -> None:
    bound = tokens.program(web.url, connections=[web.connection.id])
    assert problem(bound.post(f"{address}/clients", {"username": "many@example.com"})) == (422, "invalid")
    login = {"username": "many@example.com", "password": "many-password"}
    asked = bound.post(f"{address}/clients", login)
    assert "many-password" not in asked.text
    run_queued_operations(container)
    assert "Fjord Prosjekt AS" in {each["name"] for each in finished_operation(bound, asked)["result"]["clients"]}
    other = tokens.program(web.url, connections=[web.connection.id])
    assert finished_operation(other, asked)["result"]["clients"] == []
    known = program.post(f"{address}/clients", {"username": "demo@example.com"})
    run_queued_operations(container)
    assert [each["name"] for each in finished_operation(program, known)["result"]["clients"]] == ["Demo AS"]


def test_after_a_few_logins_the_response_says_when_to_try_again(
    program: Program, address: str, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock()
    for number in range(MAX_LOGINS + 1):
        at = began + timedelta(minutes=number)
        monkeypatch.setattr(container, "clock", lambda at=at: at)
        login = {"username": "demo@example.com", "password": f"guess {number}"}
        response = program.post(f"{address}/clients", login)
        run_queued_operations(container)
    assert problem(response) == (429, "login_tries")
    assert response.headers["Retry-After"] == str((60 - MAX_LOGINS) * 60)


def test_other_connections_allow_no_more_tries_of_a_user_name(
    web: Web, container: Container, program: Program
) -> None:
    others = [added(container, f"Firm {number}") for number in range(MAX_LOGINS)]
    for number, other in enumerate(others):
        if number % 2:
            tried = program.post(f"/connections/{other}/clients", login(number))
        else:
            tried = program.ask(
                "PATCH", f"/connections/{other}/settings", json=login(number), headers={"If-Match": "*"}
            )
        assert tried.ok, tried.text
    address = f"/connections/{web.connection.id}"
    assert problem(program.post(f"{address}/clients", login(-1))) == (429, "login_tries")
    refused = program.ask("PATCH", f"{address}/settings", json=login(-2), headers={"If-Match": "*"})
    assert problem(refused) == (429, "login_tries")
    assert program.post(f"{address}/clients", login(0)).ok  # it was already counted


def login(number: int) -> dict[str, str]:
    return {"username": "demo@example.com", "password": f"guess {number}"}


def added(container: Container, name: str) -> int:
    connection, _ = container.connections.add(name, settings(moment_company=name), actor="test", now=clock())
    return connection.id


def test_ledgers_are_compared(web: Web, container: Container, program: Program, address: str) -> None:
    period = {"first": "2026-01-01", "last": "2026-01-31"}
    asked = program.post(f"{address}/reconciliations", period)
    run_queued_operations(container)
    reconciliation = finished_operation(program, asked)["result"]["reconciliation"]
    assert (reconciliation["first"], reconciliation["invoices"]["agree"], reconciliation["expenses"]) == (
        "2026-01-01",
        True,
        None,
    )
    assert finished_operation(program, asked)["result"]["succeeded"]
    found = program.get(f"/operations/{add_reconciliation(container, web.connection, with_expenses=True)}").json()
    assert not found["result"]["succeeded"]
    discrepancies = found["result"]["reconciliation"]["invoices"]["discrepancies"]
    assert [(each["type"], each["amount"]) for each in discrepancies] == [
        ("missing", 240000),
        ("only_in_the_ledger", 100),
    ]
    expense = found["result"]["reconciliation"]["expenses"]["discrepancies"][0]
    assert (expense["key"].partition("/")[0], expense["type"]) == ("expense", "not_in_moment")
    assert problem(program.post(f"{address}/reconciliations", period | {"last": "2025-01-01"})) == (422, "invalid")


def test_a_few_periods_may_wait_but_not_too_many(
    web: Web, container: Container, program: Program, address: str
) -> None:
    months = [{"first": f"2026-{month:02}-01", "last": f"2026-{month:02}-28"} for month in (1, 2)]
    numbers = {program.post(f"{address}/reconciliations", month).json()["id"] for month in months}
    assert len(numbers) == 2
    for place in range(MAX_PENDING - 2):
        container.operations.request(
            OperationType.RECONCILIATION,
            web.connection.id,
            input_={"first": str(place), "last": ""},
            actor="x",
            now=clock(),
            by_program=True,
        )
    month = {"first": "2026-03-01", "last": "2026-03-28"}
    refused = program.post(f"{address}/reconciliations", month)
    assert problem(refused) == (429, "too_many_operations")
    assert refused.headers["Retry-After"] == "30"


def test_existing_records_of_both_systems_are_matched(
    web: Web, container: Container, program: Program, address: str
) -> None:
    dry = program.post(f"{address}/initial-matchings", {"dry_run": True})
    run_queued_operations(container)
    planned = finished_operation(program, dry)["result"]["matching"]
    assert {each["record_id"] for each in planned["records"]} >= {CUSTOMER}
    assert sum(planned["counts"].values()) == len(planned["records"])
    jobs = program.get("/jobs").json()["items"]
    assert jobs == []
    real = program.post(f"{address}/initial-matchings", {"create": True})
    run_queued_operations(container)
    assert finished_operation(program, real)["status"] == "finished"
    assert {each["record_id"] for each in program.get("/jobs").json()["items"]} >= {CUSTOMER}
    assert ("sync_customers", web.connection.id) in messages(container)


def test_a_backfill_can_be_previewed(container: Container, program: Program, address: str) -> None:
    year = clock().year
    asked = program.post(
        f"{address}/backfill-previews", {"first": f"{year - 1}-01-01", "last": f"{year + 1}-12-31"}
    )
    run_queued_operations(container)
    operation = finished_operation(program, asked)
    assert (operation["type"], operation["status"], operation["result"]["findings"]) == (
        "backfill_preview",
        "finished",
        [],
    )
    planned = operation["result"]["backfill_preview"]
    assert {each["record_id"]: each["action"] for each in planned["records"]}[CUSTOMER] == "sync"
    assert sum(planned["counts"].values()) == len(planned["records"])
    assert program.get("/jobs").json()["items"] == []


def test_a_backfill_continues_in_turns_until_everything_is_synced(
    web: Web, container: Container, program: Program, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    year = clock().year
    asked = program.post(f"{address}/backfills", {"first": f"{year - 1}-01-01", "last": f"{year + 1}-12-31"})
    number = asked.json()["id"]
    monkeypatch.setattr(onboarding, "BATCH_SIZE", 1)
    run_queued_operations(container)
    halfway = finished_operation(program, asked)
    assert (halfway["status"], halfway["progress"]) == ("waiting", {"done": 1, "total": 1})
    assert [each["record_id"] for each in program.get("/jobs").json()["items"]] == [CUSTOMER]
    tasks.dispatch_due()
    assert ("run_operation", number) in messages(container)
    for _ in range(20):
        for task in (tasks.sync_customers, tasks.sync_projects, tasks.sync_invoices):
            task(web.connection.id)
        tasks.run_operation(number)
    operation = finished_operation(program, asked)
    assert operation["status"] == "finished"
    assert [(each["entity_type"], each["synced"]) for each in operation["result"]["backfill"]] == [
        ("customer", 1),
        ("project", 1),
        ("invoice", 0),
    ]


def test_a_cancelled_backfill_syncs_no_more(container: Container, program: Program, address: str) -> None:
    asked = program.post(f"{address}/backfills", {"first": "2020-01-01", "last": "2027-12-31"})
    cancelled = program.post(f"/operations/{asked.json()['id']}/cancel").json()
    assert (cancelled["status"], cancelled["result"]) == ("cancelled", None)
    run_queued_operations(container)
    assert program.get("/jobs").json()["items"] == []
    assert problem(program.post(f"/operations/{asked.json()['id']}/cancel")) == (409, "operation_ended")


def test_a_backfill_of_a_paused_connection_says_so(container: Container, program: Program, address: str) -> None:
    program.post(f"{address}/pause", {"because": "Year end"})
    asked = program.post(f"{address}/backfills", {"first": "2020-01-01", "last": "2027-12-31"})
    run_queued_operations(container)
    outcome = finished_operation(program, asked)["result"]
    assert [each["message"] for each in outcome["findings"]] == ["The connection is paused: Year end"]
    assert not outcome["succeeded"]


def test_settings_from_a_token_are_saved_once_they_are_accepted(
    web: Web, container: Container, tokens: Tokens, address: str
) -> None:
    links.save(container.database, web.connection.id, Record(EntityType.CUSTOMER, "7"), Link("1"), now=NOW)
    bound = tokens.program(web.url, connections=[web.connection.id])
    (client,) = container.erp(web.connection.settings).identities()
    for password, saved in (("wrong", False), ("demo-password", True)):
        change = {"identity_id": client.id, "password": password, "client_id": "7"}
        waits = bound.ask("PATCH", f"{address}/settings", json=change, headers={"If-Match": "*"})
        run_queued_operations(container)
        outcome = bound.get(f"/operations/{waits.json()['operation_id']}").json()["result"]
        assert outcome["succeeded"] is saved
        assert container.connections.get(web.connection.id).settings.client_id == ("7" if saved else "")
        assert (outcome["diagnostics_id"] is not None) is saved


def test_secrets_saved_at_once_count_as_tried_logins(program: Program, address: str) -> None:
    def change(**values: str) -> requests.Response:
        return program.ask("PATCH", f"{address}/settings", json=values, headers={"If-Match": "*"})

    for number in range(MAX_LOGINS):
        secret = "password" if number % 2 else "moment_api_key"
        assert change(**{secret: f"guess {number}"}).status_code == 200
    refused = change(password="once more")
    assert (problem(refused), "Retry-After" in refused.headers) == ((429, "login_tries"), True)
    assert change(client_id="7").status_code == 200
    login = {"username": "demo@example.com", "password": "demo-password"}
    assert problem(program.post(f"{address}/clients", login)) == (429, "login_tries")


def test_the_same_login_of_a_program_counts_once(web: Web, tokens: Tokens, program: Program, address: str) -> None:
    def change(**values: str) -> int:
        return saved(program, **values)

    def saved(by: Program, **values: str) -> int:
        return by.ask("PATCH", f"{address}/settings", json=values, headers={"If-Match": "*"}).status_code

    login = {"moment_api_key": "key", "username": "demo@example.com", "password": "right"}
    assert [change(**login) for _ in range(MAX_LOGINS + 2)] == [200] * (MAX_LOGINS + 2)
    assert [change(password=str(number)) for number in range(MAX_LOGINS - 1)] == [200] * (MAX_LOGINS - 1)
    assert (change(**login), change(password="right"), change(password="one more")) == (200, 429, 429)
    assert saved(tokens.program(web.url), **login) == 429  # it may be a guess, which 200 would confirm


def test_settings_that_could_not_be_saved_do_not_count_as_a_tried_login(
    web: Web, container: Container, program: Program, address: str
) -> None:
    links.save(container.database, web.connection.id, Record(EntityType.CUSTOMER, "7"), Link("1"), now=NOW)
    change = {"moment_company": "4711", "moment_api_key": "key"}
    for _ in range(MAX_LOGINS + 1):
        refused = program.ask("PATCH", f"{address}/settings", json=change, headers={"If-Match": "*"})
        assert problem(refused) == (409, "setting_refused")
    assert program.get("/operations").json()["items"] == []


def test_a_settings_check_is_cancelled_only_with_the_right_to_save(
    web: Web, container: Container, tokens: Tokens, address: str
) -> None:
    change = {"username": "new@example.com", "password": "typed"}
    bound = tokens.program(web.url, connections=[web.connection.id])
    waits = bound.ask("PATCH", f"{address}/settings", json=change, headers={"If-Match": "*"}).json()[
        "operation_id"
    ]
    starter = tokens.program(web.url, TokenScope.OPERATIONS_WRITE, connections=[web.connection.id])
    assert problem(starter.post(f"/operations/{waits}/cancel")) == (403, "scope_missing")
    other = tokens.program(web.url, connections=[web.connection.id])
    assert other.post(f"/operations/{waits}/cancel").json()["status"] == "cancelled"
    entry = audit_log.page(container.database, Scope(frozenset({web.connection.id}))).lines[0]
    assert translate(entry.action, Language.ENGLISH) == f"Cancelled: Settings check (no. {waits})"


def test_one_connections_operations_do_not_delay_another_connection(
    container: Container, program: Program, address: str
) -> None:
    for month in range(1, 5):
        program.post(f"{address}/reconciliations", {"first": f"2026-0{month}-01", "last": f"2026-0{month}-28"})
    other, _ = container.connections.add("Other AS", settings(moment_company="9"), actor="test", now=NOW)
    last = program.post(f"/connections/{other.id}/verifications").json()["id"]
    first, *_ = waiting = [number for task, number in messages(container) if task == "run_operation"]
    assert waiting == [last - 4, last - 3, last]
    container.redis.delete(QUEUE_OF["run_operation"])
    tasks.run_operation(first)
    assert messages(container) == [("run_operation", last - 2)]


def test_operations_are_listed_by_type_and_connection(web: Web, program: Program, address: str) -> None:
    one = program.post(f"{address}/diagnostics").json()["id"]
    two = program.post(f"{address}/verifications").json()["id"]
    assert [each["id"] for each in program.get("/operations").json()["items"]] == [two, one]
    assert [each["id"] for each in program.get("/operations", type="diagnostics").json()["items"]] == [one]
    first = program.get("/operations", limit=1, connection_id=web.connection.id).json()
    second = program.get("/operations", limit=1, cursor=first["next"]).json()
    assert ([each["id"] for each in second["items"]], second["next"]) == ([one], None)
