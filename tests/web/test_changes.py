from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from language.catalogue import Language
from models import links
from models.links import Link
from models.words import Kind, Record, Role
from sync.exchanges import Exchange
from tests.factories import NOW, settings
from tests.installation import stuck
from tests.models.lanes import settled
from worker.wiring import clock

if TYPE_CHECKING:
    from models.connections import Connection
    from tests.web.conftest import Web
    from worker.wiring import Bridge

LISTS = ("/", "/changes", "/expenses", "/mails", "/audit")
HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def other(bridge: Bridge) -> Connection:
    """Another customer, whom not everybody may see."""
    connection, _ = bridge.connections.add("Fjord AS", settings(), who="test", now=NOW)
    stuck(bridge, connection, title="Invoice 4711")
    return connection


def test_a_change_tells_all_that_is_known_of_it(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    page = web.as_(Role.VIEWER).get(f"/changes/{change_id}").text
    for words in ("Invoice 1024", "Demo AS", "needs a person", "The account 3999 is unknown.", "Open the account"):
        assert words in page
    assert 'href="https://app.moment.team/companies/1001/invoices/9"' in page
    assert "not there yet" in page
    assert "books@example.com" in page


def test_a_change_that_came_across_names_its_voucher(web: Web, bridge: Bridge) -> None:
    record = Record(Kind.INVOICE, "9")
    links.save(bridge.database, web.connection.id, record, Link("2026/40017"), now=NOW)
    change = settled(bridge.database, web.connection.id, record)
    assert "Voucher 40017 of 2026" in web.as_(Role.VIEWER).get(f"/changes/{change.id}").text


def test_an_expense_names_its_voucher_and_each_expense_that_it_became(web: Web, bridge: Bridge) -> None:
    for expense in ("501", "502"):
        key = Link(f"2026-4-40001/{expense}/4300")
        links.save(bridge.database, web.connection.id, Record(Kind.EXPENSE, expense), key, now=NOW)
    change = settled(bridge.database, web.connection.id, Record(Kind.EXPENSE, "2026-4-40001"))
    page = web.as_(Role.VIEWER).get(f"/changes/{change.id}").text
    assert "Voucher 40001 of 2026" in page
    for expense in ("501", "502"):
        assert f'href="https://app.moment.team/companies/1001/projectExpenses/{expense}"' in page


def test_what_was_said_to_both_systems_is_laid_out_as_text(web: Web, bridge: Bridge) -> None:
    said = Exchange("GET invoices/9", "", f'{{"name": "{HOSTILE}", "amount": 1250.00}}')
    sent = Exchange("SaveBundleList", f"<Bundle><Name>{HOSTILE}</Name></Bundle>", "")
    change = settled(bridge.database, web.connection.id, title=HOSTILE, message=HOSTILE, exchanges=(said, sent))
    for path in (f"/changes/{change.id}", "/changes", "/expenses"):
        page = web.as_(Role.OPERATOR).get(path).text
        assert "<script>" not in page
    page = web.as_(Role.OPERATOR).get(f"/changes/{change.id}").text
    assert "<summary>GET invoices/9</summary>" in page
    assert "&#34;amount&#34;: 1250.00" in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page


def test_changes_are_filtered_and_the_filter_survives_paging(web: Web, bridge: Bridge) -> None:
    for n in range(60):
        settled(bridge.database, web.connection.id, Record(Kind.INVOICE, str(n)), title=f"Invoice {n}", at=NOW)
    settled(bridge.database, web.connection.id, Record(Kind.CUSTOMER, "7"), title="Customer Nordlys", at=clock())
    person = web.as_(Role.VIEWER)
    page = person.get("/changes", kind="invoice", text="invoice").text
    assert "Customer Nordlys" not in page
    (older,) = [line for line in page.splitlines() if 'rel="next"' in line]
    address = older.split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert "kind=invoice&text=invoice&page=o" in address
    further = person.get(address).text
    assert further.count('data-label="Record"') == 10
    assert "Customer Nordlys" not in further


@pytest.mark.parametrize(
    "query",
    [
        "state=no&kind=no&reason=no",
        "page=x",
        "company=%00",
        "text=%F0%9F%98%80%27%00",
        "done=retry-x",
        "page=o1-1",
    ],
)
def test_an_address_that_makes_no_sense_asks_for_nothing(web: Web, bridge: Bridge, query: str) -> None:
    stuck(bridge, web.connection)
    for path in LISTS:
        assert web.as_(Role.OPERATOR).get(f"{path}?{query}").status_code == 200


def test_nobody_sees_anything_of_another_customer(web: Web, bridge: Bridge, other: Connection) -> None:
    change_id = stuck(bridge, web.connection)
    theirs = web.as_(Role.OPERATOR, connections=[other.id])
    assert theirs.get(f"/changes/{change_id}").status_code == 404
    for path in (*LISTS, "/changes?text=1024", "/changes?company=Demo", "/audit?company=Demo"):
        page = theirs.get(path).text
        assert "Demo AS" not in page
        assert "Invoice 1024" not in page
    assert "Invoice 4711" in theirs.get("/changes").text
    assert "Invoice 4711" in theirs.get("/mails").text


def test_a_viewer_has_no_buttons(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    viewer = web.as_(Role.VIEWER)
    for path in ("/changes", "/expenses", f"/changes/{change_id}"):
        page = viewer.get(path).text
        assert 'name="action"' not in page
        assert 'type="checkbox"' not in page
    confirm = viewer.get("/changes/confirm", action="retry", change=str(change_id))
    assert (
        confirm.status_code
        == viewer.post("/changes/act", action="retry", change=str(change_id)).status_code
        == 404
    )


def test_the_pages_speak_the_readers_language(web: Web, bridge: Bridge) -> None:
    change_id = stuck(bridge, web.connection)
    for language, time in ((Language.ENGLISH, "Oslo time"), (Language.NORWEGIAN, "nb")):
        page = web.as_(Role.OPERATOR, language=language).get(f"/changes/{change_id}").text
        assert f'<html lang="{language}">' in page
        assert time in page


def test_expenses_are_listed_by_what_became_of_them(web: Web, bridge: Bridge) -> None:
    database, connection_id = bridge.database, web.connection.id
    settled(database, connection_id, Record(Kind.EXPENSE, "2026-4-1"), title="Voucher 1", message="Brought.")
    left: dict[str, Any] = {"outcome": "skipped", "reason": "no_project", "message": "The cost is on no project."}
    settled(database, connection_id, Record(Kind.EXPENSE, "2026-4-2"), title="Voucher 2", **left)
    settled(database, connection_id, Record(Kind.INVOICE, "3"), title="Invoice 3")
    person = web.as_(Role.VIEWER)
    everything = person.get("/expenses").text
    assert "Voucher 1" in everything
    assert "Voucher 2" in everything
    assert "Invoice 3" not in everything
    skipped = person.get("/expenses", outcome="skipped", reason="no_project").text
    assert "Voucher 1" not in skipped
    assert "The cost is on no project." in skipped
