from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.admin import job_actions, job_details, job_list
from models.admin.job_filter import JobFilter
from models.connections import alert_outbox
from models.connections.alert_outbox import DeliveryStatus
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Record, Role, Scope
from models.inbox import links
from models.inbox.enqueue import enqueue
from models.schema.tables import AlertRow, AttemptRow, AuditRow
from models.schema.user_tables import DeviceRow, FailedSignInRow, SessionRow
from models.users import repository as users
from models.users import sessions, sign_in, throttle
from models.users.repository import Rights
from tests.installation import add_failed_job
from worker import tasks
from worker.container import Container, clock

CUSTOMER, MAIL = "62788973", "books@example.com"


def test_outdated_sign_in_data_is_deleted(container: Container) -> None:
    rights, caller, now = Rights(Role.VIEWER, Scope()), throttle.caller("anna@example.com", "192.0.2.1"), clock()
    user = users.add(container.database, "anna@example.com", rights, password=None, actor="test", now=now)
    for at in (now - sessions.MAX_SESSION_AGE, now):
        sessions.start(container.database, user.id, now=at)
        throttle.record_attempt(container.database, caller, now=at)
    for at in (now - sign_in.DEVICE_KNOWN_FOR - timedelta(days=1), now):
        key = {"user_id": user.id, "token_hash": at.isoformat()}
        with container.database.transaction() as session:
            session.add(DeviceRow(**key, seen_at=at))
    tasks.delete_old()
    tables = (SessionRow, FailedSignInRow, DeviceRow)
    with container.database.transaction() as session:
        left = [session.scalar(select(func.count()).select_from(table)) for table in tables]
    assert left == [1, 1, 1]


def test_old_data_is_deleted_and_links_are_kept_forever(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, closed, linked = (
        container.database,
        Record(EntityType.INVOICE, "8"),
        Record(EntityType.CUSTOMER, CUSTOMER),
    )
    enqueue(database, connection.id, [linked, closed, Record(EntityType.INVOICE, "9")], now=clock())
    tasks.sync_customers(connection.id)
    view = job_details.find_by_record(database, connection.id, closed)
    assert view
    job_actions.dismiss(database, JobFilter(ids=frozenset({view.id})), because="Never.", actor="test", now=clock())
    add_failed_job(container, connection, record_id="9")
    tasks.delete_old()
    assert len(job_list.latest(database, JobFilter())) == 3
    assert found(container, AttemptRow, AlertRow, AuditRow) == [2, 1, 2]
    monkeypatch.setattr(container, "clock", lambda: clock() + timedelta(days=container.settings.audit_days + 1))
    alert_outbox.record_delivery(
        database,
        {alert.id: DeliveryStatus.SENT for alert in alert_outbox.pending_alerts(database, MAIL)},
        message_id="",
        now=clock(),
    )
    tasks.delete_old()
    states = {view.record.id: view.state for view in job_list.latest(database, JobFilter())}
    assert states == {"8": JobState.DISMISSED, "9": JobState.NEEDS_ATTENTION}
    assert found(container, AttemptRow, AlertRow, AuditRow) == [0, 0, 1]  # the audit by PostgreSQL's clock
    assert links.find(database, connection.id, linked)


def found(container: Container, *tables: type[AlertRow | AttemptRow | AuditRow]) -> list[int]:
    with container.database.transaction() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]
