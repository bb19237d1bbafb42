from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models import changes
from models.words import Kind, Record, Role, State
from tests.factories import NOW, settings
from tests.installation import messages, stuck
from tests.models.lanes import settled

if TYPE_CHECKING:
    from models.listing import ChangeView
    from tests.web.conftest import Web
    from worker.wiring import Bridge


def see(bridge: Bridge, change_id: int) -> ChangeView:
    found = changes.show(bridge.database, change_id)
    assert found
    return found


def test_a_change_that_is_tried_again_is_due_and_the_worker_is_told(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    person = web.as_(Role.OPERATOR)
    fields = {"action": "retry", "change": str(change_id), "from": "change"}
    answer = person.post("/changes/act", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/changes/{change_id}?done=retry-1")
    assert see(bridge, change_id).state is State.WAITING
    assert messages(bridge) == [("sync_invoices", web.connection.id)]
    page = person.get(answer.headers["Location"]).text
    assert "1 change is tried again now." in page
    assert "Try again: Invoice 1024" in page


@pytest.mark.parametrize(("action", "said"), [("handled", "Handled by hand"), ("unwanted", "Do not transfer")])
def test_a_change_is_closed_after_a_question_and_opened_again_by_one_press(
    web: Web, bridge: Bridge, action: str, said: str
) -> None:
    change_id = stuck(bridge, web.connection)
    person = web.as_(Role.OPERATOR)
    question = person.get("/changes/confirm", action=action, change=str(change_id)).text
    assert "1 change is closed" in question
    assert "Invoice 1024" in question
    assert see(bridge, change_id).state is State.STUCK
    answer = person.post("/changes/act", action=action, change=str(change_id))
    closed = see(bridge, change_id)
    assert (closed.state, closed.closed_because.partition(" (")[0]) == (State.CLOSED, said)
    undo = person.get(answer.headers["Location"]).text
    closed_at = undo.split('name="closed_at" value="')[1].split('"')[0]
    assert person.post("/changes/act", action="reopen", closed_at=closed_at).status_code == 303
    assert see(bridge, change_id).state is State.STUCK


def test_all_that_match_a_filter_are_counted_named_and_then_done(web: Web, bridge: Bridge) -> None:
    wrong = [stuck(bridge, web.connection, record_id=str(n), title=f"Invoice {n}") for n in range(25)]
    fine = settled(
        bridge.database, web.connection.id, Record(Kind.CUSTOMER, "7"), state=State.STUCK, title="Customer"
    )
    person = web.as_(Role.OPERATOR)
    filter_ = {"all": "yes", "state": "stuck", "reason": "", "kind": "invoice", "from": "changes"}
    question = person.get("/changes/confirm", action="unwanted", **filter_).text
    assert "25 changes are closed and not transferred" in question
    assert "and 5 more" in question
    until = question.split('name="until" value="')[1].split('"')[0]
    late = stuck(bridge, web.connection, record_id="late")
    answer = person.post("/changes/act", action="unwanted", until=until, **filter_)
    assert {see(bridge, each).state for each in wrong} == {State.CLOSED}
    assert see(bridge, fine.id).state is see(bridge, late).state is State.STUCK
    assert answer.headers["Location"].startswith("/changes?state=stuck&kind=invoice&done=unwanted-25-")


def test_no_filter_lets_what_is_done_or_closed_be_tried_again_by_the_million(web: Web, bridge: Bridge) -> None:
    done = settled(bridge.database, web.connection.id, Record(Kind.INVOICE, "1"))
    person = web.as_(Role.OPERATOR)
    for state in ("settled", "working"):
        answer = person.post("/changes/act", action="retry", all="yes", state=state)
        assert answer.headers["Location"].endswith("done=retry-0")
    assert "Nothing is chosen" in person.get("/changes/confirm", action="retry", all="yes", state="settled").text
    assert see(bridge, done.id).state is State.SETTLED


def test_what_is_ticked_and_not_ours_stays_as_it_is(web: Web, bridge: Bridge) -> None:
    other, _ = bridge.connections.add("Fjord AS", settings(), who="test", now=NOW)
    change_id = stuck(bridge, web.connection)
    theirs = web.as_(Role.OPERATOR, connections=[other.id])
    for fields in ({"change": str(change_id)}, {"all": "yes"}, {"all": "yes", "company": "Demo AS"}):
        assert "Invoice" not in theirs.get("/changes/confirm", action="handled", **fields).text.split("<main")[1]
        assert (
            theirs.post("/changes/act", action="handled", **fields).headers["Location"].partition("handled-0")[1]
        )
    assert see(bridge, change_id).state is State.STUCK


def test_what_nobody_offers_is_not_done(web: Web, bridge: Bridge) -> None:
    change_id = str(stuck(bridge, web.connection))
    person = web.as_(Role.OPERATOR)
    assert person.post("/changes/act", action="delete", change=change_id).status_code == 400
    assert person.post("/changes/act", change=change_id).status_code == 400
    assert person.get("/changes/confirm", change=change_id).status_code == 400
    assert person.post("/changes/act", action="retry", change=["x", "-1", "9" * 30]).status_code == 303
    forged = person.post("/changes/act", action="retry", change=change_id, csrf="")
    assert forged.status_code == 403
    assert see(bridge, int(change_id)).state is State.STUCK


def test_the_way_back_leads_nowhere_else(web: Web) -> None:
    fields = {"action": "retry", "from": "https://evil.example", "text": "//evil"}
    answer = web.as_(Role.OPERATOR).post("/changes/act", **fields)
    assert answer.headers["Location"] == "/changes?text=%2F%2Fevil&done=retry-0"
