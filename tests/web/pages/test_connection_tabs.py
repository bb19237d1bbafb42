"""The tabs of a connection: those that each role sees, and the redirects of old URLs."""

import re
from typing import Any

import lxml.html
import pytest

from i18n.catalog import Language
from models.admin.operations import OperationType
from models.enums import EntityType, Record, Role
from models.inbox.enqueue import enqueue
from sync.diagnostics.findings import CheckStatus, Finding
from tests.installation import add_failed_job
from tests.models.completed_jobs import completed_job
from tests.web.conftest import Person, Web
from worker.container import Container, clock

READER = ["Overview", "Reconciliation", "History"]
TABS = {
    Role.VIEWER: READER,
    Role.OPERATOR: ["Overview", "Test", *READER[1:]],
    Role.ADMINISTRATOR: ["Overview", "Settings", "Webhooks", "Test", *READER[1:]],
}


def tabs(person: Person, address: str) -> dict[str, str]:
    """Return the URLs of a page's tabs by name, with the open one marked."""
    page = person.get(address)
    assert page.status_code == 200, address
    links = lxml.html.document_fromstring(page.content).xpath("//nav[@class='tabs']/a")
    return {link.text + (" *" if link.get("aria-current") == "page" else ""): link.get("href") for link in links}


@pytest.mark.parametrize("role", Role)
def test_each_tab_has_its_own_url_and_is_marked_when_open(web: Web, role: Role) -> None:
    person = web.as_(role, connections=[web.connection.id])
    overview = f"/connections/{web.connection.id}"
    found = tabs(person, overview)
    assert [name.removesuffix(" *") for name in found] == TABS[role]
    for address in found.values():
        assert [where for name, where in tabs(person, address).items() if name.endswith(" *")] == [address]
    for name in set(TABS[Role.ADMINISTRATOR]) - set(TABS[role]):
        assert person.get(f"{overview}/{name.lower()}").status_code == 404


@pytest.mark.parametrize(("query", "tab"), [("operation=7", "settings"), ("page=older:x", "reconciliation")])
def test_urls_from_before_the_tabs_lead_to_the_right_tab(web: Web, query: str, tab: str) -> None:
    address = f"/connections/{web.connection.id}"
    name, _, value = query.partition("=")
    led = web.as_(Role.ADMINISTRATOR).get(address, **{name: value})
    assert led.status_code == 303
    assert led.headers["Location"].startswith(f"{address}/{tab}?{name}=")
    assert web.as_(Role.ADMINISTRATOR).get(led.headers["Location"]).status_code == 200


def test_the_history_shows_what_people_and_workers_have_done(web: Web, container: Container) -> None:
    kari, viewer = web.as_(Role.OPERATOR), web.as_(Role.VIEWER, language=Language.NORWEGIAN)
    address = f"/connections/{web.connection.id}"
    tested = kari.post(f"{address}/test").headers["Location"]
    kari.post(f"{address}/pause", because="Year end.")
    saving = container.operations.request(
        OperationType.SAVING, web.connection.id, input_={"version": "1"}, actor="anna", now=clock()
    )
    history = kari.get(f"{address}/history").text
    assert f'<a href="{tested}">Connection test</a>' in history
    assert "Paused: Year end." in history
    assert f"/operations/{saving}" not in history  # another user's input
    assert tested not in viewer.get(f"{address}/history").text  # viewers may not open it
    assert "Test av tilkoblingen" in viewer.get(f"{address}/history").text


def finding(status: CheckStatus) -> dict[str, Any]:
    return Finding(check="x", status=status, message="Checked.").as_json()


ASKED = {"first": "2026-10-01", "last": "2026-10-31", "entity_types": "", "dry_run": "yes", "create": ""}
"""The input of a backfill or an initial matching."""


