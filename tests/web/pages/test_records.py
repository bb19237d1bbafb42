import csv
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
import requests
from sqlalchemy import update

from i18n.catalog import Language
from i18n.messages import msg
from models.admin import job_list
from models.admin.job_list import JobView
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Outcome, Record, Role
from models.inbox import links
from models.inbox.links import Link
from models.inbox.transitions import JobEvent
from models.schema.record_summary import RecordSummary
from models.schema.tables import SyncJobRow
from sync.engine.call_log import RemoteCall
from sync.rules.normalization import cut_warning
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from tests.models.completed_jobs import INVOICE, completed_job
from tests.web.conftest import Web
from worker.container import Container, clock

LISTS = ("/", "/records", "/expenses", "/email-log", "/audit-log")
HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def other(container: Container) -> Connection:
    """Another customer, which not everyone may see."""
    connection, _ = container.connections.add(
        "Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW
    )
    add_failed_job(container, connection, title="Invoice 4711")
    return connection


def test_a_record_shows_everything_known_about_it(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    page = web.as_(Role.VIEWER).get(f"/records/{job_id}").text
    for words in (
        "Invoice 1024",
        "Demo AS",
        "Needs attention",
        "The account 3999 is unknown.",
        "Open the account",
    ):
        assert words in page
    assert 'href="https://moment.example/1001/invoices/9"' in page
    assert "Not created yet" in page
    assert "books@example.com" in page


def test_a_synced_record_names_its_voucher(web: Web, container: Container) -> None:
    record = Record(EntityType.INVOICE, "9")
    links.save(container.database, web.connection.id, record, Link("2026/40017"), now=NOW)
    job = completed_job(container.database, web.connection.id, record)
    assert "Voucher 40017/2026" in web.as_(Role.VIEWER).get(f"/records/{job.id}").text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.ENGLISH, ("Synced with warnings", "The name is longer than the 100 characters")),
        (Language.NORWEGIAN, ("Overført med advarsel", "Navnet er lengre enn de 100 tegnene")),
    ],
)
def test_warnings_are_shown_on_the_records_page_and_in_the_lists(
    web: Web, container: Container, language: Language, words: tuple[str, ...]
) -> None:
    warning = cut_warning(msg("The name"), "Fjord " * 30, max_length=100)
    assert warning
    job = completed_job(container.database, web.connection.id, title="Invoice 1", warnings=(warning,))
    person = web.as_(Role.VIEWER, language=language)
    pages = [person.get(path).text for path in ("/records", f"/records/{job.id}")]
    assert [word in page for page in pages for word in words] == [True] * 4
    assert pages[1].count(words[1]) == 2  # in the record's present state, and in its timeline


def test_an_expense_names_its_voucher_and_each_of_its_expenses(web: Web, container: Container) -> None:
    for expense in ("501", "502"):
        key = Link(f"2026-4-40001/{expense}/4300")
        links.save(container.database, web.connection.id, Record(EntityType.EXPENSE, expense), key, now=NOW)
    job = completed_job(container.database, web.connection.id, Record(EntityType.EXPENSE, "2026-4-40001"))
    page = web.as_(Role.VIEWER).get(f"/records/{job.id}").text
    assert "Voucher 40001/2026" in page
    for expense in ("501", "502"):
        assert f'href="https://moment.example/1001/projectExpenses/{expense}"' in page


def test_calls_to_both_systems_are_shown_formatted(web: Web, container: Container) -> None:
    get_call = RemoteCall("GET invoices/9", "", f'{{"name": "{HOSTILE}", "amount": 1250.00}}')
    sent = RemoteCall("SaveBundleList", f"<Bundle><Name>{HOSTILE}</Name></Bundle>", "")
    job = completed_job(
        container.database, web.connection.id, title=HOSTILE, message=HOSTILE, calls=(get_call, sent)
    )
    for path in (f"/records/{job.id}", "/records", "/expenses"):
        page = web.as_(Role.OPERATOR).get(path).text
        assert "<script>" not in page
    page = web.as_(Role.OPERATOR).get(f"/records/{job.id}").text
    assert "<summary>GET invoices/9</summary>" in page
    assert "&#34;amount&#34;: 1250.00" in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page


