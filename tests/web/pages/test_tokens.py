"""The page of API tokens, which are shown once, for administrators of all connections."""

import re
from typing import Any

from models.enums import Role, Scope
from models.users import tokens
from models.users.tokens import TokenScope
from tests.web.conftest import Web
from tests.web.form_filling import fields_of
from worker.container import Container, clock

FILLED: dict[str, Any] = {"name": "Partner ERP", "scopes": ["jobs:read", "jobs:write"], "days": "30"}


def test_a_token_is_shown_once_and_opens_the_api(web: Web, container: Container) -> None:
    person = web.as_(Role.ADMINISTRATOR)
    assert fields_of(person.get("/tokens"), "/tokens")["days"] == "90"
    shown = person.post("/tokens", **FILLED, connections=str(web.connection.id))
    found = re.search(r'<code id="token">(m24_[\w-]{43})</code>', shown.text)
    assert found
    token = tokens.find(container.database, found[1], now=clock())
    assert token.scopes == {TokenScope.JOBS_READ, TokenScope.JOBS_WRITE}
    assert token.scope == Scope(frozenset({web.connection.id}))
    listed = person.get("/tokens").text
    assert found[1] not in listed
    assert "Partner ERP" in listed
    response = person.post(f"/tokens/{token.id}/revoke")
    assert "evoked" in person.get(response.headers["Location"]).text
    assert tokens.all_tokens(container.database)[0].refusal(clock()) == "token_revoked"


def test_errors_are_shown_and_the_input_stays(web: Web, container: Container) -> None:
    person = web.as_(Role.ADMINISTRATOR)
    for entered, complaint in (
        ({**FILLED, "name": ""}, "Enter a name"),
        ({**FILLED, "days": "9999"}, "Enter a number from 1 to 366."),
        ({**FILLED, "days": "soon"}, "Enter a number from 1 to 366."),
        ({**FILLED, "scopes": []}, "Choose at least one."),
        ({**FILLED, "everywhere": ""}, "Choose all connections or at least one existing connection."),
    ):
        refused = person.post("/tokens", **{"everywhere": "yes", **entered})
        assert refused.status_code == 422, complaint
        assert complaint in refused.text
    assert 'value="jobs:write" checked' in refused.text
    assert tokens.all_tokens(container.database) == []


def test_input_that_our_page_cannot_have_offered_is_refused(web: Web) -> None:
    person = web.as_(Role.ADMINISTRATOR)
    assert person.post("/tokens", **{**FILLED, "scopes": "everything"}).status_code == 400
    assert person.post("/tokens", **FILLED, connections="x").status_code == 400
    assert person.post("/tokens/999999/revoke").status_code == 404
    assert person.post("/tokens/99999999999999999/revoke").status_code == 404
