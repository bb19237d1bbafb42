"""The list of connections for operators of many, and their actions on some or all of them at once."""

from datetime import timedelta

import pytest
from sqlalchemy import event, update

from models.admin import audit_log, connection_actions, connection_health
from models.admin.connection_health import HealthColumn, HealthSort
from models.admin.connection_list import NO_FILTER, ConnectionFilter, ConnectionState
from models.admin.operations import OperationType
from models.connections.alert_outbox import AlertType
from models.connections.repository import API_KEY_LIFETIME, NOT_STARTED, Connection
from models.enums import EntityType, Lane, Role, Scope
from models.inbox import circuit_breaker, webhook_intake
from models.schema.tables import ConnectionRow, LaneRow
from tests.factories import settings
from tests.installation import add_failed_job, messages
from tests.models import outages
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fields_of, summary_of
from worker.container import Container, clock

DAY = timedelta(days=1)


def add(container: Container, name: str, *, started: bool = True) -> Connection:
    key = name.lower().replace(" ", "-")
    own = settings(moment_company=key)
    return container.connections.add(name, own, actor="test", now=clock(), started=started)[0]


def names(
    container: Container, *, sort: str = "name", wanted: ConnectionFilter = NO_FILTER, **more: object
) -> list[str]:
    order = HealthSort.parse(sort)
    assert order
    lines, _ = connection_health.page(
        container.database,
        Scope(),
        now=clock(),
        connection_filter=wanted,
        sort=order,
        **more,  # type: ignore[arg-type] # requests
    )
    return [each.name for each in lines]


@pytest.fixture
def three(web: Web, container: Container) -> list[Connection]:
    """One without problems, one that is idle and whose test failed, and one that has never been started."""
    well, ill = web.connection, add(container, "Berg AS")
    add(container, "Celle AS")
    now, database = clock(), container.database
    container.connections.save_test_result(well.id, failed_checks=0, at=now)
    container.connections.save_test_result(ill.id, failed_checks=2, at=now - DAY)
    add_failed_job(container, ill)
    for each, at in ((well, now), (ill, now - 8 * DAY)):
        webhook_intake.record_activity(database, Lane(each.id, EntityType.INVOICE), now=at)
    with database.transaction() as session:
        lanes = {well.id: now, ill.id: now - 8 * DAY}
        for connection_id, at in lanes.items():
            lane = Lane(connection_id, EntityType.INVOICE)
            session.merge(LaneRow(connection_id=connection_id, entity_type=lane.entity_type, synced_at=at))
        saved = now - API_KEY_LIFETIME + 10 * DAY
        session.execute(update(ConnectionRow).where(ConnectionRow.id == ill.id).values(api_key_saved_at=saved))
    return [well, ill]


def test_the_list_shows_each_connections_status_worst_first(container: Container, three: list[Connection]) -> None:
    _, ill = three
    assert names(container) == ["Berg AS", "Celle AS", "Demo AS"]
    assert names(container, sort="-name") == ["Demo AS", "Celle AS", "Berg AS"]
    for column in (HealthColumn.TESTED, HealthColumn.SYNCED, HealthColumn.WEBHOOK):
        assert names(container, sort=column) == ["Celle AS", "Berg AS", "Demo AS"]
        assert names(container, sort=f"-{column}") == ["Demo AS", "Berg AS", "Celle AS"]
    assert names(container, sort="key")[0] == names(container, sort="records")[0] == "Berg AS"
    assert names(container, sort="requests", requests={ill.id: 2})[0] == "Berg AS"
    assert names(container, sort="-requests", requests={ill.id: 2})[-1] == "Berg AS"
    (line, *_), total = connection_health.page(
        container.database,
        Scope(),
        now=clock(),
        connection_filter=NO_FILTER,
        sort=HealthSort(),
        requests={ill.id: 2},
    )
    assert (total, line.failed_checks, line.needs_attention, line.requests) == (3, 2, 1, 2)
    assert line.key_ends_on
    assert abs(line.key_ends_on - (clock() + 10 * DAY).date()) <= DAY


def test_connections_are_found_by_their_records_and_last_sync(
    container: Container, three: list[Connection]
) -> None:
    assert three
    assert names(container, wanted=ConnectionFilter(with_records=True)) == ["Berg AS"]
    assert names(container, wanted=ConnectionFilter(idle_for=7 * DAY)) == ["Berg AS", "Celle AS"]


