import json

from i18n.catalog import Language
from models.enums import Role
from tests.factories import NOW, settings
from tests.web.conftest import Person, Web
from worker.container import Container


def actions(person: Person, **query: str) -> list[str]:
    answer = person.get("/audit-log/export", **query)
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-log.jsonl"'
    return [json.loads(line)["action"] for line in answer.text.splitlines()]


def test_the_audit_log_is_downloaded_by_each_as_far_as_they_see_it(web: Web, container: Container) -> None:
    other = settings(moment_company="2")
    fjord, _ = container.connections.add("Fjord AS", other, actor="test", now=NOW)
    container.connections.pause(fjord.id, "Summer.", actor="test", now=NOW)
    one = web.as_(Role.VIEWER, connections=[web.connection.id], language=Language.NORWEGIAN)
    assert '<a href="/audit-log/export">' in one.get("/audit-log").text
    assert actions(one) == ["added"]
    assert actions(one, company="Fjord AS") == []
    everybody = web.as_(Role.ADMINISTRATOR)
    assert actions(web.as_(Role.OPERATOR)) == ["added", "added", "paused: Summer."]
    assert len(actions(everybody)) > 3
    assert actions(everybody, company="Fjord AS") == ["added", "paused: Summer."]
    assert '<a href="/audit-log/export?company=Fjord+AS">' in everybody.get("/audit-log", company="Fjord AS").text
