"""A connection is set up step by step; the systems are the sandbox, and this process is also the worker."""

from typing import Any

import lxml.html
import pytest
import requests

from models.admin.operations import OperationType
from models.enums import EntityType, Lane, Role, Scope
from models.inbox import links, webhook_intake
from tests.factories import settings
from tests.installation import environment
from tests.sandbox.serving import Systems
from tests.web.conftest import Person, Web
from tests.web.form_filling import fill_in, form_of, summary_of
from tests.web.operations import run_queued_operations
from worker.container import Container, clock

NEW = {
    "name": "Fjord Prosjekt AS",
    "moment_company": "1001",
    "moment_api_key": "moment-demo-key",
    "username": "many@example.com",
    "password": "many-password",
}


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: Systems) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


def to_do(page: requests.Response) -> list[str]:
    """Return the steps that are not done."""
    steps = lxml.html.document_fromstring(page.content).xpath("//ol[@class='steps']/li")
    return [step.xpath("string(div/a)") for step in steps if "To do" in step.text_content()]


def test_each_step_is_ticked_from_the_database(web: Web, administrator: Person, container: Container) -> None:
    container.erase_connection(web.connection, actor="test")
    assert '<a class="button" href="/connections/new">Connect a company</a>' in administrator.get("/").text
    address = fill_in(administrator, "/connections/new", **NEW).headers["Location"]
    waits = administrator.get(address)
    assert f'data-awaits="{address}"' in waits.text
    assert "Connection added. Nothing is synced until you start it." in waits.text
    run_queued_operations(container)
    page = administrator.get(address)
    rest = ["Existing customers and projects", "Webhook URL", "Test"]
    assert to_do(page) == ["24SevenOffice client", "Accounts, VAT and alerts", *rest]
    assert "none is selected" in page.text
    number = int(address.rpartition("/")[2])
    (tested,) = container.operations.page(Scope(), types=[OperationType.DIAGNOSTICS], size=1).lines
    fjord = next(each["id"] for each in (tested.result or {})["clients"] if each["name"] == "Fjord Prosjekt AS")
    saved = fill_in(administrator, f"{address}/settings", identity_id=fjord, error_emails="kari@example.com")
    assert saved.headers["Location"] == address
    run_queued_operations(container)
    assert to_do(administrator.get(address)) == rest[:2]
    administrator.post(f"{address}/token")
    assert to_do(administrator.get(address)) == rest[:1]
    assert "Generated; nothing received yet" in administrator.get(address).text
    preview = administrator.post(f"{address}/matching", action="preview").headers["Location"]
    run_queued_operations(container)
    assert "Nothing has been changed yet." in administrator.get(preview).text
    assert to_do(administrator.get(address)) == rest[:1]
    administrator.post(f"{address}/matching", action="match")
    run_queued_operations(container)
    assert to_do(administrator.get(address)) == []
    assert '<button class="button">Start</button>' in administrator.get(address).text
    webhook_intake.record_activity(container.database, Lane(number, EntityType.INVOICE), now=clock())
    assert "Generated; nothing received yet" not in administrator.get(address).text
    assert administrator.post(f"{address}/resume").status_code == 303
    assert to_do(administrator.get(address)) == []
    assert "Set up this connection" not in administrator.get(address).text
    assert container.connections.get(number).paused_because == ""


def test_existing_records_are_previewed_and_then_matched(web: Web, container: Container, systems: Systems) -> None:
    number = "923609016"
    systems.control("twentyfour", "POST", "books/1/customers", {"name": "Havn AS", "organization_number": number})
    path, customer = "api/1.0/companies/1001/customers", {"name": "Havn AS", "organizationNumber": number}
    systems.control("moment", "POST", path, customer)
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/matching"
    preview = operator.post(address, action="preview").headers["Location"]
    assert f'data-awaits="{preview}"' in operator.get(preview).text
    run_queued_operations(container)
    page = operator.get(preview)
    assert links.find_latest(container.database, web.connection.id, EntityType.CUSTOMER) is None
    assert [button.get("value") for button in form_of(page, address).iter("button")] == ["match"]
    done = operator.post(address, action="match", create="yes").headers["Location"]
    run_queued_operations(container)
    assert "Matched: 1." in operator.get(done).text
    history = operator.get(f"/connections/{web.connection.id}/history").text
    assert history.count("Started an initial matching that also syncs new records") == 1
    assert history.count("Started") == 1
    assert f'href="{done}"' in operator.get(address).text
    assert web.as_(Role.VIEWER).get(done).status_code == 404
    assert web.as_(Role.VIEWER).post(address, action="match").status_code == 404