def test_records_with_a_warning_are_shown_alone(web: Web, container: Container) -> None:
    for number, warnings in (("1", (msg("The street was cut."),)), ("2", ())):
        record = Record(EntityType.CUSTOMER, number)
        completed_job(container.database, web.connection.id, record, title=f"Customer {number}", warnings=warnings)
    page = web.as_(Role.VIEWER).get("/records", warning="yes").text
    assert "Customer 1" in page
    assert "Customer 2" not in page
    assert re.search(r'name="warning" value="yes" checked', page)
    assert "Customer 2" in web.as_(Role.VIEWER).get("/records", warning="no").text


@pytest.mark.parametrize(
    "state", ["needs_attention", "queued", "running", "waiting", "retrying", "synced", "skipped", "dismissed"]
)
def test_the_filter_offers_each_status_of_the_rows_and_shows_exactly_those(
    web: Web, container: Container, state: str
) -> None:
    stand_in_every_state(web, container)
    person = web.as_(Role.VIEWER)
    page = person.get("/records", state=state).text
    (chosen,) = re.findall(rf'<option value="{state}" selected>([^<]+)<', page)
    rows = re.findall(r'class="state[^"]*">([^<]+)<', page)
    assert set(rows) - {"Synced with warnings"} == {chosen}
    (for_excel,) = re.findall(r'href="([^"]+/export[^"]+excel[^"]*)"', page)
    named = [row["Status"] for row in sheet(person.get(unescape(for_excel)), ";")]
    assert named == rows
    assert f'value="{state}"' in person.get("/expenses").text


def stand_in_every_state(web: Web, container: Container) -> None:
    """Make a record in each state, and one for each outcome of a done job."""
    for number, state in enumerate(JobState):
        job = completed_job(container.database, web.connection.id, Record(EntityType.INVOICE, f"1{number}"))
        container.database.execute(update(SyncJobRow).where(SyncJobRow.id == job.id).values(state=state))
    for number, outcome in enumerate((Outcome.UNCHANGED, Outcome.SKIPPED)):
        completed_job(
            container.database, web.connection.id, Record(EntityType.CUSTOMER, f"2{number}"), outcome=outcome
        )
    warnings, customer = (msg("The street was cut."),), Record(EntityType.CUSTOMER, "3")
    completed_job(container.database, web.connection.id, customer, warnings=warnings)


def test_records_are_filtered_and_the_filter_survives_paging(web: Web, container: Container) -> None:
    for n in range(60):
        completed_job(
            container.database, web.connection.id, Record(EntityType.INVOICE, str(n)), title=f"Invoice {n}", at=NOW
        )
    completed_job(
        container.database,
        web.connection.id,
        Record(EntityType.CUSTOMER, "7"),
        title="Customer Nordlys",
        at=clock(),
    )
    person = web.as_(Role.VIEWER)
    page = person.get("/records", type="invoice", text="invoice").text
    assert "Customer Nordlys" not in page
    (older,) = [line for line in page.splitlines() if 'rel="next"' in line]
    address = older.split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert "type=invoice&text=invoice&page=o" in address
    further = person.get(address).text
    assert further.count('data-label="Record"') == 10
    assert "Customer Nordlys" not in further
    changed = person.get("/records", updated_since=(clock() - timedelta(minutes=1)).isoformat()).text
    assert changed.count('data-label="Record"') == 1
    assert "Customer Nordlys" in changed


@pytest.mark.parametrize(
    "query",
    [
        "state=no&type=no&error_code=no&updated_since=no",
        "updated_since=0001-01-01T00:00:00%2B16:30",
        "page=x",
        "company=%00",
        "text=%F0%9F%98%80%27%00",
        "page=o1-1",
    ],
)
def test_an_invalid_query_still_shows_a_page(web: Web, container: Container, query: str) -> None:
    add_failed_job(container, web.connection)
    for path in LISTS:
        assert web.as_(Role.OPERATOR).get(f"{path}?{query}").status_code == 200


def test_no_one_sees_another_customers_data(web: Web, container: Container, other: Connection) -> None:
    job_id = add_failed_job(container, web.connection)
    theirs = web.as_(Role.OPERATOR, connections=[other.id])
    assert theirs.get(f"/records/{job_id}").status_code == 404
    for path in (*LISTS, "/records?text=1024", "/records?company=Demo", "/audit-log?company=Demo"):
        page = theirs.get(path).text
        assert "Demo AS" not in page
        assert "Invoice 1024" not in page
    assert "Invoice 4711" in theirs.get("/records").text
    assert "Invoice 4711" in theirs.get("/email-log").text


