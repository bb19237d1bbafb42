"""``moment24 connections list`` and ``show``: the status of connections, and their settings."""

from collections.abc import Mapping
from typing import Any

import click

from models.admin import connection_list
from models.admin.connection_list import ConnectionState, ConnectionSummary
from models.connections.repository import UNREADABLE, Connection
from models.enums import Scope
from worker.cli import connection_argument
from worker.cli.tables import Table, output_option
from worker.container import get_container

CONNECTIONS = Table(
    columns={
        "id": "id",
        "name": "name",
        "moment_company": "in Moment",
        "username": "user in 24SevenOffice",
        "client_number": None,
        "entity_types": None,
        "state": "state",
        "problems": "problems",
        "paused_because": "because",
    },
    empty="There are no connections yet.",
)
SETTINGS = Table(columns={"setting": "setting", "value": "value"})


@click.command("list")
@output_option
def list_(output: str) -> None:
    """List all connections."""
    statuses = _statuses(Scope())
    CONNECTIONS.print(
        (_row(each, statuses[each.id]) for each in get_container().connections.all_even_unreadable()), output
    )


@click.command()
@connection_argument
@output_option
def show(connection: Connection, output: str) -> None:
    """Show a connection's settings without secrets."""
    if output == "table":
        row = _row(connection, _statuses(Scope(frozenset({connection.id})))[connection.id])
        click.echo(f"{connection.name} (connection {connection.id}): {' '.join([row['state'], *row['problems']])}")
    values = connection.settings.model_dump(mode="json")
    SETTINGS.print(({"setting": name, "value": value} for name, value in values.items()), output)


def _statuses(scope: Scope) -> Mapping[int, ConnectionSummary]:
    container = get_container()
    found = connection_list.summaries(container.database, scope, now=container.clock())
    return {each.id: each for each in found}


def _row(connection: Connection, status: ConnectionSummary) -> Mapping[str, Any]:
    because = "" if status.state is ConnectionState.NOT_STARTED else connection.paused_because
    if connection.unreadable:
        because = UNREADABLE
    return {
        "id": connection.id,
        "name": connection.name,
        "moment_company": connection.settings.moment_company,
        "username": connection.settings.username,
        "client_number": connection.client_number,
        "entity_types": connection.settings.entity_types,
        "state": "unreadable" if connection.unreadable else status.state,
        "problems": status.problems,
        "paused_because": because,
    }
