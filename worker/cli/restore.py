"""``python -m worker restored``: after a backup of the database was restored, and before anything works on it."""

from collections.abc import Sequence
from datetime import datetime

import click

from i18n.formatting import OSLO
from models.inbox import restore as inbox_restore
from worker import dispatch, heartbeat
from worker.cli import ACTOR
from worker.container import clock, get_container


@click.command()
@click.option("--connection", "names", multiple=True, help="Only this one, made anew (may be repeated) [all]")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%d"]),
    help="Ask both systems again from this time of Oslo on [where the backup left off]",
)
@click.option("--at-work", is_flag=True, help="Even if a worker was at work within the last minute")
def restore(names: Sequence[str], since: datetime | None, *, at_work: bool) -> None:
    """Look for whatever may have come across since the backup before it is sent: nothing is doubled.

    To be run once after the database was restored, while worker and beat are stopped. Everybody is signed out.
    """
    if not (at_work or names) and heartbeat.is_alive(get_container().redis):
        raise click.ClickException("Worker and beat were at work within the last minute: stop them first.")
    ids = [get_container().connections.get_by_name(name).id for name in names] or None
    instant = since.replace(tzinfo=OSLO) if since else None
    marked = inbox_restore.mark_restored(
        get_container().database, connection_ids=ids, since=instant, actor=ACTOR, now=clock()
    )
    dispatch.forget()
    click.echo(f"Changes not settled in the backup, to be looked for first: {marked}.")
    click.echo("So is all that the next polls bring. Start worker, beat and web.")
