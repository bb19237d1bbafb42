"""Commands that erase: a company that leaves, and a person who asks to be forgotten or what is known of them."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from i18n.messages import msg
from models.admin import erasure, personal_data
from models.admin.personal_data import Person, PersonalDataMatch
from models.connections.repository import Connection
from worker import dispatch
from worker.cli import ACTOR
from worker.cli.tables import aligned
from worker.container import clock, get_container


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option(
    "--confirm", prompt="To erase all that is kept of it, type its name once more", help="Its name again"
)
def erase(name: str, confirm: str) -> None:
    """Erase a connection with all that is kept of it; what is in Moment and 24SevenOffice stays there."""
    connection = get_container().connections.get_by_name(name)
    if confirm != name:
        raise click.ClickException("That is not its name. Nothing was erased.")
    get_container().connections.pause(connection.id, msg("It is being erased."), actor=ACTOR, now=clock())
    get_container().connections.new_token(
        connection.id, actor=ACTOR, now=clock()
    )  # nothing comes in by the old address
    _forget(connection)
    blind = erasure.erase_connection(get_container().database, connection.id, actor=ACTOR, now=clock())
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
    click.echo(
        json.dumps([_as_json(trace) for trace in _matches(names)], ensure_ascii=False, indent=2, default=str)
    )


@people.command("erase")
@names
@click.option("--dry-run", is_flag=True, help="Only tell how many texts there are, and where")
@click.option("--yes", is_flag=True, help="Do not ask")
def erase_person(names: Sequence[str], *, dry_run: bool, yes: bool) -> None:
    """Take a person out of every text that holds one of these names or e-mail addresses.

    Ids, amounts, and that something happened, stay. Erase them in Moment and 24SevenOffice first, as far as the
    bookkeeping allows: what changes there comes here again.
    """
    found = Counter((trace.table, trace.column) for trace in _matches(names))
    rows = [(f"{table}.{column}", str(count)) for (table, column), count in found.items()]
    click.echo(aligned(rows) or "Nothing.")
    if dry_run or not found:
        return
    if not yes:
        click.confirm("Erase them? This cannot be undone.", abort=True)
    erased = erasure.erase_person(get_container().database, _person(names), actor=ACTOR, now=clock())
    click.echo(f"Texts without them now: {erased.count}.")
    for trace in erased.remaining:
        click.echo(f"To be mended by hand, see connections set: {trace.column} of connection {trace.key[0]}.")


def _forget(connection: Connection) -> None:
    """Have Redis forget what it knows of a connection."""
    dispatch.forget(connection.id)
    get_container().budget.for_connection(connection.id).forget()
    _leave(connection)


def _leave(connection: Connection) -> None:
    get_container().erp(connection.settings).log_out()


def _matches(names: Sequence[str]) -> Iterator[PersonalDataMatch]:
    return personal_data.find(get_container().database, _person(names))


def _person(names: Sequence[str]) -> Person:
    try:
        return Person(names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _as_json(trace: PersonalDataMatch) -> dict[str, object]:
    return {"table": trace.table, "row": trace.key, "column": trace.column, "text": trace.value}
