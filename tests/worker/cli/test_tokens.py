"""``python -m worker tokens``, and its audit entries."""

from datetime import timedelta

import pytest

from i18n.catalog import Language
from i18n.messages import translate
from models.admin import audit_log
from models.connections.repository import Connection
from models.enums import Scope
from models.invalid_input import InvalidInputError
from models.users import tokens
from models.users.tokens import TokenRefusedError, TokenScope
from tests.worker.cli.command_runner import run, run_refused
from worker.container import Container, clock


def test_a_token_is_created_listed_and_revoked(container: Container, connection: Connection) -> None:
    output = run("tokens", "create", "ERP", "--scope=jobs:read", "--connection=Demo AS", "--days=30").splitlines()
    text = output[-1]
    token = tokens.find(container.database, text, now=clock())
    assert (token.name, token.scopes, token.scope) == (
        "ERP",
        frozenset({TokenScope.JOBS_READ}),
        Scope(frozenset({connection.id})),
    )
    assert token.expires_at - token.created_at == timedelta(days=30)
    listed = run("tokens", "list")
    assert "Demo AS" in listed
    assert text not in listed
    assert "revoked" in run("tokens", "revoke", str(token.id))
    with pytest.raises(TokenRefusedError, match="token_revoked"):
        tokens.find(container.database, text, now=clock())
    assert "revoked" in run("tokens", "list")
    run("tokens", "revoke", str(token.id))
    noted = audit_log.page(container.database, Scope(), users=True).lines
    day = f"{token.expires_at:%Y-%m-%d}"
    assert [translate(each.action, Language.ENGLISH) for each in noted][:2] == [
        "Revoked API token 1 (ERP)",
        f"Created API token 1 (ERP): jobs:read for Demo AS, until {day}",
    ]


def test_a_token_is_for_all_connections_and_90_days_unless_said_otherwise(container: Container) -> None:
    run("tokens", "create", "ERP", "--scope=jobs:read", "--scope=jobs:write")
    (token,) = tokens.all_tokens(container.database)
    assert (token.scope, token.expires_at - token.created_at) == (Scope(), timedelta(days=90))


@pytest.mark.parametrize(
    "arguments",
    [("create", "ERP"), ("create", " ", "--scope=jobs:read"), ("create", "ERP", "--scope=all"), ("revoke", "9")],
)
@pytest.mark.usefixtures("container")
def test_invalid_input_is_refused(arguments: tuple[str, ...]) -> None:
    assert "Error" in run_refused("tokens", *arguments)


@pytest.mark.usefixtures("connection")
def test_a_token_is_bound_to_existing_connections(container: Container) -> None:
    for scope in (Scope(frozenset()), Scope(frozenset({999}))):
        with pytest.raises(InvalidInputError, match="at least one"):
            tokens.create(
                container.database,
                "ERP",
                scopes=frozenset(TokenScope),
                scope=scope,
                actor="test",
                now=clock(),
            )
