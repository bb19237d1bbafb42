"""``python -m worker changes``: what waits, what needs a person and why, and what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

import click

import models.changes
from models import listing, questions
from models.changes import HANDLED, UNWANTED
from models.wanted import Wanted
from models.words import State
from worker import dispatch
from worker.commands import WHO
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from models.listing import ChangeView
    from models.questions import Candidate

Command = TypeVar("Command", bound="Callable[..., None]")

OSLO = ZoneInfo("Europe/Oslo")
CANDIDATE = ("  number", "name", "organization number or customer", "e-mail", "but")
OPEN = (State.STUCK, State.WAITING, State.WORKING)


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
@click.option("--most", type=click.IntRange(1, 10_000), default=50, help="How many of a state are shown [50]")
def list_(name: str | None, states: Iterable[str], most: int) -> None:
    """List the changes that are not settled, those that need a person first."""
    connection_id = _connection(name)
    wanted = [Wanted(connection_id=connection_id, states=frozenset({State(state)})) for state in states]
    rows = [_row(view) for each in wanted for view in listing.latest(bridge().database, each, most=most)]
    click.echo(aligned(rows) if rows else "Nothing.")


@changes.command()
@click.argument("change_id", type=int)
@click.option("--calls", is_flag=True, help="Also show what was said to both systems in each attempt")
def show(change_id: int, *, calls: bool) -> None:
    """Show one change with all its attempts."""
    view = _view(change_id)
    click.echo(f"{view.title} of {view.connection} ({view.record.kind} {view.record.id}): {view.state}")
    click.echo("\n".join(filter(None, (view.closed_because, view.message, view.remedy))))
    if candidates := questions.candidates_of(bridge().database, change_id):
        click.echo(aligned([CANDIDATE, *map(_candidate, candidates)]))
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
    acted = models.changes.retry(bridge().database, _chosen(change_ids, name, reason), who=WHO, now=clock())
    dispatch.nudge(acted.lanes)
    click.echo(f"Changes due now: {acted.count}.")


@changes.command()
@selection
@click.option(
    "--because",
    default=str(HANDLED),
    show_default=True,
    help=f"What is to be said of them; or “{UNWANTED}”",
)
def close(change_ids: Sequence[int], name: str | None, reason: str, because: str) -> None:
    """Take changes off the list for good, chosen as for retry: they stay as they are, whatever is received."""
    said = next((known for known in (HANDLED, UNWANTED) if known == because), because)
    chosen = _chosen(change_ids, name, reason)
    acted = models.changes.close(bridge().database, chosen, because=said, who=WHO, now=clock())
    click.echo(f"Changes closed: {acted.count}.")


@changes.command()
@click.argument("change_id", type=int)
@click.argument("number", required=False, default="")
@click.option("--new", is_flag=True, help="It is none of them: make a new one")
def choose(change_id: int, number: str, *, new: bool) -> None:
    """Say which customer or project of 24SevenOffice it is, by a number that changes show offers."""
    if bool(number) == new:
        raise click.UsageError("Name either a number or --new.")
    change = _view(change_id)
    choice = questions.NEW if new else number
    acted = questions.answer(bridge().database, change_id, choice, who=WHO, now=clock())
    if not acted.count:
        raise click.ClickException(f"Change {change_id} does not offer that: see changes show {change_id}.")
    dispatch.nudge(acted.lanes)
    click.echo(f"{change.title}: {questions.said_of(change.record.kind, choice)}.")


def _candidate(each: Candidate) -> tuple[str, ...]:
    return (f"  {each.number}", each.name, each.organization_number or each.customer_number, each.email, each.note)


def _chosen(change_ids: Sequence[int], name: str | None, reason: str) -> Wanted:
    if bool(change_ids) == bool(name or reason):
        raise click.UsageError("Name either changes by their numbers, or a connection or a reason.")
    if change_ids:
        return Wanted(ids=frozenset(_view(change_id).id for change_id in change_ids))
    return Wanted(connection_id=_connection(name), reason=reason, states=frozenset({State.STUCK}))


def _view(change_id: int) -> ChangeView:
    view = models.changes.show(bridge().database, change_id)
    if view is None:
        raise click.ClickException(f"There is no change {change_id}.")
    return view


def _connection(name: str | None) -> int | None:
    return bridge().connections.named(name).id if name else None


def _row(view: ChangeView) -> tuple[str, ...]:
    due = (
        f"due {_oslo(view.due_at)}" if view.state is State.WAITING else _oslo(view.settled_at or view.received_at)
    )
    why = view.reason or view.outcome or ""
    return (str(view.id), view.connection, view.title, view.state, due, why, view.closed_because or view.message)


def _oslo(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%Y-%m-%d %H:%M:%S}"
