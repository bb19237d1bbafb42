"""``moment24 restore``: run after a database backup was restored, before any process uses it."""

import time
from collections.abc import Sequence
from datetime import datetime

import click

from i18n.formatting import OSLO
from models.connections.repository import Connection
from models.inbox import restore as inbox_restore
from worker import dispatch
from worker.cli import ACTOR, connections_option
from worker.container import Container, get_container
from worker.heartbeat import TTL_SECONDS

STOPPED_WITHIN_SECONDS = TTL_SECONDS + 5
"""How long worker and beat still seem active after they were stopped."""


@click.command()
@connections_option("Only this connection (repeatable)  [default: all]")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%d"]),
    help="Read both systems again from this time (Oslo) [default: where the backup left off]",
)
@click.option("--at-work", is_flag=True, help="Run even if a worker was active within the last minute")
def restore(connections: Sequence[Connection], since: datetime | None, *, at_work: bool) -> None:
    """Prepare a restored database before use: anything that may have been sent is verified first.

    Run it once after restoring the database, while worker and beat are stopped. It signs out all users,
    revokes all API tokens and disables all event receivers, as some may have been withdrawn since the backup.
    """
    container = get_container()
    if not (at_work or connections) and _is_active(container):
        raise click.ClickException("Worker and beat are still active: stop them first.")
    marked = inbox_restore.mark_restored(
        container.database,
        connection_ids=[each.id for each in connections] or None,
        since=since.replace(tzinfo=OSLO) if since else None,
        actor=ACTOR,
        now=container.clock(),
    )
    dispatch.forget()
    click.echo(f"Unfinished jobs in the backup, to be verified first: {marked}.")
    if not connections:
        click.echo("All users are signed out, API tokens are revoked, and event receivers are disabled.")
    click.echo("Jobs from the next polls are verified too. Start worker, beat and web.")


def _is_active(container: Container) -> bool:
    """Return whether worker and beat are active. Waits for a minute, as they still seem so after they stopped."""
    deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
    is_announced = False
    while container.is_alive():
        if time.monotonic() >= deadline:
            return True
        if not is_announced:
            click.echo("Worker and beat were active within the last minute: waiting for up to a minute.", err=True)
            is_announced = True
        time.sleep(1)
    return False
