import re

import lxml.html
import pytest
from sqlalchemy import update

from models.admin import job_details
from models.admin.job_list import JobView
from models.enums import EntityType, JobState, Record, Role
from models.inbox import links, questions
from models.inbox.links import Link
from models.inbox.questions import Candidate
from models.inbox.transitions import JobEvent
from models.schema.tables import SyncJobRow
from tests.factories import NOW, settings
from tests.installation import add_failed_job, messages
from tests.models.completed_jobs import completed_job
from tests.web.conftest import Web
from tests.web.form_filling import forms_to
from tests.web.match_questions import add_question
from worker.container import Container


def see(container: Container, job_id: int) -> JobView:
    found = job_details.find(container.database, job_id)
    assert found
    return found


def test_a_retried_job_is_due_and_its_lane_is_dispatched(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    person = web.as_(Role.OPERATOR)
    fields = {"action": "retry", "job": str(job_id), "from": "record"}
    answer = person.post("/records/act", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/records/{job_id}")
    assert see(container, job_id).state is JobState.QUEUED
    assert messages(container) == [("sync_invoices", web.connection.id)]
    page = person.get(answer.headers["Location"]).text
    assert "Retrying 1 record." in page
    assert "Retry: Invoice 1024" in page


@pytest.mark.parametrize(
    ("action", "reason"), [("resolve", "Resolved manually"), ("dismiss", "Skipped permanently")]
)
def test_a_job_is_dismissed_after_confirmation_and_reopened_with_one_click(
    web: Web, container: Container, action: str, reason: str
) -> None:
    job_id = add_failed_job(container, web.connection)
    person = web.as_(Role.OPERATOR)
    question = person.get("/records/confirm", action=action, job=str(job_id)).text
    assert "1 record will be " in question
    assert "Invoice 1024" in question
    assert see(container, job_id).state is JobState.NEEDS_ATTENTION
    answer = person.post("/records/act", action=action, job=str(job_id))
    closed = see(container, job_id)
    assert (closed.state, closed.dismissal_reason.partition(" (")[0]) == (JobState.DISMISSED, reason)
    undo = person.get(answer.headers["Location"]).text
    dismissed_at = undo.split('name="dismissed_at" value="')[1].split('"')[0]
    assert person.post("/records/act", action="reopen", dismissed_at=dismissed_at).status_code == 303
    assert see(container, job_id).state is JobState.NEEDS_ATTENTION


def test_all_jobs_that_match_a_filter_are_counted_listed_and_then_changed(web: Web, container: Container) -> None:
    wrong = [add_failed_job(container, web.connection, record_id=str(n), title=f"Invoice {n}") for n in range(25)]
    fine = completed_job(
        container.database,
        web.connection.id,
        Record(EntityType.CUSTOMER, "7"),
        event=JobEvent.REJECTED,
        title="Customer",
    )
    person = web.as_(Role.OPERATOR)
    filter_ = {"all": "yes", "state": "needs_attention", "error_code": "", "type": "invoice", "from": "records"}
    question = person.get("/records/confirm", action="dismiss", **filter_).text
    assert "25 records will be skipped permanently" in question
    assert "and 5 more" in question
    until = question.split('name="until" value="')[1].split('"')[0]
    late = add_failed_job(container, web.connection, record_id="late")
    answer = person.post("/records/act", action="dismiss", until=until, **filter_)
    assert {see(container, each).state for each in wrong} == {JobState.DISMISSED}
    assert see(container, fine.id).state is see(container, late).state is JobState.NEEDS_ATTENTION
    assert answer.headers["Location"] == "/records?state=needs_attention&type=invoice"
    assert "25 records permanently skipped" in person.get(answer.headers["Location"]).text


def test_no_filter_retries_done_or_closed_jobs_by_the_million(web: Web, container: Container) -> None:
    done = completed_job(container.database, web.connection.id, Record(EntityType.INVOICE, "1"))
    person = web.as_(Role.OPERATOR)
    for state in ("done", "running"):
        answer = person.post("/records/act", action="retry", all="yes", state=state)
        assert "Retrying 0 records." in person.get(answer.headers["Location"]).text
    assert (
        "Select at least one record"
        in person.get("/records/confirm", action="retry", all="yes", state="done").text
    )
    assert see(container, done.id).state is JobState.DONE


@pytest.mark.parametrize("page", ["record", "records"])
def test_a_retry_from_an_outdated_page_leaves_closed_jobs_closed(
    web: Web, container: Container, page: str
) -> None:
    job_id = add_failed_job(container, web.connection)
    person = web.as_(Role.OPERATOR)
    person.post("/records/act", action="dismiss", job=str(job_id))
    assert "Reopen them first" in person.get("/records/confirm", action="retry", job=str(job_id)).text
    answer = person.post("/records/act", **{"action": "retry", "job": str(job_id), "from": page})
    page = person.get(answer.headers["Location"]).text
    assert "Retrying 0 records. Dismissed records stay dismissed. Reopen them first." in " ".join(page.split())
    person.post("/records/act", action="retry", all="yes", state="dismissed")
    assert see(container, job_id).state is JobState.DISMISSED
    offered = person.get(f"/records/{job_id}").text
    assert ('value="reopen"' in offered, 'value="retry"' in offered) == (True, False)
    person.post("/records/act", action="reopen", job=str(job_id))
    assert see(container, job_id).state is JobState.NEEDS_ATTENTION


def test_ticked_jobs_of_other_customers_stay_as_they_are(web: Web, container: Container) -> None:
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    job_id = add_failed_job(container, web.connection)
    theirs = web.as_(Role.OPERATOR, connections=[other.id])
    for fields in ({"job": str(job_id)}, {"all": "yes"}, {"all": "yes", "company": "Demo AS"}):
        assert "Invoice" not in theirs.get("/records/confirm", action="resolve", **fields).text.split("<main")[1]
        acted = theirs.post("/records/act", action="resolve", **fields)
        assert "0 records marked as resolved" in theirs.get(acted.headers["Location"]).text
    assert see(container, job_id).state is JobState.NEEDS_ATTENTION


def test_an_action_that_is_not_offered_is_refused(web: Web, container: Container) -> None:
    change_id = str(add_failed_job(container, web.connection))
    person = web.as_(Role.OPERATOR)
    assert person.post("/records/act", action="delete", job=change_id).status_code == 400
    assert person.post("/records/act", job=change_id).status_code == 400
    assert person.get("/records/confirm", job=change_id).status_code == 400
    assert person.post("/records/act", action="retry", job=["x", "-1", "9" * 30]).status_code == 303
    forged = person.post("/records/act", action="retry", job=change_id, csrf="")
    assert forged.status_code == 403
    assert see(container, int(change_id)).state is JobState.NEEDS_ATTENTION


def test_the_way_back_leads_only_to_our_pages(web: Web) -> None:
    fields = {"action": "retry", "from": "https://evil.example", "text": "//evil"}
    answer = web.as_(Role.OPERATOR).post("/records/act", **fields)
    assert answer.headers["Location"] == "/records?text=%2F%2Fevil"


def answers(container: Container, job_id: int) -> str:
    return questions.answers(container.database, [job_id]).get(job_id, "")


def test_the_page_of_a_customer_offers_the_candidates_and_a_new_one(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    page = web.as_(Role.OPERATOR).get(f"/records/{job_id}")
    for message in (
        "10234",
        "Nordlys Oslo",
        "923609016",
        "oslo@nordlys.example",
        "Nordlys &lt;Bergen&gt;",
        "inactive",
    ):
        assert message in page.text
    assert choices_on(page.text, job_id) == ["10234", "10235", "new"]


def choices_on(page: str, job_id: int) -> list[str]:
    return re.findall(rf'href="/records/{job_id}/match\?choice=(\w+)"', page)


def test_moments_record_is_shown_beside_the_candidates_with_each_difference(
    web: Web, container: Container
) -> None:
    job_id = add_question(web, container)
    page = web.as_(Role.VIEWER).get(f"/records/{job_id}").text
    own, first, second, *_ = [" ".join(re.sub("<.*?>", " ", row).split()) for row in page.split("<tr>")[2:]]
    assert own == "Moment – NORDLYS OSLO 923609016 bergen@nordlys.example Kaia 2, 5003 Bergen"
    assert first == (
        "24SevenOffice 10234 Nordlys Oslo Same as in Moment 923609016 Same as in Moment "
        "oslo@nordlys.example Differs from Moment Storgata 1, 0155 Oslo Differs from Moment"
    )
    assert "Nordlys &lt;Bergen&gt; Differs from Moment" in second
    assert "– Not in 24SevenOffice – Not in 24SevenOffice" in second


def test_a_choice_is_confirmed_on_a_page_that_says_what_follows(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    page = person.get(f"/records/{job_id}/match", choice="10235")
    words = " ".join(page.text.split())
    assert "Match with customer 10235 Nordlys &lt;Bergen&gt; in 24SevenOffice?" in words
    assert "Moment: the customer gets number 10235." in words
    assert "gets the name, organization number and email addresses from Moment" in words
    assert "Nordlys Tromsø" not in words
    assert forms_to(page, f"/records/{job_id}/answer") == ["10235"]
    assert answers(container, job_id) == ""
    created = person.get(f"/records/{job_id}/match", choice="new")
    assert "a new customer is created" in created.text
    assert forms_to(created, f"/records/{job_id}/answer") == ["new"]
    gone = person.get(f"/records/{job_id}/match", choice="10999")
    assert (gone.status_code, forms_to(gone, f"/records/{job_id}/answer")) == (200, [])


@pytest.mark.parametrize("written", [False, True])
def test_a_choice_is_undone_with_one_click_and_the_question_reopens(
    web: Web, container: Container, *, written: bool
) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    undo = f"/records/{job_id}/undo-match"
    assert undo not in person.get(f"/records/{job_id}").text
    person.post(f"/records/{job_id}/answer", choice="10235")
    record = Record(EntityType.CUSTOMER, "7")
    if written:
        links.save(container.database, web.connection.id, record, Link("10235"), now=NOW)
    assert undo in person.get(f"/records/{job_id}").text
    assert undo not in web.as_(Role.VIEWER).get(f"/records/{job_id}").text
    person.post(undo)
    page = person.get(f"/records/{job_id}").text
    assert "The match is undone and the question is open again." in page
    assert choices_on(page, job_id) == ["10234", "10235", "new"]
    assert see(container, job_id).state is JobState.NEEDS_ATTENTION
    assert links.find(container.database, web.connection.id, record) is None
    log = person.get("/audit-log").text
    assert "Undid: Matched with Customer 10235 in 24SevenOffice: It" in log
    assert ("unlinked from number 10235" in log) is written
    person.post(undo)
    assert "Nothing was changed" in person.get(f"/records/{job_id}").text


def test_an_answer_is_saved_and_its_lane_is_dispatched(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    answer = person.post(f"/records/{job_id}/answer", choice="10235")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/records/{job_id}")
    assert answers(container, job_id) == "10235"
    assert messages(container) == [("sync_customers", web.connection.id)]
    page = person.get(answer.headers["Location"]).text
    assert "Matched with Customer 10235 in 24SevenOffice: It" in page
    assert "in 24SevenOffice is this?" not in page
    job = job_details.find(container.database, job_id)
    assert job
    assert job.state is JobState.QUEUED


@pytest.mark.parametrize("choice", ["10001", "", "new; drop table", "٣"])
def test_a_choice_that_is_not_offered_changes_nothing(web: Web, container: Container, choice: str) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    person.post(f"/records/{job_id}/answer", choice=choice)
    assert "Nothing was changed" in person.get(f"/records/{job_id}").text
    assert (answers(container, job_id), messages(container)) == ("", [])


def test_a_project_cannot_be_created_under_a_number_that_is_taken(web: Web, container: Container) -> None:
    job_id = add_question(
        web, container, EntityType.PROJECT, Candidate("17", "Brannstasjonen", customer_number="10234")
    )
    person = web.as_(Role.OPERATOR)
    assert choices_on(person.get(f"/records/{job_id}").text, job_id) == ["17"]
    person.post(f"/records/{job_id}/answer", choice="new")
    assert answers(container, job_id) == ""


def test_viewers_see_the_candidates_without_a_choice(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    page = web.as_(Role.VIEWER).get(f"/records/{job_id}")
    assert "Nordlys Oslo" in page.text
    assert choices_on(page.text, job_id) == []


def linked(web: Web, container: Container, entity_type: EntityType = EntityType.CUSTOMER) -> int:
    """Have a customer or project that is synced and linked to number 10234."""
    record = Record(entity_type, "8")
    links.save(container.database, web.connection.id, record, Link("10234"), now=NOW)
    return completed_job(container.database, web.connection.id, record, title="Customer Nordlys").id


def test_a_customer_is_linked_to_another_number_and_logged(web: Web, container: Container) -> None:
    job_id = linked(web, container)
    person = web.as_(Role.OPERATOR)
    assert "Relink" in person.get(f"/records/{job_id}").text
    answer = person.post(f"/records/{job_id}/link", number=" 10300 ")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/records/{job_id}")
    assert answers(container, job_id) == "10300"
    assert links.find(container.database, web.connection.id, Record(EntityType.CUSTOMER, "8")) is None
    assert messages(container) == [("sync_customers", web.connection.id)]
    assert "unlinked from number 10234 in 24SevenOffice" in person.get("/audit-log").text


@pytest.mark.parametrize(
    ("number", "message"),
    [("A-1", "Invalid customer number."), ("10235", "That customer is linked to another record in Moment.")],
)
def test_a_number_that_cannot_be_linked_changes_nothing(
    web: Web, container: Container, number: str, message: str
) -> None:
    job_id = linked(web, container)
    other = Record(EntityType.CUSTOMER, "9")
    links.save(container.database, web.connection.id, other, Link("10235"), now=NOW)
    person = web.as_(Role.OPERATOR)
    answer = person.post(f"/records/{job_id}/link", number=number)
    assert message in person.get(answer.headers["Location"]).text
    assert links.find(container.database, web.connection.id, Record(EntityType.CUSTOMER, "8")) == Link("10234")
    assert messages(container) == []


def test_only_the_companys_operators_end_a_link(web: Web, container: Container) -> None:
    job_id = linked(web, container)
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    assert web.as_(Role.OPERATOR, connections=[other.id]).post(f"/records/{job_id}/link").status_code == 404
    viewer = web.as_(Role.VIEWER)
    assert "Relink" not in viewer.get(f"/records/{job_id}").text
    assert viewer.post(f"/records/{job_id}/link").status_code == 404
    forged = web.as_(Role.OPERATOR).post(f"/records/{job_id}/link", csrf="")
    assert forged.status_code == 403
    assert links.find(container.database, web.connection.id, Record(EntityType.CUSTOMER, "8")) == Link("10234")


def test_a_customer_that_24sevenoffice_lost_can_only_be_created_again(web: Web, container: Container) -> None:
    job_id = add_question(web, container, EntityType.CUSTOMER, Candidate("10234", "Nordlys", note="gone"))
    page = web.as_(Role.OPERATOR).get(f"/records/{job_id}")
    assert "no longer exists" in page.text
    assert choices_on(page.text, job_id) == ["new"]


def test_a_retried_record_shows_its_old_error_as_its_last_result(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    labels = ("<dt>Reason</dt>", "<dt>Last result</dt>", "<dt>What to do</dt>", "<dt>Error code</dt>")
    container.database.execute(update(SyncJobRow).values(message="Two customers match.", remedy="Choose one."))
    page = person.get(f"/records/{job_id}").text
    assert [each in page for each in labels] == [True, False, True, True]
    person.post(f"/records/{job_id}/answer", choice="10235")
    page = person.get(f"/records/{job_id}").text
    assert [each in page for each in labels] == [False, True, False, False]
    assert "Two customers match." in page


def test_a_record_without_a_match_is_not_matched_yet_and_has_no_link_to_correct(
    web: Web, container: Container
) -> None:
    page = web.as_(Role.OPERATOR).get(f"/records/{add_question(web, container)}").text
    assert "<dt>24SevenOffice</dt>\n      <dd>Not matched yet</dd>" in page
    assert "Relink" not in page


def test_the_changing_parts_of_a_record_refresh_but_not_its_note_form(web: Web, container: Container) -> None:
    job_id = add_question(web, container)
    person = web.as_(Role.OPERATOR)
    assert "data-refreshes" not in person.get(f"/records/{job_id}").text
    person.post(f"/records/{job_id}/answer", choice="10235")
    tree = lxml.html.document_fromstring(person.get(f"/records/{job_id}").content)
    parts = {part.get("id"): part for part in tree.xpath("//*[@data-refreshes]")}
    assert list(parts) == ["now", "history"]
    assert parts["history"].xpath(".//ol[@class='timeline']")
    assert not any(part.xpath(".//textarea") for part in parts.values())