def test_a_viewer_has_no_buttons(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    completed_job(container.database, web.connection.id, Record(EntityType.EXPENSE, "2026-4-1"), title="Voucher 1")
    viewer, operator = web.as_(Role.VIEWER), web.as_(Role.OPERATOR)
    for path in ("/records", "/expenses", f"/records/{job_id}"):
        page = viewer.get(path).text
        assert 'name="action"' not in page
        assert 'type="checkbox" name="job"' not in page
        assert 'name="action"' in operator.get(path).text
    for path in ("/records", "/expenses"):
        assert 'type="checkbox" name="job"' in operator.get(path).text
    confirm = viewer.get("/records/confirm", action="retry", job=str(job_id))
    assert confirm.status_code == viewer.post("/records/act", action="retry", job=str(job_id)).status_code == 404


def test_the_pages_are_in_the_readers_language(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    for language, time in ((Language.ENGLISH, "Oslo time"), (Language.NORWEGIAN, "nb")):
        page = web.as_(Role.OPERATOR, language=language).get(f"/records/{job_id}").text
        assert f'<html lang="{language}">' in page
        assert time in page


def test_expenses_are_listed_by_result(web: Web, container: Container) -> None:
    database, connection_id = container.database, web.connection.id
    completed_job(
        database, connection_id, Record(EntityType.EXPENSE, "2026-4-1"), title="Voucher 1", message="Brought."
    )
    left: dict[str, Any] = {
        "outcome": "skipped",
        "error_code": "no_project",
        "message": "The cost has no project.",
    }
    completed_job(database, connection_id, Record(EntityType.EXPENSE, "2026-4-2"), title="Voucher 2", **left)
    completed_job(database, connection_id, Record(EntityType.INVOICE, "3"), title="Invoice 3")
    person = web.as_(Role.VIEWER)
    everything = person.get("/expenses").text
    assert "Voucher 1" in everything
    assert "Voucher 2" in everything
    assert "Invoice 3" not in everything
    skipped = person.get("/expenses", state="skipped", error_code="no_project").text
    assert "Voucher 1" not in skipped
    assert "The cost has no project." in skipped


def test_attempts_without_changes_keep_the_last_result_and_are_one_line(web: Web, container: Container) -> None:
    def attempted(minutes: int, outcome: Outcome, **values: Any) -> JobView:
        at = NOW + timedelta(minutes=minutes)
        return completed_job(container.database, web.connection.id, INVOICE, at=at, outcome=outcome, **values)

    attempted(0, Outcome.SYNCED, message="Voucher 40003 of 2026, 48 000,00 kroner.")
    for minutes in range(1, 9):
        job = attempted(minutes, Outcome.UNCHANGED)
    assert job.message == "Voucher 40003 of 2026, 48 000,00 kroner."
    page = web.as_(Role.VIEWER).get(f"/records/{job.id}").text
    assert "8 times since" in page
    assert page.count("<li>") == 2


def test_attempts_that_skip_a_record_for_the_same_reason_are_one_line(web: Web, container: Container) -> None:
    for minutes, reason in enumerate(("no project", "approval", "approval", "approval")):
        message = msg("The document is awaiting {reason}.", reason=reason)
        at, skipped = NOW + timedelta(minutes=minutes), JobEvent.SKIPPED
        job = completed_job(
            container.database, web.connection.id, event=skipped, outcome=Outcome.SKIPPED, at=at, message=message
        )
    page = web.as_(Role.VIEWER).get(f"/records/{job.id}").text
    assert re.search(r"awaiting approval\.\s*<span class=\"quiet\">3 times since", page)
    assert page.count("<li>") == 2


def test_the_result_before_a_failure_returns_once_nothing_has_changed(container: Container, web: Web) -> None:
    for event, outcome, message in (
        (JobEvent.SYNCED, Outcome.SYNCED, "Voucher 40003 of 2026."),
        (JobEvent.REJECTED, Outcome.FAILED, "Account 3999 is closed."),
        (JobEvent.SYNCED, Outcome.UNCHANGED, ""),
    ):
        job = completed_job(
            container.database, web.connection.id, INVOICE, event=event, outcome=outcome, message=message
        )
    assert job.message == "Voucher 40003 of 2026."


SUMMARY = RecordSummary(
    record_number="1024",
    party="Nordlys Arkitekter AS",
    party_number="10001",
    amount=1250050,
    currency="NOK",
    record_date=date(2026, 3, 2),
    due_date=date(2026, 3, 16),
)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.ENGLISH, ("Customer", "12,500.50\xa0NOK", "2 Mar 2026", "Due date", "16 Mar 2026")),
        (Language.NORWEGIAN, ("Kunde", "12\xa0500,50\xa0NOK", "2. mars 2026", "Forfallsdato", "16. mars 2026")),
    ],
)
def test_a_record_that_needs_attention_shows_customer_amount_and_dates(
    web: Web, container: Container, language: Language, words: tuple[str, ...]
) -> None:
    job = completed_job(container.database, web.connection.id, event=JobEvent.REJECTED, summary=SUMMARY)
    person = web.as_(Role.OPERATOR, language=language)
    page = person.get(f"/records/{job.id}").text
    assert [word for word in (*words, "Nordlys Arkitekter AS (10001)") if word not in page] == []
    listed = person.get("/records").text
    assert [word for word in ("Nordlys Arkitekter AS", *words[:3]) if word not in listed] == []
    asked = person.get("/records/confirm", action="resolve", job=str(job.id)).text
    label = dict(zip(("Customer", "Kunde"), ("Invoice date", "Fakturadato"), strict=True))[words[0]]
    facts = (
        f"{words[0]} Nordlys Arkitekter AS (10001)",
        words[1],
        f"{label} {words[2]}",
        f"{words[3]} {words[4]}",
    )
    assert [word for word in facts if word not in asked] == []
    customer = Record(EntityType.CUSTOMER, "7")
    named = RecordSummary(record_name="Nordlys")
    job = completed_job(
        container.database,
        web.connection.id,
        customer,
        event=JobEvent.REJECTED,
        title="Kunde Nordlys",
        summary=named,
    )
    assert person.get("/records/confirm", action="resolve", job=str(job.id)).text.count("Nordlys") == 1