@pytest.mark.parametrize(
    ("type_", "result", "status"),
    [
        (OperationType.DIAGNOSTICS, {"findings": [finding(CheckStatus.BAD)] * 2}, "2 errors"),
        (OperationType.DIAGNOSTICS, {"findings": [finding(CheckStatus.GOOD)]}, "No errors"),
        (OperationType.VERIFICATION, {"findings": [finding(CheckStatus.BAD)]}, "1 error"),
        (OperationType.SAVING, {"findings": [], "diagnostics": 7}, "Saved"),
        (OperationType.SAVING, {"findings": [finding(CheckStatus.BAD)]}, "Not saved"),
        (OperationType.BACKFILL, {"findings": [], "backfill": []}, "Finished"),
        (OperationType.BACKFILL, {"findings": [finding(CheckStatus.BAD)]}, "1 error"),
        (OperationType.RECONCILIATION, {"findings": [finding(CheckStatus.BAD)]}, "Not reconciled"),
    ],
)
def test_the_history_shows_the_result_of_an_operation(
    web: Web, container: Container, type_: OperationType, result: dict[str, Any], status: str
) -> None:
    number = container.operations.request(type_, web.connection.id, input_=ASKED, actor="kari", now=clock())
    container.operations.complete(number, result, now=clock())
    history = web.as_(Role.OPERATOR).get(f"/connections/{web.connection.id}/history").text
    assert re.findall(r'data-label="Status">(.*?)</td>', history) == [status]


@pytest.mark.parametrize(
    ("type_", "tab"),
    [
        (OperationType.DIAGNOSTICS, "/test"),
        (OperationType.SAVING, "/settings"),
        (OperationType.RECONCILIATION, "/reconciliation"),
        (OperationType.INITIAL_MATCHING, ""),
        (OperationType.BACKFILL_PREVIEW, ""),
    ],
)
def test_the_page_of_an_operation_has_the_tabs_of_its_connection(
    web: Web, container: Container, type_: OperationType, tab: str
) -> None:
    address, kari = f"/connections/{web.connection.id}", web.as_(Role.ADMINISTRATOR)
    mine = kari.get("/account").text
    actor = re.findall(r"administrator-\d+@example\.com", mine)[0]
    number = container.operations.request(type_, web.connection.id, input_=ASKED, actor=actor, now=clock())
    found = tabs(kari, f"/operations/{number}")
    assert [name.removesuffix(" *") for name in found] == TABS[Role.ADMINISTRATOR]
    assert [where for name, where in found.items() if name.endswith(" *")] == [f"{address}{tab}"]


@pytest.mark.parametrize(
    ("path", "title"),
    [("matching", "Existing customers and projects – Demo AS"), ("backfill", "Earlier records – Demo AS")],
)
def test_the_onboarding_pages_have_their_own_titles(web: Web, path: str, title: str) -> None:
    page = web.as_(Role.OPERATOR).get(f"/connections/{web.connection.id}/{path}").text
    assert f"<title>{title} –" in page


def test_the_overview_counts_the_records_and_says_when_one_was_synced_and_the_key_ends(
    web: Web, container: Container
) -> None:
    completed_job(container.database, web.connection.id, Record(EntityType.INVOICE, "1"), at=clock())
    add_failed_job(container, web.connection, record_id="2")
    enqueue(container.database, web.connection.id, [Record(EntityType.INVOICE, "3")], now=clock())
    key_saved_at = container.connections.get(web.connection.id).api_key_saved_at
    assert key_saved_at
    page = web.as_(Role.VIEWER).get(f"/connections/{web.connection.id}")
    tree = lxml.html.document_fromstring(page.content)
    facts = {dt.text_content(): dt.getnext() for dt in tree.xpath("//dl[@class='facts']/dt")}
    for label, state in (("Records to follow up", "needs_attention"), ("Pending", "pending")):
        (link,) = facts[label].xpath("a")
        assert (link.text, link.get("href")) == ("1", f"/records?state={state}&company=Demo+AS")
    assert facts["Last sync"].xpath("time")
    assert facts["API key expires by"].xpath("time")
