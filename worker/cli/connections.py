"""``moment24 connections``: pausing and resuming connections, and their webhook URLs."""

import click

from models.connections.repository import MAX_REASON_LENGTH, Connection, FailedTestError, UnprovenError
from sync.rules.normalization import clean
from worker.cli import ACTOR, connection_argument, print_webhook_url
from worker.container import get_container
from worker.lazy_command import CommandGroup, LazyCommand

COMMANDS = (
    LazyCommand("add", "worker.cli.connection_settings:add", "Add a connection."),
    LazyCommand("apply", "worker.cli.apply:apply", "Bring connections in line with a file."),
    LazyCommand("backfill", "worker.cli.backfill:backfill", "Sync the records of a period."),
    LazyCommand("check", "worker.cli.connection_settings:check_", "Test a connection's settings in both systems."),
    LazyCommand("erase", "worker.cli.erasure:erase", "Erase a connection and all its data."),
    LazyCommand("export", "worker.cli.apply:export", "Print connections as a file for `connections apply`."),
    LazyCommand("list", "worker.cli.connection_status:list_", "List all connections."),
    LazyCommand("match", "worker.cli.onboarding:match_", "Match Moment's records with 24SevenOffice."),
    LazyCommand("set", "worker.cli.connection_settings:set_", "Change settings."),
    LazyCommand("show", "worker.cli.connection_status:show", "Show a connection's settings without secrets."),
    LazyCommand("unlink", "worker.cli.connection_settings:unlink", "Set a paused connection's links aside."),
)
"""The commands that are imported only when they are called: they need more than these few below."""


@click.group(cls=CommandGroup, later=COMMANDS)
def connections() -> None:
    """Manage company connections."""


@connections.command()
@connection_argument
@click.option("--because", default="", help="Reason, shown to other users")
def pause(connection: Connection, because: str) -> None:
    """Pause a connection; new records are queued until it is resumed."""
    why = clean(because, max_length=MAX_REASON_LENGTH)
    container = get_container()
    container.connections.pause(connection.id, why, actor=ACTOR, now=container.clock())
    click.echo(f"{connection.name} is paused.")


@connections.command()
@connection_argument
@click.option(
    "--despite-failed-test",
    is_flag=True,
    help="Resume even if its last test failed, or if none has passed since it paused itself",
)
def resume(connection: Connection, *, despite_failed_test: bool) -> None:
    """Start or resume a connection and process its queued records."""
    container = get_container()
    try:
        container.connections.resume(
            connection.id, actor=ACTOR, now=container.clock(), despite_failed_test=despite_failed_test
        )
    except (FailedTestError, UnprovenError) as error:
        problem = f"{connection.name} paused itself, and no test has passed since then."
        if isinstance(error, FailedTestError):
            errors = "1 error" if error.failed_checks == 1 else f"{error.failed_checks} errors"
            problem = f"The last test of {connection.name} found {errors}."
        raise click.ClickException(f"{problem} Run `doctor`, or give --despite-failed-test.") from error
    click.echo(f"{connection.name} is resumed.")


@connections.command()
@connection_argument
def webhook_url(connection: Connection) -> None:
    """Regenerate the webhook URL; the old one stops working immediately."""
    container = get_container()
    print_webhook_url(container.connections.regenerate_token(connection.id, actor=ACTOR, now=container.clock()))
