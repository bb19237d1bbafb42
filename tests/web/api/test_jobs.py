"""Jobs in the API: listed, read, acted on one by one or many after a preview, and their questions."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from i18n.messages import msg
from models.admin import job_details
from models.enums import EntityType, JobState, Record
from models.inbox import links
from models.inbox.links import Link
from models.inbox.transitions import JobEvent
from models.schema.record_summary import RecordSummary
from sync.rules.normalization import cut_warning
from tests.factories import NOW, settings
from tests.installation import add_failed_job, messages
from tests.models.completed_jobs import completed_job
from tests.web.api.program import Program, Tokens
from tests.web.api.test_requests import problem
from tests.web.conftest import Web
from tests.web.match_questions import CANDIDATES, add_question
from web.api.app import openapi_document
from web.api.job_actions import VALID_FOR
from worker.container import Container, clock

ALL_RETRIED = {"action": "retry", "filter": {"state": ["needs_attention"]}}


@pytest.fixture
def program(web: Web, tokens: Tokens) -> Program:
    return tokens.program(web.url, connections=[web.connection.id])


def state(container: Container, job_id: int) -> JobState:
    job = job_details.find(container.database, job_id)
    assert job
    return job.state


def test_jobs_are_filtered_by_the_query(web: Web, container: Container, program: Program) -> None:
    failed = add_failed_job(container, web.connection, record_id="1", title="Invoice 1024")
    done = completed_job(
        container.database, web.connection.id, Record(EntityType.EXPENSE, "2"), title="Voucher 7"
    ).id
    for query, found in (
        ({}, {failed, done}),
        ({"state": "needs_attention"}, {failed}),
        ({"state": ["needs_attention", "done"]}, {failed, done}),
        ({"outcome": "synced"}, {done}),
        ({"entity_type": "invoice"}, {failed}),
        ({"error_code": "account"}, {failed}),
        ({"text": "1024"}, {failed}),
        ({"connection_id": web.connection.id}, {failed, done}),
        ({"connection_id": web.connection.id + 1}, set()),
        ({"connection_name": "demo"}, {failed, done}),
        ({"connection_name": "fjell"}, set()),
    ):
        assert {each["id"] for each in program.get("/jobs", **query).json()["items"]} == found, query
    assert [each["id"] for each in program.get("/expenses").json()["items"]] == [done]
    assert len(program.get("/jobs?state=done&state=done").json()["items"]) == 1
    assert "uniqueItems" not in openapi_document()
    since = clock()
    assert program.get("/jobs", updated_since=since.isoformat()).json()["items"] == []
    program.post(f"/jobs/{failed}/retry")
    (changed,) = program.get("/jobs", updated_since=since.isoformat()).json()["items"]
    assert changed["id"] == failed
    assert datetime.fromisoformat(changed["updated_at"]) >= since
    far = program.get("/jobs", updated_since="2026-01-01T00:00:00+16:30").json()["items"]
    assert {each["id"] for each in far} == {failed, done}
    for unfit in ("2026-11-30T12:00:00", "0001-01-01T00:00:00+16:30"):
        assert problem(program.get("/jobs", updated_since=unfit)) == (422, "invalid")


def test_a_list_continues_where_its_page_ended(web: Web, container: Container, program: Program) -> None:
    start, numbers = clock() - timedelta(hours=1), []
    for place in range(5):
        at = start + timedelta(minutes=place)
        numbers.append(add_failed_job(container, web.connection, record_id=str(place), now=at))
    seen: list[int] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = program.get("/jobs", limit=2, **cursor).json()
        seen += [each["id"] for each in page["items"]]
        cursor = {"cursor": page["next"]} if page["next"] else None
        add_failed_job(
            container, web.connection, record_id=f"new-{len(seen)}"
        )  # jobs received meanwhile shift nothing
    assert seen == numbers[::-1]


def test_a_job_shows_its_attempts_in_the_requested_language(
    web: Web, container: Container, program: Program
) -> None:
    job_id = add_failed_job(container, web.connection)
    job = program.get(f"/jobs/{job_id}").json()
    assert (job["title"], job["error_code"], job["revision"]) == ("Invoice 1024", "account", 1)
    assert [each["message"] for each in job["attempts"]] == ["The account 3999 is unknown."]
    assert job["more_attempts"] is None
    assert program.get(f"/jobs/{job_id}/attempts").json() == {"items": job["attempts"], "next": None}
    program.post(f"/jobs/{job_id}/resolve")
    norwegian = program.ask("GET", f"/jobs/{job_id}", headers={"Accept-Language": "nb"}).json()
    assert norwegian["dismissal_reason"] == "Håndtert manuelt (API-token 1 (Partner ERP))"


@pytest.mark.parametrize(
    ("action", "becomes"),
    [("retry", JobState.QUEUED), ("dismiss", JobState.DISMISSED), ("resolve", JobState.DISMISSED)],
)
def test_actions_on_a_job_take_effect(
    web: Web, container: Container, program: Program, action: str, becomes: JobState
) -> None:
    job_id = add_failed_job(container, web.connection)
    assert program.post(f"/jobs/{job_id}/{action}").json()["state"] == becomes
    assert state(container, job_id) is becomes
    assert ("sync_invoices", web.connection.id) in messages(container)
    if becomes is JobState.DISMISSED:
        assert problem(program.post(f"/jobs/{job_id}/dismiss")) == (409, "not_applicable")


def test_dismissed_jobs_are_reopened(web: Web, container: Container, program: Program) -> None:
    job_id = add_failed_job(container, web.connection)
    assert problem(program.post(f"/jobs/{job_id}/reopen")) == (409, "not_applicable")
    program.post(f"/jobs/{job_id}/dismiss")
    assert problem(program.post(f"/jobs/{job_id}/retry")) == (409, "not_applicable")
    assert program.post(f"/jobs/{job_id}/reopen").json()["state"] == "needs_attention"


def test_many_jobs_are_acted_on_after_a_preview(web: Web, container: Container, program: Program) -> None:
    first, second = (add_failed_job(container, web.connection, record_id=each) for each in "12")
    selection = {"action": "resolve", "filter": {"error_code": "account"}}
    preview = program.post("/job-actions/previews", selection).json()
    assert (preview["count"], {each["id"] for each in preview["jobs"]}) == (2, {first, second})
    assert state(container, first) is JobState.NEEDS_ATTENTION
    late = add_failed_job(container, web.connection, record_id="3", now=clock() + timedelta(minutes=1))
    done = program.post("/job-actions", {"preview": preview["preview"]}).json()
    assert done == {"action": "resolve", "count": 2}
    assert [state(container, each) for each in (first, second, late)] == [
        JobState.DISMISSED,
        JobState.DISMISSED,
        JobState.NEEDS_ATTENTION,
    ]
    chosen = program.post("/job-actions/previews", {"action": "retry", "ids": [late]}).json()
    assert program.post("/job-actions", {"preview": chosen["preview"]}).json()["count"] == 1


def test_a_preview_says_which_of_the_chosen_jobs_are_left_out(
    web: Web, container: Container, tokens: Tokens, program: Program
) -> None:
    failed = add_failed_job(container, web.connection, record_id="1")
    done = completed_job(container.database, web.connection.id, Record(EntityType.CUSTOMER, "2")).id
    chosen = {"action": "dismiss", "ids": [failed, done, 999_999]}
    preview = program.post("/job-actions/previews", chosen).json()
    assert (preview["count"], preview["left_out"]) == (1, [done, 999_999])
    other, _ = container.connections.add("Fjell AS", settings(moment_company="9"), actor="test", now=clock())
    bound = tokens.program(web.url, connections=[other.id])
    preview = bound.post("/job-actions/previews", {"action": "retry", "ids": [failed]}).json()
    assert (preview["count"], preview["left_out"]) == (0, [failed])


@pytest.mark.parametrize("rest", [{}, {"filter": {}}, {"filter": {"state": []}}])
def test_an_action_affects_only_the_named_jobs(program: Program, rest: dict[str, object]) -> None:
    assert problem(program.post("/job-actions/previews", {"action": "retry"} | rest)) == (422, "invalid")


def test_a_job_has_the_urls_of_its_record_in_both_systems(
    web: Web, container: Container, program: Program
) -> None:
    number = web.connection.id
    job_id = completed_job(container.database, number, Record(EntityType.INVOICE, "4711")).id
    links.save(container.database, number, Record(EntityType.INVOICE, "4711"), Link("2026/1024"), now=NOW)
    completed_job(container.database, number, Record(EntityType.EXPENSE, "2026-4-40001"))
    linked = Record(EntityType.EXPENSE, "2026-4-40001/1/abc")
    links.save(container.database, number, linked, Link("2026-4-40001/1/abc"), now=NOW)
    moment = {"id": "4711", "url": "https://moment.example/1001/invoices/4711"}
    records = {"moment": [moment], "twentyfour": [{"id": "2026/1024", "url": None}]}
    assert program.get(f"/jobs/{job_id}").json()["records"] == records
    listed = {each["record_id"]: each["records"] for each in program.get("/jobs").json()["items"]}
    assert listed["4711"] == records
    assert [each["id"] for each in listed["2026-4-40001"]["twentyfour"]] == ["2026-4-40001"]
    assert [each["id"] for each in listed["2026-4-40001"]["moment"]] == ["2026-4-40001/1/abc"]


def test_warnings_have_codes_for_programs(web: Web, container: Container, program: Program) -> None:
    warnings = cut_warning(msg("The town"), "A" * 99, max_length=9), msg("From before it had a code.")
    warned = completed_job(container.database, web.connection.id, warnings=warnings)
    job = program.get(f"/jobs/{warned.id}").json()
    assert job["warning_codes"] == job["attempts"][0]["warning_codes"] == ["text_cut", ""]


def test_dismissing_a_job_may_have_a_reason(web: Web, container: Container, program: Program) -> None:
    for number, action in (("1", "dismiss"), ("2", "resolve")):
        job_id = add_failed_job(container, web.connection, record_id=number)
        job = program.post(f"/jobs/{job_id}/{action}", {"because": "Entered on paper"}).json()
        assert job["dismissal_reason"] == "Entered on paper (API token 1 (Partner ERP))"


def test_a_preview_belongs_to_its_token_and_lasts_an_hour(
    web: Web, container: Container, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, other = tokens.program(web.url), tokens.program(web.url)
    add_failed_job(container, web.connection)
    sealed = {"preview": program.post("/job-actions/previews", ALL_RETRIED).json()["preview"]}
    assert problem(other.post("/job-actions", sealed)) == (422, "invalid")
    later = clock() + VALID_FOR + timedelta(minutes=1)
    monkeypatch.setattr(container, "clock", lambda: later)
    assert problem(program.post("/job-actions", sealed)) == (409, "preview_expired")


def test_a_question_is_read_and_answered(web: Web, container: Container, program: Program) -> None:
    job_id = add_question(web, container)
    question = program.get(f"/jobs/{job_id}/match-question").json()
    assert [each["number"] for each in question["candidates"]] == [each.number for each in CANDIDATES]
    assert question["may_be_new"]
    assert question["moment_record"]["email"] == "bergen@nordlys.example"
    first = question["candidates"][0]
    assert (first["address"], first["comparison"]["email"]) == ("Storgata 1, 0155 Oslo", "different")
    answer = f"/jobs/{job_id}/match-question/answer"
    other = program.post(answer, {"choice": "999"})
    assert (problem(other), other.json()["errors"][0]["field"]) == ((422, "invalid"), "choice")
    assert program.post(answer, {"choice": "10234"}).json()["state"] == "queued"
    assert problem(program.get(f"/jobs/{job_id}/match-question")) == (404, "not_found")
    assert problem(program.post(answer, {"choice": "10234"})) == (409, "not_applicable")
    undo = f"/jobs/{job_id}/match-question/undo"
    assert program.post(undo, {}).json()["state"] == "needs_attention"
    assert len(program.get(f"/jobs/{job_id}/match-question").json()["candidates"]) == len(CANDIDATES)
    assert problem(program.post(undo, {})) == (409, "not_applicable")


def test_the_health_counts_only_the_tokens_connections(web: Web, container: Container, program: Program) -> None:
    add_failed_job(container, web.connection)
    completed_job(container.database, web.connection.id, Record(EntityType.CUSTOMER, "8"), event=JobEvent.SYNCED)
    health = program.get("/health").json()
    assert (health["connections"], health["needs_attention"], health["redis"], health["workers"]) == (
        1,
        1,
        True,
        False,
    )
    budget = program.get("/request-budget").json()
    assert (budget["known"], budget["allowed"], budget["remaining"]) == (True, 7000, 7000)


def test_the_audit_log_is_read_page_by_page(web: Web, tokens: Tokens, program: Program) -> None:
    everywhere = tokens.program(web.url)
    own = program.get("/audit-log").json()["items"]
    assert [each["action"] for each in own] == ["Added the connection"]
    every = everywhere.get("/audit-log", limit=2).json()
    assert [each["action"].partition(":")[0] for each in every["items"]] == [
        "Created API token 2 (Partner ERP)",
        "Created API token 1 (Partner ERP)",
    ]
    rest = everywhere.get("/audit-log", limit=2, cursor=every["next"]).json()
    assert ([each["action"] for each in rest["items"]], rest["next"]) == (["Added the connection"], None)


def test_a_job_has_the_details_that_identify_its_record(web: Web, container: Container, program: Program) -> None:
    known = RecordSummary(
        record_number="1024", party="Nordlys AS", party_number="10001", amount=125000, currency="NOK"
    )
    known = replace(known, record_date=date(2026, 3, 2))
    job = completed_job(container.database, web.connection.id, event=JobEvent.REJECTED, summary=known)
    links.save(container.database, web.connection.id, job.record, Link("2026/40003"), now=NOW)
    summary = {
        "number": "1024",
        "name": "",
        "party": "Nordlys AS",
        "party_number": "10001",
        "amount": 125000,
        "currency": "NOK",
        "record_date": "2026-03-02",
        "due_date": None,
        "voucher": "40003/2026",
    }
    assert program.get(f"/jobs/{job.id}").json()["summary"] == summary
    assert [each["summary"] for each in program.get("/jobs").json()["items"]] == [summary]