def test_the_page_sorts_filters_and_shows_todays_requests(
    web: Web, container: Container, three: list[Connection]
) -> None:
    _, ill = three
    for _ in range(3):
        container.budget.for_connection(ill.id).acquire()
    container.budget.acquire()
    operator = web.as_(Role.OPERATOR)
    page = operator.get("/connections", sort="-name").text
    assert page.index("Demo AS</a>") < page.index("Berg AS</a>")
    assert "3 (75 %)" in page
    assert 'aria-sort="descending"' in page
    assert "2 errors" in page
    assert ">Records to follow up</a>" in page
    assert ">API key expires by</a>" in page
    found = operator.get("/connections", records="yes", idle="7", status="test_failed").text
    assert ("Berg AS</a>" in found, "Demo AS</a>" in found, "1–1 of 1" in found) == (True, False, True)
    theirs = web.as_(Role.OPERATOR, connections=[ill.id]).get("/connections").text
    assert "Requests today" not in theirs  # they may not see the requests of others


def test_the_number_of_statements_and_the_size_of_a_page_do_not_grow_with_the_connections(
    web: Web, container: Container
) -> None:
    operator, statements = web.as_(Role.OPERATOR), list[str]()

    def hear(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    def asked() -> int:
        before = len(statements)
        assert operator.get("/connections").status_code == 200
        return len(statements) - before

    engine = container.database._engine  # noqa: SLF001 - there is no other way to observe each
    event.listen(engine, "before_cursor_execute", hear)
    try:
        asked()  # the first one opens the connection that is kept open
        few = asked()
        for number in range(60):
            add(container, f"Firma {number:03} med et ganske langt navn AS")
        assert (few, asked()) == (few, few)
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    page = operator.get("/connections")
    assert page.text.count('name="connection"') == connection_health.PAGE_SIZE
    assert len(page.content) < 200 * 1024


def test_a_page_shows_what_will_change_and_what_is_left_out_first(
    web: Web, container: Container, three: list[Connection]
) -> None:
    well, ill = three
    operator = web.as_(Role.OPERATOR)
    for each in (well, ill):
        container.connections.pause(each.id, "Holiday", actor="kari", now=clock())
    asked = operator.get("/connections/confirm", action="resume", all="yes", sort="tested")
    assert "1 connection will be resumed." in asked.text
    left_out = asked.text.partition("Left out (2)")[2]
    assert left_out.index("Berg AS</a>: The last test failed.") < left_out.index("Celle AS</a>: Not paused.")
    done = operator.post("/connections/act", **fields_of(asked, "/connections/act"), action="resume")
    assert done.headers["Location"] == "/connections?sort=tested"
    assert "1 connection resumed." in operator.get(done.headers["Location"]).text
    assert "1 connection resumed." not in operator.get(done.headers["Location"]).text
    assert container.connections.get(well.id).paused_because == ""
    assert container.connections.get(ill.id).paused_because == "Holiday"
    # Connections named anyway are left out too.
    operator.post("/connections/act", ids=f"{ill.id},999999,x", action="resume")
    assert container.connections.get(ill.id).paused_because == "Holiday"


def test_a_self_paused_connection_is_resumed_in_bulk_after_a_passed_test(
    web: Web, container: Container, three: list[Connection]
) -> None:
    well, _ = three
    operator = web.as_(Role.OPERATOR)
    circuit_breaker.pause(container.database, well.id, outages.problem(AlertType.PAUSED), now=clock())
    asked = operator.get("/connections/confirm", action="resume", all="yes")
    assert "Demo AS</a>: It paused itself, and no test has passed since then." in asked.text
    operator.post("/connections/act", ids=str(well.id), action="resume")
    assert container.connections.get(well.id).paused_because
    container.connections.save_test_result(well.id, failed_checks=0, at=clock())
    operator.post("/connections/act", ids=str(well.id), action="resume")
    assert not container.connections.get(well.id).paused_because


def test_chosen_connections_are_paused_with_a_reason_and_logged_each(
    web: Web, container: Container, three: list[Connection]
) -> None:
    operator, ids = web.as_(Role.OPERATOR), [str(each.id) for each in three]
    asked = operator.ask("GET", f"/connections/confirm?action=pause&connection={ids[0]}&connection={ids[1]}")
    assert "2 connections will be paused." in asked.text
    fields = fields_of(asked, "/connections/act")
    operator.post("/connections/act", **fields | {"because": "Year end"}, action="pause")
    assert {container.connections.get(each.id).paused_because for each in three} == {"Year end"}
    for each in three:
        newest = audit_log.page(container.database, Scope(frozenset({each.id}))).lines[0]
        assert (newest.action, newest.actor[:8]) == ("Paused: Year end", "operator")


def test_all_that_match_a_filter_are_tested(web: Web, container: Container, three: list[Connection]) -> None:
    _, ill = three
    operator = web.as_(Role.OPERATOR)
    asked = operator.get("/connections/confirm", action="test", all="yes", status="test_failed")
    done = operator.post("/connections/act", **fields_of(asked, "/connections/act"), action="test")
    listed = operator.get(done.headers["Location"]).text
    assert "Testing 1 connection. Reload to see the result." in listed
    operation = container.operations.latest(ill.id, OperationType.DIAGNOSTICS)
    assert operation
    assert messages(container) == [("run_operation", operation.id)]


def test_recipients_are_added_to_many_and_nothing_else_changes(
    web: Web, container: Container, three: list[Connection]
) -> None:
    well, ill = three
    administrator = web.as_(Role.ADMINISTRATOR)
    container.connections.pause(ill.id, "The password is wrong.", now=clock())
    tested = clock()
    container.connections.save_test_result(well.id, failed_checks=0, at=tested)
    asked = administrator.get("/connections/confirm", action="add_recipients", all="yes")
    fields = fields_of(asked, "/connections/act")
    for typed, message in (("", "This field is required."), ("nobody", "“nobody” is not an email address.")):
        refused = administrator.post(
            "/connections/act", **fields | {"error_emails": typed}, action="add_recipients"
        )
        assert (refused.status_code, error_at(refused, "error_emails")) == (422, message)
        assert list(summary_of(refused)) == ["error_emails"]
    right = {"error_emails": "drift@example.com\nbooks@example.com"}
    done = administrator.post("/connections/act", **fields | right, action="add_recipients")
    assert "Alert recipients added to 3 connections." in administrator.get(done.headers["Location"]).text
    for each in three:
        after = container.connections.get(each.id)
        assert after.settings.error_emails == ("books@example.com", "drift@example.com")
    assert container.connections.get(ill.id).paused_because == "The password is wrong."
    page = administrator.get("/connections", status="settings_untested").text
    assert "Demo AS</a>" not in page  # the test still holds: it has nothing to do with mails
    again = administrator.post("/connections/act", **fields | right, action="add_recipients")
    assert "Alert recipients added to 0 connections." in administrator.get(again.headers["Location"]).text


def test_users_change_only_what_they_may_change(web: Web, container: Container, three: list[Connection]) -> None:
    well, ill = three
    theirs = web.as_(Role.OPERATOR, connections=[well.id])
    page = theirs.ask("GET", f"/connections/confirm?action=pause&connection={well.id}&connection={ill.id}").text
    assert ("Demo AS" in page, "Berg AS" in page) == (True, False)
    theirs.post("/connections/act", ids=f"{well.id},{ill.id}", action="pause")
    assert [bool(container.connections.get(each.id).paused_because) for each in three] == [True, False]
    for role in (Role.VIEWER, Role.OPERATOR):
        person = web.as_(role)
        assert person.get("/connections/confirm", action="add_recipients", all="yes").status_code == 404
        added = person.post(
            "/connections/act", ids=str(ill.id), error_emails="a@example.com", action="add_recipients"
        )
        assert added.status_code == 404
    assert web.as_(Role.VIEWER).get("/connections/confirm", action="pause", all="yes").status_code == 404
    assert web.as_(Role.OPERATOR).get("/connections/confirm", action="erase").status_code == 400
    assert container.connections.get(ill.id).settings.error_emails == ("books@example.com",)


def test_a_connection_never_started_is_started_in_bulk(web: Web, container: Container) -> None:
    new = add(container, "Ny AS", started=False)
    assert new.paused_because == NOT_STARTED
    operator = web.as_(Role.OPERATOR)
    asked = operator.get("/connections/confirm", action="resume", all="yes")
    operator.post("/connections/act", **fields_of(asked, "/connections/act"), action="resume")
    assert container.connections.get(new.id).paused_because == ""


def test_one_action_changes_a_limited_number_of_connections(
    web: Web, container: Container, three: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert three
    monkeypatch.setattr(connection_actions, "MAX_AT_ONCE", 2)
    operator = web.as_(Role.OPERATOR)
    asked = operator.get("/connections/confirm", action="pause", all="yes")
    assert "At most 2 connections are changed at once: the first 2 by name." in asked.text
    operator.post("/connections/act", **fields_of(asked, "/connections/act"), action="pause")
    paused = ConnectionFilter(state=ConnectionState.PAUSED)
    assert names(container, wanted=paused) == ["Berg AS", "Celle AS"]
    one = operator.get("/connections/confirm", action="resume", all="yes", name="Berg")
    assert "At most" not in one.text
