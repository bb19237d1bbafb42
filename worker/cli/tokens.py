"""``moment24 tokens``: the tokens that programs use for the API."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from models.connections.repository import Connection
from models.enums import Scope
from models.users import tokens as models
from models.users.tokens import DEFAULT_DAYS, MAX_DAYS, Token, TokenScope
from worker.cli import ACTOR, connections_option
from worker.cli.tables import Cell, Table, output_option
from worker.container import get_container

TOKENS = Table(
    columns={
        "id": "id",
        "name": "name",
        "scopes": "scopes",
        "connections": "connections",
        "expires_at": "valid until",
        "last_used_at": "last used",
        "state": "state",
    },
    empty="There are no API tokens yet.",
)


@click.group()
def tokens() -> None:
    """Manage API tokens."""


@tokens.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in TokenScope]),
    help="Scope; repeatable",
)
@connections_option("Only for this connection (repeatable)  [default: all]")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=DEFAULT_DAYS, show_default=True, help="Validity")
def create(name: str, scopes: Sequence[str], connections: Sequence[Connection], days: int) -> None:
    """Create a token and print it; it is shown only once."""
    container = get_container()
    token, text = models.create(
        container.database,
        name.strip(),
        scopes=frozenset(map(TokenScope, scopes)),
        scope=Scope(frozenset(each.id for each in connections) or None),
        days=days,
        actor=ACTOR,
        now=container.clock(),
    )
    click.echo(
        f"API token {token.id} ({token.name}) is valid until {token.expires_at:%Y-%m-%d}. "
        "This is the only time it is shown:"
    )
    click.echo(text)


@tokens.command("list")
@output_option
def list_(output: str) -> None:
    """List all tokens, including expired and revoked ones."""
    container = get_container()
    names = {each.id: each.name for each in container.connections.all_even_unreadable()}
    TOKENS.print((_row(token, names) for token in models.all_tokens(container.database)), output)


@tokens.command()
@click.argument("token_id", type=click.IntRange(1, 2**31 - 1))
def revoke(token_id: int) -> None:
    """Revoke a token."""
    container = get_container()
    models.revoke(container.database, token_id, actor=ACTOR, now=container.clock())
    click.echo(f"API token {token_id} is revoked.")


def _row(token: Token, names: Mapping[int, str]) -> Mapping[str, Any]:
    ids = token.scope.connections
    used = token.last_used_at
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "connections": Cell(None, "all") if ids is None else sorted(names[each] for each in ids if each in names),
        "expires_at": Cell(token.expires_at, f"{token.expires_at:%Y-%m-%d}"),
        "last_used_at": Cell(used, f"{used:%Y-%m-%d}" if used else "never"),
        "state": token.refusal(get_container().clock()).removeprefix("token_") or "valid",
    }
