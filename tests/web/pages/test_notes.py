import pytest

from models.admin import notes
from models.admin.erasure import erase_connection
from models.enums import Role
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from tests.web.api.program import Tokens
from tests.web.conftest import Web
from worker.container import Container


def test_a_note_is_saved_once_and_shown_to_viewers_with_author_and_time(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    person = web.as_(Role.OPERATOR)
    response = person.post(f"/records/{job_id}/notes", note=" Asked Kari.\r\nShe <calls> on Monday. ")
    assert (response.status_code, response.headers["Location"]) == (303, f"/records/{job_id}#notes")
    person.post(f"/records/{job_id}/notes", note="Second")
    (second, first) = notes.of_job(container.database, job_id)
    assert (first.text, second.text) == ("Asked Kari.\nShe <calls> on Monday.", "Second")
    assert first.actor.startswith("operator-")
    viewer = web.as_(Role.VIEWER)
    page = viewer.get(f"/records/{job_id}").text
    assert "She &lt;calls&gt; on Monday." in page
    assert page.index("Second") < page.index("Asked Kari.")
    assert f"/records/{job_id}/notes" not in page
    assert "Added a note: Invoice 1024" in person.get("/audit-log").text
    assert "Asked Kari" not in person.get("/audit-log").text
    assert f'href="/records/{job_id}#notes"' in viewer.get("/records").text


def test_a_list_marks_only_records_with_a_note(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    assert f'href="/records/{job_id}#notes"' not in web.as_(Role.VIEWER).get("/records").text


@pytest.mark.parametrize(
    ("note", "message"), [(" \r\n ", "Write a note first."), ("x" * 1001, "A note has at most 1000 characters.")]
)
def test_an_invalid_note_is_refused_and_stays_in_the_form(
    web: Web, container: Container, note: str, message: str
) -> None:
    job_id = add_failed_job(container, web.connection)
    response = web.as_(Role.OPERATOR).post(f"/records/{job_id}/notes", note=note)
    assert response.status_code == 422
    assert message in response.text
    assert note.strip() in response.text
    assert notes.of_job(container.database, job_id) == []


def test_the_number_of_notes_on_a_record_is_limited(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = add_failed_job(container, web.connection)
    monkeypatch.setattr(notes, "MAX_NOTES", 1)
    person = web.as_(Role.OPERATOR)
    person.post(f"/records/{job_id}/notes", note="One")
    assert "which is the maximum" in person.post(f"/records/{job_id}/notes", note="Two").text
    assert [each.text for each in notes.of_job(container.database, job_id)] == ["One"]


def test_only_the_companys_operators_write_notes(web: Web, container: Container) -> None:
    other, _ = container.connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    job_id = add_failed_job(container, web.connection)
    assert web.as_(Role.VIEWER).post(f"/records/{job_id}/notes", note="x").status_code == 404
    assert (
        web.as_(Role.OPERATOR, connections=[other.id]).post(f"/records/{job_id}/notes", note="x").status_code
        == 404
    )
    assert notes.of_job(container.database, job_id) == []


def test_a_program_writes_and_reads_notes(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    program = Tokens(container).program(web.url)
    response = program.post(f"/jobs/{job_id}/notes", {"text": "Paid by card.\nSee mail."})
    assert (response.status_code, response.json()["text"]) == (201, "Paid by card.\nSee mail.")
    assert program.get(f"/jobs/{job_id}").json()["notes"] == [response.json()]
    for wrong in ("", " ", "x" * 1001, "a\0b"):
        assert program.post(f"/jobs/{job_id}/notes", {"text": wrong}).status_code == 422


def test_a_note_is_erased_with_its_record(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    notes.add(container.database, job_id, "Call Kari Nordmann", actor="kari@example.com", now=NOW)
    container.connections.pause(web.connection.id, "", actor="test", now=NOW)
    erase_connection(container.database, web.connection.id, actor="test", now=NOW)
    assert notes.of_job(container.database, job_id) == []
