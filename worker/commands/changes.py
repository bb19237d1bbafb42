"""``python -m worker changes``: what waits, what needs a person and why, and trying it again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

import models.changes
from models.words import State
from worker import dispatch
from worker.commands import WHO
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from models.changes import ChangeView

OSLO = ZoneInfo("Europe/Oslo")
OPEN = (State.STUCK, State.WAITING, State.WORKING)
MOST = 10_000


@click.group()
def changes() -> None:
    """The records that have changed in Moment, and how each of them fares."""


@changes.command("list")
@click.option("--connection", "name", help="Only those of one connection")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    default=[state.value for state in OPEN],
    help=f"May be repeated [{', '.join(OPEN)}]",
)
@click.option("--most", default=50, help="How many of a state are shown [50]")
def list_(name: str | None, states: Iterable[State], most: int) -> None:
    """List the changes that are not settled, those that need a person first."""
    rows = [_row(view) for state in states for view in _views(name, State(state), most=most)]
    click.echo(aligned(rows) if rows else "Nothing.")


@changes.command()
@click.argument("change_id", type=int)
def show(change_id: int) -> None:
    """Show one change with all its attempts."""
    view = models.changes.show(bridge().database, change_id)
    if view is None:
        raise click.ClickException(f"There is no change {change_id}.")
    click.echo(f"{view.title} of {view.connection} (Moment's {view.record.kind} {view.record.id}): {view.state}")
    click.echo("\n".join(filter(None, (view.message, view.remedy))))
    attempts = models.changes.attempts(bridge().database, change_id)
    click.echo(aligned([(_oslo(each.at), each.outcome, each.reason, each.message) for each in attempts]))


@changes.command()
@click.argument("change_ids", nargs=-1, type=int)
@click.option("--connection", "name", help="All of this connection that need a person")
@click.option("--reason", default="", help="Of those, only the ones with this reason")
def retry(change_ids: Sequence[int], name: str | None, reason: str) -> None:
    """Try changes again now: some by their numbers, or all that are stuck at a connection."""
    if bool(change_ids) == bool(name):
        raise click.UsageError("Name either changes by their numbers or a connection.")
    stuck = _views(name, State.STUCK, reason=reason, most=MOST) if name else ()
    chosen = [*change_ids, *(view.id for view in stuck)]
    dispatch.nudge(models.changes.retry(bridge().database, *chosen, now=clock()))
    click.echo(f"Changes due now: {len(chosen)}.")


@changes.command()
@click.argument("change_ids", nargs=-1, type=int, required=True)
@click.option("--because", default="Handled by hand.", help="What is to be said of them [Handled by hand.]")
def close(change_ids: Sequence[int], because: str) -> None:
    """Take changes off the list for good: they stay as they are, whatever is received."""
    closed = models.changes.close(bridge().database, *change_ids, because=because, who=WHO, now=clock())
    click.echo(f"Changes closed: {closed}.")


def _views(name: str | None, state: State, *, most: int, reason: str = "") -> Sequence[ChangeView]:
    connection_id = bridge().connections.named(name).id if name else None
    return models.changes.listing(
        bridge().database, connection_id=connection_id, state=state, reason=reason, most=most
    )


def _row(view: ChangeView) -> tuple[str, ...]:
    due = (
        f"due {_oslo(view.due_at)}" if view.state is State.WAITING else _oslo(view.settled_at or view.received_at)
    )
    return (str(view.id), view.connection, view.title, view.state, due, view.reason, view.message)


def _oslo(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"
