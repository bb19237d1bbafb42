import json
from datetime import timedelta

from i18n.catalog import Language
from i18n.formatting import OSLO
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType, DeliveryStatus
from models.enums import Role
from models.users import account_alerts
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from tests.web.conftest import Person, Web
from worker.container import Container


def actions(person: Person, **query: str) -> list[str]:
    response = person.get("/audit-log/export", **query)
    assert response.headers["Content-Type"] == "application/jsonl"
    assert response.headers["Content-Disposition"] == 'attachment; filename="audit-log.jsonl"'
    return [json.loads(line)["action"] for line in response.text.splitlines()]


def test_only_administrators_of_users_see_mails_about_accounts(web: Web, container: Container) -> None:
    administrator, operator = web.as_(Role.ADMINISTRATOR), web.as_(Role.OPERATOR)
    for email in ("sent@example.com", "waiting@example.com"):
        with container.database.transaction() as session:
            account_alerts.queue(session, email, "Removed", "Removed.", now=NOW)
        if email.startswith("Sent"):
            (alert,) = alert_outbox.pending_alerts(container.database, email)
            sent = {alert.id: DeliveryStatus.SENT}
            alert_outbox.record_delivery(container.database, sent, message_id="<1@example.com>", now=NOW)
        assert email in administrator.get("/email-log").text
        assert email not in operator.get("/email-log").text
    ours = Alert(
        type=AlertType.OUTAGE, title="Ours", message="Wrong.", remedy="", recipients=("sent@example.com",)
    )
    alert_outbox.queue_connection_alert(container.database, web.connection.id, ours, now=NOW)
    assert "Ours" in operator.get("/email-log").text


def test_users_download_the_audit_log_as_far_as_they_may_see_it(web: Web, container: Container) -> None:
    other = settings(moment_company="2")
    fjord, _ = container.connections.add("Fjord AS", other, actor="test", now=NOW)
    container.connections.pause(fjord.id, "Summer.", actor="test", now=NOW)
    one = web.as_(Role.VIEWER, connections=[web.connection.id], language=Language.NORWEGIAN)
    assert '<a href="/audit-log/export">' in one.get("/audit-log").text
    assert actions(one) == ["Added the connection"]
    assert actions(one, company="Fjord AS") == []
    everybody = web.as_(Role.ADMINISTRATOR)
    assert actions(web.as_(Role.OPERATOR)) == ["Added the connection", "Added the connection", "Paused: Summer."]
    assert len(actions(everybody)) > 3
    assert actions(everybody, company="Fjord AS") == ["Added the connection", "Paused: Summer."]
    assert '<a href="/audit-log/export?company=Fjord+AS">' in everybody.get("/audit-log", company="Fjord AS").text


def test_the_audit_log_is_filtered_by_who_what_and_when_and_links_records(web: Web, container: Container) -> None:
    job_id = add_failed_job(container, web.connection)
    operator, administrator = web.as_(Role.OPERATOR), web.as_(Role.ADMINISTRATOR)
    operator.post("/records/act", action="retry", job=str(job_id))
    container.connections.pause(web.connection.id, "Summer.", actor="Kari@example.com", now=NOW)
    page = administrator.get("/audit-log").text
    assert f'<a href="/records/{job_id}">Invoice 1024</a>' in page
    assert actions(administrator, topic="records") == ["Retry: Invoice 1024"]
    assert actions(administrator, topic="pauses") == ["Paused: Summer."]
    assert actions(administrator, topic="connections") == ["Added the connection"]
    assert actions(administrator, topic="users", actor="test") == actions(administrator, topic="users")
    assert len(actions(administrator, topic="users")) == 2
    assert actions(operator, topic="users") == []
    assert actions(administrator, actor="KARI@") == ["Paused: Summer."]
    day = NOW.astimezone(OSLO).date()
    before, after = (str(day + timedelta(days=each)) for each in (-1, 1))
    assert actions(administrator, actor="kari", date_from=str(day), date_to=str(day)) == ["Paused: Summer."]
    assert actions(administrator, actor="kari", date_to=before) == []
    assert actions(administrator, actor="kari", date_from=after) == []
    shown = administrator.get("/audit-log", topic="pauses").text.partition("<tbody>")[2]
    assert ("Summer." in shown, "Retry" in shown) == (True, False)
    assert "Sign-ins" not in operator.get("/audit-log").text


def test_the_audit_log_is_downloaded_for_excel_in_the_readers_language(web: Web, container: Container) -> None:
    add_failed_job(container, web.connection)
    container.connections.pause(web.connection.id, "=1+1", actor="kari@example.com", now=NOW)
    person = web.as_(Role.VIEWER, language=Language.NORWEGIAN)
    response = person.get("/audit-log/export", form="excel", topic="pauses")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    heading, line = response.content.decode("utf-8-sig").splitlines()
    assert heading == "Tidspunkt;Bruker;Firma;Post;Handling;Innførsel"
    at = f"{NOW.astimezone(OSLO):%d.%m.%Y %H:%M:%S}"
    assert line.rpartition(";")[0] == f"{at};kari@example.com;Demo AS;;Satt på pause: =1+1"
