"""What all requests to the API share: token, limit, errors and language."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from i18n.catalog import Language
from models.enums import Role
from models.users import tokens as models
from models.users.tokens import TokenScope
from tests.web.api.program import Program, Tokens
from tests.web.conftest import Web
from web.api.app import openapi_document
from web.api.gate import MAX_PARAMETERS, MAX_VALUES
from web.api.problems import MAX_NAMED, accepted_language
from web.security.headers import MAX_BODY_BYTES
from worker.container import Container, clock

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"


def problem(response: requests.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:moment24:problem:{body['code']}"
    return response.status_code, body["code"]


def test_the_document_in_docs_is_the_one_served(web: Web) -> None:
    assert DOCUMENT.read_text() == openapi_document(), "run make openapi"
    assert requests.get(f"{web.url}/api/v1/openapi.json", timeout=10).json() == json.loads(openapi_document())


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ({}, "token_missing"),
        ({"Authorization": "Basic bTI0OmFiYw=="}, "token_missing"),
        ({"Authorization": "Bearer "}, "token_missing"),
        ({"Authorization": "Bearer m24_" + "x" * 43}, "token_unknown"),
        ({"Authorization": "Bearer nonsense"}, "token_unknown"),
    ],
)
@pytest.mark.parametrize("path", ["/connections", "/nowhere"])
def test_without_a_token_every_request_is_refused(
    web: Web, authorization: dict[str, str], code: str, path: str
) -> None:
    refused = Program(web.url).ask("GET", path, headers=authorization)
    assert problem(refused) == (401, code)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_or_revoked_token_says_so(web: Web, tokens: Tokens, container: Container) -> None:
    token, text = tokens.create()
    assert Program(web.url, text).get("/connections").status_code == 200
    models.revoke(container.database, token.id, actor="test", now=clock())
    assert problem(Program(web.url, text).get("/connections")) == (401, "token_revoked")
    _, old_text = models.create(
        container.database,
        "old",
        scopes=frozenset(TokenScope),
        scope=token.scope,
        days=1,
        actor="test",
        now=clock() - timedelta(days=2),
    )
    assert problem(Program(web.url, old_text).get("/connections")) == (401, "token_expired")


def test_sessions_do_not_open_the_api_nor_tokens_the_pages(web: Web, tokens: Tokens) -> None:
    person = web.as_(Role.ADMINISTRATOR)
    assert problem(person.get("/api/v1/connections")) == (401, "token_missing")
    program = tokens.program(web.url)
    page = requests.get(
        f"{web.url}/connections",
        headers={"Authorization": f"Bearer {program.token}"},
        allow_redirects=False,
        timeout=10,
    )
    assert page.status_code == 303
    response = program.get("/connections")
    assert "Set-Cookie" not in response.headers


def test_a_token_has_a_rate_limit_per_minute(
    web: Web, tokens: Tokens, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = container.settings.model_copy(update={"api_requests_per_minute": 2})
    monkeypatch.setattr(container, "settings", few)
    at = clock().replace(second=10)
    monkeypatch.setattr(container, "clock", lambda: at)
    one, other = tokens.program(web.url), tokens.program(web.url)
    first, second, third = (one.get("/connections") for _ in range(3))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["RateLimit-Policy"] == '"token";q=2;w=60'
    assert [each.headers["RateLimit"] for each in (first, second, third)] == [
        '"token";r=1;t=50',
        '"token";r=0;t=50',
        '"token";r=0;t=50',
    ]
    assert problem(third) == (429, "rate_limited")
    assert third.headers["Retry-After"] == "50"
    assert other.get("/connections").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("GET", "/nowhere", {}, (404, "not_found")),
        ("GET", "/connections/abc", {}, (404, "not_found")),
        ("GET", "/connections/99999999999999999999", {}, (404, "not_found")),
        ("GET", "/connections/999999", {}, (404, "not_found")),
        ("PUT", "/connections", {}, (405, "method_not_allowed")),
        ("GET", "/connections?limit=0", {}, (422, "invalid")),
        ("GET", "/jobs?cursor=nonsense", {}, (422, "invalid")),
        ("GET", "/jobs?sate=done", {}, (422, "invalid")),
        ("POST", "/job-actions/previews", {"json": {"action": "retry", "filter": {"sate": []}}}, (422, "invalid")),
        ("GET", "/jobs?text=%00", {}, (422, "invalid")),
        (
            "POST",
            "/connections",
            {"data": "{", "headers": {"Content-Type": "application/json"}},
            (400, "unreadable"),
        ),
        ("POST", "/connections", {"data": "name=x"}, (415, "media_type")),
        ("POST", "/connections", {"data": "{}", "headers": {"Content-Type": "text/plain"}}, (415, "media_type")),
        ("POST", "/connections", {"json": {}}, (422, "invalid")),
        ("POST", "/connections", {"json": {"name": "x" * MAX_BODY_BYTES}}, (413, "too_large")),
        ("POST", "/connections", {"json": {"name": [1] * (MAX_VALUES + 2)}}, (413, "too_large")),
        ("POST", "/job-actions", {"json": {"preview": "v2:forged"}}, (422, "invalid")),
        ("POST", "/connections/1/resume", {"json": {"because": "?"}}, (422, "invalid")),
        ("POST", "/jobs/1/retry", {"json": ["?"]}, (422, "invalid")),
        ("POST", "/jobs/1/retry", {"json": {}}, (404, "not_found")),
        ("POST", "/connections", {}, (422, "invalid")),
        ("POST", "/connections", {"headers": {"Idempotency-Key": "æ".encode("latin-1")}}, (422, "invalid")),
    ],
)
def test_every_refusal_is_a_problem(
    web: Web, tokens: Tokens, method: str, path: str, options: dict[str, object], expected: tuple[int, str]
) -> None:
    refused = tokens.program(web.url).ask(method, path, **options)
    assert problem(refused) == expected
    assert all(each["field"] and each["detail"] for each in refused.json()["errors"])


MANY = b",".join([b"1"] * (MAX_VALUES - 10))
WRONG_KEYS = b",".join(b'"%x":1' % number for number in range(MAX_VALUES - 10))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/job-actions/previews", b'{"action":"retry","filter":{"state":[' + MANY + b"]}}"),
        ("POST", "/job-actions/previews", b'{"action":"retry","filter":{' + WRONG_KEYS + b"}}"),
        ("POST", "/job-actions/previews", b"{" + WRONG_KEYS + b"}"),
        ("POST", "/connections", b'{"settings":{"error_emails":[' + MANY + b"]}}"),
        ("PATCH", "/connections/{}/settings", b'{"entity_types":[' + MANY + b"]}"),
        ("PATCH", "/connections/{}/settings", b'{"accounts":{' + WRONG_KEYS + b"}}"),
        ("POST", "/connections/{}/backfills", b'{"entity_types":[' + MANY + b"]}"),
    ],
)
def test_only_a_few_of_very_many_errors_are_named(
    web: Web, tokens: Tokens, method: str, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    program = tokens.program(web.url)
    response = program.ask(method, path.format(web.connection.id), data=body, headers=headers)
    assert problem(response) == (422, "invalid")
    errors = response.json()["errors"]
    assert (len(errors) <= MAX_NAMED + 1, errors[-1]["detail"]) == (
        True,
        "There are more errors than those listed here.",
    )


def test_some_errors_are_named_and_the_rest_are_mentioned(web: Web, tokens: Tokens) -> None:
    body = {"action": "retry", "filter": {"state": [f"x{number}" for number in range(MAX_NAMED + 5)]}}
    errors = tokens.program(web.url).post("/job-actions/previews", body).json()["errors"]
    assert [each["location"] for each in errors] == ["body"] * (MAX_NAMED + 1)
    assert errors[-1] == {
        "location": "body",
        "field": "",
        "detail": "There are more errors than those listed here.",
    }


def test_a_query_with_very_many_parameters_is_refused(web: Web, tokens: Tokens) -> None:
    program = tokens.program(web.url)
    assert program.get("/jobs?" + "&".join(["state=done"] * MAX_PARAMETERS)).status_code == 200
    refused = program.get("/jobs?" + "&".join(["state=done"] * (MAX_PARAMETERS + 1)))
    assert (problem(refused), len(refused.json()["errors"])) == ((422, "invalid"), 1)
    wrong = program.get("/jobs?" + "&".join(["state=1"] * MAX_PARAMETERS))
    assert (problem(wrong), len(wrong.json()["errors"])) == ((422, "invalid"), MAX_NAMED + 1)


def test_public_routes_take_no_idempotency_key(web: Web) -> None:
    refused = Program(web.url).ask("POST", "/openapi.json", headers={"Idempotency-Key": "k"})
    assert problem(refused) == (405, "method_not_allowed")


def test_a_body_without_a_length_is_limited_too(web: Web, tokens: Tokens) -> None:
    chunks = (b"x" * 1024 for _ in range(2 * MAX_BODY_BYTES // 1024))
    headers = {"Content-Type": "application/json"}
    response = tokens.program(web.url).ask("POST", "/connections", data=chunks, headers=headers)
    assert problem(response) == (413, "too_large")


def test_a_crash_is_answered_with_a_problem(
    web: Web, tokens: Tokens, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "is_alive", lambda: 1 / 0)
    assert problem(tokens.program(web.url).get("/health")) == (500, "internal")


def test_problems_are_in_the_requested_language(web: Web, tokens: Tokens) -> None:
    program = tokens.program(web.url, TokenScope.JOBS_READ)
    english = program.get("/connections")
    norwegian = program.ask("GET", "/connections", headers={"Accept-Language": "nb-NO,nb;q=0.9,en;q=0.8"})
    assert english.json()["title"] == "The API token doesn't have the scope required for this."
    assert norwegian.json()["title"] == "API-tokenet har ikke rettigheten som kreves for dette."
    assert (english.headers["Content-Language"], norwegian.headers["Content-Language"]) == ("en", "nb")
    assert norwegian.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", Language.ENGLISH),
        ("*", Language.ENGLISH),
        ("de", Language.ENGLISH),
        ("no", Language.NORWEGIAN),
        ("nb-NO", Language.NORWEGIAN),
        ("en;q=0.5, nb", Language.NORWEGIAN),
        ("nb;q=0.5, en-GB;q=0.9", Language.ENGLISH),
        ("nb;q=x, en;q=0", Language.ENGLISH),
    ],
)
def test_the_preferred_language_is_chosen(accept: str, language: Language) -> None:
    assert accepted_language(accept) is language


def test_the_last_use_of_a_token_is_known_to_the_minute(container: Container, tokens: Tokens) -> None:
    token, text = tokens.create()
    database, start = container.database, clock()
    for seconds, expected in ((0, 0), (59, 0), (61, 61)):
        models.find(database, text, now=start + timedelta(seconds=seconds))
        (known,) = models.all_tokens(database)
        assert known.last_used_at == start + timedelta(seconds=expected)
    assert token.last_used_at is None


@pytest.mark.parametrize(
    ("method", "address", "body", "message"),
    [
        ("POST", "/job-actions/previews", {"action": "retry", "job": 1}, "Unknown field."),
        ("GET", "/jobs?updated_since=2026-01-31T08:00:00", None, "time zone"),
        ("GET", "/jobs?state=open", None, "queued, running"),
        ("GET", "/jobs?updated_since=0001-01-01T00:00:00%2B20:00", None, "Invalid value."),
    ],
)
def test_a_refusal_says_what_is_allowed(
    web: Web, tokens: Tokens, method: str, address: str, body: object, message: str
) -> None:
    refused = tokens.program(web.url).ask(method, address, json=body)
    assert problem(refused) == (422, "invalid")
    assert message in refused.json()["errors"][0]["detail"]


def test_an_instant_may_have_any_time_zone(web: Web, tokens: Tokens) -> None:
    assert tokens.program(web.url).get("/jobs?updated_since=0332-05-30T11:46:08-19:37").status_code == 200


def test_cases_that_the_document_leaves_open_are_handled(web: Web, tokens: Tokens) -> None:
    program = tokens.program(web.url)
    address = f"/connections/{web.connection.id}"
    wrong = program.ask("PATCH", f"{address}/settings", json={"entity_types": []}, headers={"If-Match": "*"})
    assert wrong.json()["errors"][0]["field"] == "entity_types"
    assert program.ask("POST", f"{address}/initial-matchings").status_code == 202
    receiver = program.post("/receivers", {"url": "https://erp.example/events"}).json()["id"]
    assert problem(program.post(f"/receivers/{receiver}/deliveries/999/replay")) == (404, "not_found")
    removed = program.ask("DELETE", f"/receivers/{receiver}")
    assert (removed.status_code, removed.headers.get("Content-Type")) == (204, None)
