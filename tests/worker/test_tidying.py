from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from models import alerts, changes, inbox, links, listing, throttle, users, visits
from models.alerts import Fate
from models.people import SessionRow, SignInRow
from models.tables import AlertRow, AttemptRow, AuditRow
from models.users import Rights
from models.wanted import Wanted
from models.words import Kind, Record, Role, Scope, State
from tests.installation import stuck
from worker import tasks
from worker.wiring import clock

if TYPE_CHECKING:
    import pytest

    from models.connections import Connection
    from worker.wiring import Bridge

CUSTOMER, MAIL = "62788973", "books@example.com"


def test_what_is_left_of_sign_ins_is_dropped_once_it_is_of_no_use(bridge: Bridge) -> None:
    rights, caller, now = Rights(Role.VIEWER, Scope()), throttle.caller("anna@example.com", "192.0.2.1"), clock()
    user = users.add(bridge.database, "anna@example.com", rights, password=None, who="test", now=now)
    for at in (now - visits.LONGEST, now):
        visits.begin(bridge.database, user.id, now=at)
        throttle.note(bridge.database, caller, now=at)
    tasks.tidy()
    with bridge.database.transaction() as session:
        left = [session.scalar(select(func.count()).select_from(table)) for table in (SessionRow, SignInRow)]
    assert left == [1, 1]


def test_what_has_been_kept_long_enough_is_dropped_and_what_came_across_is_known_for_good(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, closed, linked = bridge.database, Record(Kind.INVOICE, "8"), Record(Kind.CUSTOMER, CUSTOMER)
    inbox.receive(database, connection.id, [linked, closed, Record(Kind.INVOICE, "9")], now=clock())
    tasks.sync_customers(connection.id)
    view = changes.find(database, connection.id, closed)
    assert view
    changes.close(database, Wanted(ids=frozenset({view.id})), because="Never.", who="test", now=clock())
    stuck(bridge, connection, record_id="9")
    tasks.tidy()
    assert len(listing.latest(database, Wanted())) == 3
    assert found(bridge, AttemptRow, AlertRow, AuditRow) == [2, 1, 2]
    monkeypatch.setattr(tasks, "clock", lambda: clock() + timedelta(days=bridge.settings.audit_days + 1))
    alerts.conclude(
        database, {alert.id: Fate.SENT for alert in alerts.unsent(database, MAIL)}, message_id="", now=clock()
    )
    tasks.tidy()
    states = {view.record.id: view.state for view in listing.latest(database, Wanted())}
    assert states == {"8": State.CLOSED, "9": State.STUCK}
    assert found(bridge, AttemptRow, AlertRow, AuditRow) == [0, 0, 0]
    assert links.find(database, connection.id, linked)


def found(bridge: Bridge, *tables: type[AlertRow | AttemptRow | AuditRow]) -> list[int]:
    with bridge.database.transaction() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