def test_an_operation_is_cancelled_on_its_page_and_logged(web: Web, container: Container) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}"
    place = operator.post(f"{address}/matching", action="match").headers["Location"]
    assert operator.post(f"{place}/cancel").headers["Location"] == place
    run_queued_operations(container)
    assert "Cancelled. What was done before that stays." in operator.get(place).text
    assert operator.post(f"{place}/cancel").status_code == 303
    number = place.rpartition("/")[2]
    assert f"Cancelled: Initial matching (no. {number})" in operator.get(f"{address}/history").text
    for kind, days in (("matching", {}), ("backfill", {"first": "2026-01-01", "last": "2026-01-31"})):
        preview = fill_in(operator, f"{address}/{kind}", action="preview", **days).headers["Location"]
        operator.post(f"{preview}/cancel")
        assert "Cancelled. Nothing was changed." in operator.get(preview).text
    tested = operator.post(f"{address}/test").headers["Location"]
    assert operator.post(f"{tested}/cancel").status_code == 404
    own, _ = container.connections.add(
        "Fjord AS", settings(moment_company="1002"), actor="test", now=clock(), started=False
    )
    assert web.as_(Role.OPERATOR, connections=[own.id]).post(f"{place}/cancel").status_code == 404


def test_earlier_records_are_previewed_and_then_synced_with_their_progress(web: Web, container: Container) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/backfill"
    days = {"first": "2026-01-01", "last": f"{clock():%Y-%m-%d}"}
    previewed = fill_in(operator, address, action="preview", **days)
    run_queued_operations(container)
    preview = operator.get(previewed.headers["Location"])
    assert "Nothing has been changed yet." in preview.text
    offered = form_of(preview, address).form_values()
    container.connections.pause(web.connection.id, "Year end.", actor="test", now=clock())
    assert "Resume or start it before you sync these records." in operator.get(previewed.headers["Location"]).text
    container.connections.resume(web.connection.id, actor="test", now=clock())
    place = operator.ask("POST", address, data=[*offered, ("action", "start")]).headers["Location"]
    number = int(place.rpartition("/")[2])
    container.operations.report_progress(number, done=20, total=50)
    running = operator.get(place).text
    assert "20 of 50 records queued" in running
    assert 'data-refreshes="15"' in running
    assert f'href="{place}">Refresh' in running
    container.operations.complete(
        number,
        {
            "findings": [],
            "backfill": [
                {"entity_type": "invoice", "records": 50, "synced": 48, "needs_attention": 2, "pending": 0}
            ],
        },
        now=clock(),
    )
    assert ">48<" in operator.get(place).text
    assert "data-refreshes" not in operator.get(place).text


@pytest.mark.parametrize(
    ("paused", "message"),
    [
        (False, "Matched: 40. Unclear: 3 – you will be asked about them."),
        (True, "Matched: 40. Unclear: 3 – you will be asked once the connection is started."),
    ],
)
def test_a_matching_counts_matched_and_uncertain_records(
    web: Web, container: Container, *, paused: bool, message: str
) -> None:
    operator, own = web.as_(Role.OPERATOR), web.connection
    if paused:
        own, _ = container.connections.add(
            "Fjord AS", settings(moment_company="1002"), actor="test", now=clock(), started=False
        )
    place = operator.post(f"/connections/{own.id}/matching", action="match").headers["Location"]
    stored = {"counts": {"link": 38, "linked": 2, "ask": 3}, "records": []}
    container.operations.complete(int(place.rpartition("/")[2]), {"findings": [], "matching": stored}, now=clock())
    assert message in operator.get(place).text


def test_a_preview_of_nothing_to_match_says_so_without_a_button(web: Web, container: Container) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/matching"
    place = operator.post(address, action="preview").headers["Location"]
    stored = {"counts": {"linked": 16}, "records": []}
    container.operations.complete(int(place.rpartition("/")[2]), {"findings": [], "matching": stored}, now=clock())
    page = operator.get(place).text
    assert "Nothing to match: all 16 are already linked." in page
    assert "Match now" not in page


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (16, "Nothing to sync: all 16 are already synced or in progress."),
        (1, "Nothing to sync: 1 record is already synced or in progress."),
        (0, "Nothing to sync: there are no records in this period."),
    ],
)
def test_a_preview_of_nothing_to_sync_says_so_without_a_button(
    web: Web, container: Container, known: int, message: str
) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/backfill"
    days = {"first": "2026-01-01", "last": "2026-01-31"}
    place = fill_in(operator, address, action="preview", **days).headers["Location"]
    stored = {"known": known, "vouchers": 0, "amount": 0, "counts": {}, "records": []}
    container.operations.complete(
        int(place.rpartition("/")[2]), {"findings": [], "backfill_preview": stored}, now=clock()
    )
    page = operator.get(place).text
    assert message in page
    assert "Sync these records" not in page


@pytest.mark.parametrize(
    ("entered", "wrong"),
    [
        ({"first": "", "last": "soon", "entity_types": []}, ["first", "last", "entity_types"]),
        ({"first": "2026-02-01", "last": "2026-01-31"}, ["last"]),
        ({"first": "0001-01-01", "last": "2026-01-31"}, ["first"]),
    ],
)
def test_all_errors_of_a_period_are_shown_at_its_fields_at_once(
    web: Web, container: Container, entered: dict[str, Any], wrong: list[str]
) -> None:
    operator, address = web.as_(Role.OPERATOR), f"/connections/{web.connection.id}/backfill"
    refused = fill_in(operator, address, action="preview", **entered)
    assert (refused.status_code, [*summary_of(refused)]) == (422, wrong)
    assert container.operations.latest(web.connection.id, OperationType.BACKFILL_PREVIEW) is None
