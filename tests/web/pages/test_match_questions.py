import pytest

from models.admin import job_actions, match_questions
from models.admin.match_questions import Candidate
from models.enums import EntityType, JobState, Role
from tests.installation import messages
from tests.web.conftest import Web
from tests.web.form_filling import forms_to
from tests.web.match_questions import asked
from worker.container import Container


def answers(container: Container, job_id: int) -> str:
    return match_questions.answers(container.database, [job_id]).get(job_id, "")


def test_the_page_of_a_customer_offers_the_candidates_and_a_new_one(web: Web, container: Container) -> None:
    job_id = asked(web, container)
    page = web.as_(Role.OPERATOR).get(f"/records/{job_id}")
    for told in (
        "10234",
        "Nordlys Oslo",
        "923609016",
        "oslo@nordlys.example",
        "Nordlys &lt;Bergen&gt;",
        "not in use",
    ):
        assert told in page.text
    assert forms_to(page, f"/records/{job_id}/answer") == ["10234", "10235", "new"]


def test_an_answer_is_taken_and_the_worker_told(web: Web, container: Container) -> None:
    job_id = asked(web, container)
    person = web.as_(Role.OPERATOR)
    answer = person.post(f"/records/{job_id}/answer", choice="10235")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/records/{job_id}?done=retry-1")
    assert answers(container, job_id) == "10235"
    assert messages(container) == [("sync_customers", web.connection.id)]
    page = person.get(answer.headers["Location"]).text
    assert "This is Customer 10235 in 24SevenOffice: It" in page
    assert "Which one is it" not in page
    job = job_actions.show(container.database, job_id)
    assert job
    assert job.state is JobState.QUEUED


@pytest.mark.parametrize("choice", ["10001", "", "new; drop table", "٣"])
def test_what_is_not_offered_changes_nothing(web: Web, container: Container, choice: str) -> None:
    job_id = asked(web, container)
    answer = web.as_(Role.OPERATOR).post(f"/records/{job_id}/answer", choice=choice)
    assert answer.headers["Location"].endswith("done=retry-0")
    assert (answers(container, job_id), messages(container)) == ("", [])


def test_a_project_cannot_be_a_new_one_under_a_number_that_is_taken(web: Web, container: Container) -> None:
    job_id = asked(web, container, EntityType.PROJECT, Candidate("17", "Brannstasjonen", customer_number="10234"))
    person = web.as_(Role.OPERATOR)
    assert forms_to(person.get(f"/records/{job_id}"), f"/records/{job_id}/answer") == ["17"]
    person.post(f"/records/{job_id}/answer", choice="new")
    assert answers(container, job_id) == ""


def test_who_only_looks_sees_the_candidates_without_a_choice(web: Web, container: Container) -> None:
    job_id = asked(web, container)
    page = web.as_(Role.VIEWER).get(f"/records/{job_id}")
    assert "Nordlys Oslo" in page.text
    assert forms_to(page, f"/records/{job_id}/answer") == []
