"""``moment24 restore``: after a backup of the database was restored, and before anything works on it."""

from collections.abc import Sequence
from datetime import datetime

import click

from i18n.formatting import OSLO
from models.connections.repository import Connection
from models.inbox import restore as inbox_restore
from worker import dispatch
from worker.cli import ACTOR, connections_option
from worker.container import get_container


@click.command()
@connections_option("Only this one, made anew (may be repeated)  [default: all]")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%d"]),
    help="Ask both systems again from this time of Oslo on [default: where the backup left off]",
)
@click.option("--at-work", is_flag=True, help="Even if a worker was at work within the last minute")
def restore(connections: Sequence[Connection], since: datetime | None, *, at_work: bool) -> None:
    """Prepare a restored database before anything works on it: what may have been sent is verified first.

    To be run once after the database was restored, while worker and beat are stopped. Everybody is signed out.
    """
    container = get_container()
    if not (at_work or connections) and container.is_alive():
        raise click.ClickException("Worker and beat were at work within the last minute: stop them first.")
    marked = inbox_restore.mark_restored(
        container.database,
        connection_ids=[each.id for each in connections] or None,
        since=since.replace(tzinfo=OSLO) if since else None,
        actor=ACTOR,
        now=container.clock(),
    )
    dispatch.forget()
    click.echo(f"Changes not settled in the backup, to be looked for first: {marked}.")
    click.echo("So is all that the next polls bring. Start worker, beat and web.")
