"""``moment24 connections``: showing, pausing and resuming connections, and the address of their webhooks."""

from collections.abc import Mapping
from typing import Any

import click

from i18n.messages import msg
from models.admin import connection_list
from models.admin.connection_list import ConnectionSummary
from models.connections.repository import MAX_REASON_LENGTH, Connection, FailedTestError
from models.enums import Scope
from sync.rules.normalization import clean
from worker.cli import ACTOR, connection_argument, print_webhook_url
from worker.cli.tables import Table, output_option
from worker.container import get_container
from worker.lazy_command import CommandGroup, LazyCommand

COMMANDS = (
    LazyCommand("add", "worker.cli.connection_settings:add", "Add a connection."),
    LazyCommand("apply", "worker.cli.apply:apply", "Make connections what a file says."),
    LazyCommand("backfill", "worker.cli.backfill:backfill", "Bring the records of a period."),
    LazyCommand("check", "worker.cli.connection_settings:check_", "Try settings out in both systems."),
    LazyCommand("erase", "worker.cli.erasure:erase", "Erase a connection with all that is kept of it."),
    LazyCommand("export", "worker.cli.apply:export", "Print connections as a file for `connections apply`."),
    LazyCommand("match", "worker.cli.onboarding:match_", "Link the records that 24SevenOffice has already."),
    LazyCommand("set", "worker.cli.connection_settings:set_", "Change settings."),
    LazyCommand("unlink", "worker.cli.connection_settings:unlink", "Set a paused connection's links aside."),
)

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
UNREADABLE = "its secrets cannot be opened"


@click.group(cls=CommandGroup, later=COMMANDS)
def connections() -> None:
    """Manage company connections."""


@connections.command("list")
@output_option
def list_(output: str) -> None:
    """List all connections."""
    statuses = _statuses(Scope())
    CONNECTIONS.print((_row(each, statuses[each.id]) for each in get_container().connections.all_shown()), output)


@connections.command()
@connection_argument
@output_option
def show(connection: Connection, output: str) -> None:
    """Show a connection's settings without secrets."""
    if output == "table":
        row = _row(connection, _statuses(Scope(frozenset({connection.id})))[connection.id])
        click.echo(f"{connection.name} (connection {connection.id}): {' '.join([row['state'], *row['problems']])}")
    values = connection.settings.model_dump(mode="json")
    SETTINGS.print(({"setting": name, "value": value} for name, value in values.items()), output)


@connections.command()
@connection_argument
@click.option("--because", default="", help="Reason, shown to other users")
def pause(connection: Connection, because: str) -> None:
    """Pause a connection; new records are queued until it is resumed."""
    why = clean(because, max_length=MAX_REASON_LENGTH) or msg("No reason given.")
    container = get_container()
    container.connections.pause(connection.id, why, actor=ACTOR, now=container.clock())
    click.echo(f"{connection.name} is paused.")


@connections.command()
@connection_argument
@click.option("--despite-failed-test", is_flag=True, help="Also where its last test found errors")
def resume(connection: Connection, *, despite_failed_test: bool) -> None:
    """Start or resume a connection and process its queued records."""
    container = get_container()
    try:
        container.connections.resume(
            connection.id, actor=ACTOR, now=container.clock(), despite_failed_test=despite_failed_test
        )
    except FailedTestError as error:
        found = f"The last test of {connection.name} found {error.failed_checks} errors."
        raise click.ClickException(f"{found} Run `doctor`, or give --despite-failed-test.") from error
    click.echo(f"{connection.name} is resumed.")


@connections.command()
@connection_argument
def token(connection: Connection) -> None:
    """Regenerate the webhook URL; the old one stops working immediately."""
    container = get_container()
    print_webhook_url(container.connections.new_token(connection.id, actor=ACTOR, now=container.clock()))


def _statuses(scope: Scope) -> Mapping[int, ConnectionSummary]:
    container = get_container()
    found = connection_list.summaries(container.database, scope, now=container.clock())
    return {each.id: each for each in found}


def _row(connection: Connection, status: ConnectionSummary) -> Mapping[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "moment_company": connection.settings.moment_company,
        "username": connection.settings.username,
        "client_number": connection.client_number,
        "entity_types": connection.settings.entity_types,
        "state": "unreadable" if connection.unreadable else status.state,
        "problems": status.problems,
        "paused_because": UNREADABLE if connection.unreadable else connection.paused_because,
    }
