"""Commands that erase: a company that leaves, and a person who asks to be forgotten or what is known of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import click

from language.said import say
from models import erasing, traces
from models.traces import Person
from worker import dispatch
from worker.commands import WHO
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.connections import Connection
    from models.traces import Trace


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option(
    "--confirm", prompt="To erase all that is kept of it, type its name once more", help="Its name again"
)
def erase(name: str, confirm: str) -> None:
    """Erase a connection with all that is kept of it; what is in Moment and 24SevenOffice stays there."""
    connection = bridge().connections.named(name)
    if confirm != name:
        raise click.ClickException("That is not its name. Nothing was erased.")
    bridge().connections.pause(connection.id, say("It is being erased."), who=WHO, now=clock())
    bridge().connections.new_token(connection.id, who=WHO, now=clock())  # nothing comes in by the old address
    _forget(connection)
    blind = erasing.connection(bridge().database, connection.id, who=WHO, now=clock())
    _leave(connection)  # once more, as a login may have been on its way
    click.echo(f"Connection {connection.id} and all that was kept of it are erased.")
    if blind:
        click.echo(f"These users see no connection any more: {', '.join(blind)}. To erase one: people erase.")


@click.group()
def people() -> None:
    """What the database knows of a person: for those who want to see it, or want to be forgotten."""


names = click.argument("names", nargs=-1, required=True)


@people.command()
@names
def show(names: Sequence[str]) -> None:
    """Tell as JSON each text that holds one of these names or e-mail addresses."""
    click.echo(json.dumps([_told(trace) for trace in _traces(names)], ensure_ascii=False, indent=2, default=str))


@people.command("erase")
@names
@click.option("--dry-run", is_flag=True, help="Only tell how many texts there are, and where")
@click.option("--yes", is_flag=True, help="Do not ask")
def erase_person(names: Sequence[str], *, dry_run: bool, yes: bool) -> None:
    """Take a person out of every text that holds one of these names or e-mail addresses.

    Ids, amounts, and that something happened, stay. Erase them in Moment and 24SevenOffice first, as far as the
    bookkeeping allows: what changes there comes here again.
    """
    found = Counter((trace.table, trace.column) for trace in _traces(names))
    rows = [(f"{table}.{column}", str(count)) for (table, column), count in found.items()]
    click.echo(aligned(rows) or "Nothing.")
    if dry_run or not found:
        return
    if not yes:
        click.confirm("Erase them? This cannot be undone.", abort=True)
    erased = erasing.person(bridge().database, _person(names), who=WHO, now=clock())
    click.echo(f"Texts without them now: {erased.count}.")
    for trace in erased.left:
        click.echo(f"To be mended by hand, see connections set: {trace.column} of connection {trace.key[0]}.")


def _forget(connection: Connection) -> None:
    """Have Redis forget what it knows of a connection."""
    dispatch.forget(connection.id)
    bridge().budget.of(connection.id).forget()
    _leave(connection)


def _leave(connection: Connection) -> None:
    bridge().erp(connection.settings).leave()


def _traces(names: Sequence[str]) -> Iterator[Trace]:
    return traces.of(bridge().database, _person(names))


def _person(names: Sequence[str]) -> Person:
    try:
        return Person(names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _told(trace: Trace) -> dict[str, object]:
    return {"table": trace.table, "row": trace.key, "column": trace.column, "text": trace.value}
