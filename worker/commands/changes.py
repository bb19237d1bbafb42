"""``python -m worker changes``: what waits, what needs a person and why, and what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

import click

import models.changes
from models.words import State
from worker import dispatch
from worker.commands import WHO
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from models.changes import ChangeView

Command = TypeVar("Command", bound="Callable[..., None]")

OSLO = ZoneInfo("Europe/Oslo")
OPEN = (State.STUCK, State.WAITING, State.WORKING)
MOST = 10_000


@click.group()
def changes() -> None:
    """The records that have changed, and how each of them fares."""


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
def list_(name: str | None, states: Iterable[str], most: int) -> None:
    """List the changes that are not settled, those that need a person first."""
    rows = [_row(view) for state in states for view in _views(name, State(state), most=most)]
    click.echo(aligned(rows) if rows else "Nothing.")


@changes.command()
@click.argument("change_id", type=int)
@click.option("--calls", is_flag=True, help="Also show what was said to both systems in each attempt")
def show(change_id: int, *, calls: bool) -> None:
    """Show one change with all its attempts."""
    view = _view(change_id)
    click.echo(f"{view.title} of {view.connection} ({view.record.kind} {view.record.id}): {view.state}")
    click.echo("\n".join(filter(None, (view.message, view.remedy))))
    attempts = models.changes.attempts(bridge().database, change_id)
    click.echo(aligned([(_oslo(each.at), each.outcome, each.reason, each.message) for each in attempts]))
    for attempt in attempts if calls else ():
        click.echo(f"\n{_oslo(attempt.at)}")
        for call in attempt.exchanges:
            click.echo(f"  {call['operation']}\n    {call['request']}\n    {call['response']}")


def selection(command: Command) -> Command:
    """Let a command be told which changes it is about: by their numbers, or all of a connection or reason."""
    command = click.option("--reason", default="", help="All that need a person for this reason")(command)
    command = click.option("--connection", "name", help="All of this connection that need a person")(command)
    return click.argument("change_ids", nargs=-1, type=int)(command)


@changes.command()
@selection
def retry(change_ids: Sequence[int], name: str | None, reason: str) -> None:
    """Try changes again now: those with these numbers, or all of a connection, a reason or both."""
    chosen = _chosen(change_ids, name, reason)
    dispatch.nudge(models.changes.retry(bridge().database, *chosen, now=clock()))
    click.echo(f"Changes due now: {len(chosen)}.")


@changes.command()
@selection
@click.option(
    "--because",
    default="Handled by hand.",
    show_default=True,
    help="What is to be said of them; or “Do not transfer.”",
)
def close(change_ids: Sequence[int], name: str | None, reason: str, because: str) -> None:
    """Take changes off the list for good, chosen as for retry: they stay as they are, whatever is received."""
    chosen = _chosen(change_ids, name, reason)
    closed = models.changes.close(bridge().database, *chosen, because=because, who=WHO, now=clock())
    click.echo(f"Changes closed: {closed}.")


def _chosen(change_ids: Sequence[int], name: str | None, reason: str) -> Sequence[int]:
    if bool(change_ids) == bool(name or reason):
        raise click.UsageError("Name either changes by their numbers, or a connection or a reason.")
    views = map(_view, change_ids) if change_ids else _views(name, State.STUCK, reason=reason, most=MOST)
    return [view.id for view in views]


def _view(change_id: int) -> ChangeView:
    view = models.changes.show(bridge().database, change_id)
    if view is None:
        raise click.ClickException(f"There is no change {change_id}.")
    return view


def _views(name: str | None, state: State, *, most: int, reason: str = "") -> Sequence[ChangeView]:
    connection_id = bridge().connections.named(name).id if name else None
    return models.changes.listing(
        bridge().database, connection_id=connection_id, state=state, reason=reason, most=most
    )


def _row(view: ChangeView) -> tuple[str, ...]:
    due = (
        f"due {_oslo(view.due_at)}" if view.state is State.WAITING else _oslo(view.settled_at or view.received_at)
    )
    why = view.reason or view.outcome or ""
    return (str(view.id), view.connection, view.title, view.state, due, why, view.message)


def _oslo(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"