def test_a_customer_shows_its_number_and_an_expense_its_supplier(web: Web, container: Container) -> None:
    customer = Record(EntityType.CUSTOMER, "7")
    links.save(container.database, web.connection.id, customer, Link("10001"), now=NOW)
    known = RecordSummary(record_name="Nordlys Arkitekter AS")
    job = completed_job(container.database, web.connection.id, customer, summary=known)
    page = web.as_(Role.VIEWER).get(f"/records/{job.id}").text
    assert re.search(r"<dt>Name</dt>\s*<dd>Nordlys Arkitekter AS</dd>", page)
    assert re.search(r"<dt>Number</dt>\s*<dd>10001</dd>", page)
    voucher, known = Record(EntityType.EXPENSE, "2026-4-40001"), RecordSummary(party="Byggmaker", amount=125000)
    completed_job(container.database, web.connection.id, voucher, summary=known)
    page = web.as_(Role.VIEWER).get("/expenses").text
    assert 'data-label="Supplier">Byggmaker<' in page
    assert "1,250.00" in page


@pytest.fixture
def invoices(web: Web, container: Container) -> None:
    """Sixty invoices with different days and amounts, the latest with the smallest amount."""
    for n in range(60):
        known = RecordSummary(amount=100 * (60 - n), currency="NOK", record_date=date(2026, 1, 1) + timedelta(n))
        record = Record(EntityType.INVOICE, str(n))
        completed_job(container.database, web.connection.id, record, title=f"Invoice {n}", summary=known)


def listed(page: str) -> list[int]:
    return [int(number) for number in re.findall(r">Invoice (\d+)</a>", page)]


@pytest.mark.usefixtures("invoices")
def test_a_date_range_is_added_up_and_survives_paging_and_sorting_by_links(web: Web) -> None:
    person = web.as_(Role.VIEWER)
    page = person.get("/records", date_from="2026-01-03", date_to="2026-02-28", sort="date_asc").text
    assert listed(page) == list(range(2, 52))
    assert re.search(r"57 records\. Invoices: <span class=\"number\">1,710\.00\xa0NOK</span>", page)
    assert 'aria-sort="ascending"' in page
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert listed(person.get(unescape(older)).text) == list(range(52, 59))
    (by_amount,) = re.findall(r'<a href="([^"]+)">Amount</a>', page)
    assert listed(person.get(unescape(by_amount)).text)[:2] == [2, 3]
    (turned,) = re.findall(r'<a href="([^"]+)">Date</a>', page)
    assert listed(person.get(unescape(turned)).text)[:2] == [58, 57]


