from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models import changes, questions
from models.questions import Candidate
from models.words import Kind, Role, State
from tests.installation import messages
from tests.web.asking import asked
from tests.web.filling import forms_to

if TYPE_CHECKING:
    from tests.web.conftest import Web
    from worker.wiring import Bridge


def answers(bridge: Bridge, change_id: int) -> str:
    return questions.answers(bridge.database, [change_id]).get(change_id, "")


def test_the_page_of_a_customer_offers_the_candidates_and_a_new_one(web: Web, bridge: Bridge) -> None:
    change_id = asked(web, bridge)
    page = web.as_(Role.OPERATOR).get(f"/changes/{change_id}")
    for told in (
        "10234",
        "Nordlys Oslo",
        "923609016",
        "oslo@nordlys.example",
        "Nordlys &lt;Bergen&gt;",
        "not in use",
    ):
        assert told in page.text
    assert forms_to(page, f"/changes/{change_id}/answer") == ["10234", "10235", "new"]


def test_an_answer_is_taken_and_the_worker_told(web: Web, bridge: Bridge) -> None:
    change_id = asked(web, bridge)
    person = web.as_(Role.OPERATOR)
    answer = person.post(f"/changes/{change_id}/answer", choice="10235")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/changes/{change_id}?done=retry-1")
    assert answers(bridge, change_id) == "10235"
    assert messages(bridge) == [("sync_customers", web.connection.id)]
    page = person.get(answer.headers["Location"]).text
    assert "This is Customer 10235 in 24SevenOffice: It" in page
    assert "Which one is it" not in page
    change = changes.show(bridge.database, change_id)
    assert change
    assert change.state is State.WAITING


@pytest.mark.parametrize("choice", ["10001", "", "new; drop table", "٣"])
def test_what_is_not_offered_changes_nothing(web: Web, bridge: Bridge, choice: str) -> None:
    change_id = asked(web, bridge)
    answer = web.as_(Role.OPERATOR).post(f"/changes/{change_id}/answer", choice=choice)
    assert answer.headers["Location"].endswith("done=retry-0")
    assert (answers(bridge, change_id), messages(bridge)) == ("", [])


def test_a_project_cannot_be_a_new_one_under_a_number_that_is_taken(web: Web, bridge: Bridge) -> None:
    change_id = asked(web, bridge, Kind.PROJECT, Candidate("17", "Brannstasjonen", customer_number="10234"))
    person = web.as_(Role.OPERATOR)
    assert forms_to(person.get(f"/changes/{change_id}"), f"/changes/{change_id}/answer") == ["17"]
    person.post(f"/changes/{change_id}/answer", choice="new")
    assert answers(bridge, change_id) == ""


def test_who_only_looks_sees_the_candidates_without_a_choice(web: Web, bridge: Bridge) -> None:
    change_id = asked(web, bridge)
    page = web.as_(Role.VIEWER).get(f"/changes/{change_id}")
    assert "Nordlys Oslo" in page.text
    assert forms_to(page, f"/changes/{change_id}/answer") == []
