import json

from i18n.catalog import Language
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType, DeliveryStatus
from models.enums import Role
from models.users import account_alerts
from tests.factories import NOW, settings
from tests.web.conftest import Person, Web
from worker.container import Container


def actions(person: Person, **query: str) -> list[str]:
    answer = person.get("/audit-log/export", **query)
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-log.jsonl"'
    return [json.loads(line)["action"] for line in answer.text.splitlines()]


def test_mails_about_the_accounts_of_users_are_for_who_administers_them(web: Web, container: Container) -> None:
    administrator, operator = web.as_(Role.ADMINISTRATOR), web.as_(Role.OPERATOR)
    for email in ("sent@example.com", "waiting@example.com"):
        with container.database.transaction() as session:
            account_alerts.queue_factor_removed(session, email, now=NOW)
        if email.startswith("Sent"):
            (alert,) = alert_outbox.pending_alerts(container.database, email)
            sent = {alert.id: DeliveryStatus.SENT}
            alert_outbox.record_delivery(container.database, sent, message_id="<1@example.com>", now=NOW)
        assert email in administrator.get("/email-log").text
        assert email not in operator.get("/email-log").text
    ours = Alert(AlertType.OUTAGE, "Ours", "Wrong.", "", ("sent@example.com",))
    alert_outbox.queue_connection_alert(container.database, web.connection.id, ours, now=NOW)
    assert "Ours" in operator.get("/email-log").text


def test_the_audit_log_is_downloaded_by_each_as_far_as_they_see_it(web: Web, container: Container) -> None:
    other = settings(moment_company="2")
    fjord, _ = container.connections.add("Fjord AS", other, actor="test", now=NOW)
    container.connections.pause(fjord.id, "Summer.", actor="test", now=NOW)
    one = web.as_(Role.VIEWER, connections=[web.connection.id], language=Language.NORWEGIAN)
    assert '<a href="/audit-log/export">' in one.get("/audit-log").text
    assert actions(one) == ["added"]
    assert actions(one, company="Fjord AS") == []
    everybody = web.as_(Role.ADMINISTRATOR)
    assert actions(web.as_(Role.OPERATOR)) == ["added", "added", "Paused: Summer."]
    assert len(actions(everybody)) > 3
    assert actions(everybody, company="Fjord AS") == ["added", "Paused: Summer."]
    assert '<a href="/audit-log/export?company=Fjord+AS">' in everybody.get("/audit-log", company="Fjord AS").text