@pytest.mark.usefixtures("invoices")
def test_an_invalid_filter_matches_nothing(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/records", date_from="soon", sort="color", page="i5-1").text
    assert len(listed(page)) == 50
    assert "60 records" not in page


@pytest.mark.usefixtures("invoices")
def test_a_list_too_long_to_add_up_says_so(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MAX_TOTALED_ROWS", 10)
    assert "Too many records to add up." in web.as_(Role.VIEWER).get("/records", type="invoice").text


def sheet(response: requests.Response, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(response.content.decode().removeprefix("\ufeff").splitlines(), delimiter=delimiter))


@pytest.mark.usefixtures("invoices")
def test_a_filtered_list_is_downloaded_whole_for_programs_and_excel(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "EXPORT_BATCH_SIZE", 7)
    hostile = RecordSummary(party="=HYPERLINK(1)", amount=-4800000, currency="NOK", record_date=date(2026, 2, 1))
    completed_job(container.database, web.connection.id, title="Invoice 77", summary=hostile)
    person = web.as_(Role.VIEWER, language=Language.NORWEGIAN)
    page = person.get("/records", date_from="2026-02-01", sort="amount_asc").text
    for_excel, for_programs = re.findall(r'href="([^"]+/export[^"]+)"', page)
    response = person.get(unescape(for_programs))
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["Content-Disposition"]
    rows = sheet(response, ",")
    assert len(rows) == 30
    assert {key: rows[0][key] for key in ("party", "amount", "record_date", "state", "entity_type")} == {
        "party": "'=HYPERLINK(1)",
        "amount": "-48000.00",
        "record_date": "2026-02-01",
        "state": "done",
        "entity_type": "invoice",
    }
    response = person.get(unescape(for_excel))
    assert response.content.startswith(b"\xef\xbb\xbf")
    rows = sheet(response, ";")
    assert len(rows) == 30
    assert {rows[0][key] for key in ("Kunde eller leverandør", "Beløp inkl. mva", "Dato", "Status")} == {
        "'=HYPERLINK(1)",
        "-48000,00",
        "01.02.2026",
        "Overført",
    }
    assert rows[0]["Resultat"] == ""


@pytest.mark.usefixtures("invoices")
@pytest.mark.parametrize(("sort", "number"), [("", 61), ("date", 60), ("amount_asc", 60)])
def test_the_count_the_sheet_and_the_actions_cover_exactly_the_list(
    web: Web, container: Container, sort: str, number: int
) -> None:
    completed_job(container.database, web.connection.id, Record(EntityType.CUSTOMER, "7"), event=JobEvent.REJECTED)
    dated = RecordSummary(amount=100, currency="NOK", record_date=date(2026, 1, 1))
    completed_job(container.database, web.connection.id, event=JobEvent.REJECTED, summary=dated)  # of the sixty
    person, asked = web.as_(Role.OPERATOR), {"text": "", "sort": sort, "company": "Demo AS"}
    page = person.get("/records", **asked).text
    assert f"{number} records" in page
    assert ("are left out" in page) is bool(sort)
    assert len(sheet(person.get("/records/export", form="csv", **asked), ",")) == number
    asked |= {"state": "needs_attention", "all": "yes"}
    question = person.get("/records/confirm", action="dismiss", **asked).text
    wrong = 1 if sort else 2
    assert f"{wrong} record{'s' if wrong > 1 else ''} will be skipped permanently" in question
    response = person.post("/records/act", action="dismiss", **asked)
    assert re.search(rf"\b{wrong} records? permanently skipped", person.get(response.headers["Location"]).text)


@pytest.mark.usefixtures("other")
def test_users_download_only_what_they_see(web: Web, container: Container) -> None:
    completed_job(container.database, web.connection.id, Record(EntityType.EXPENSE, "2026-4-40001"))
    one = web.as_(Role.VIEWER, connections=[web.connection.id])
    assert [row["connection"] for row in sheet(one.get("/records/export"), ",")] == ["Demo AS"]
    everybody = web.as_(Role.VIEWER)
    assert [row["connection"] for row in sheet(everybody.get("/records/export"), ",")] == ["Fjord AS", "Demo AS"]
    assert [row["entity_type"] for row in sheet(everybody.get("/expenses/export"), ",")] == ["expense"]
    assert web.nobody().get("/records/export").status_code == 303
