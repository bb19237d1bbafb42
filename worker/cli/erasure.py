"""Commands that erase a connection or a person's data, and that list the data stored about a person."""

from collections import Counter
from collections.abc import Sequence

import click

from models.admin import erasure, personal_data
from models.admin.personal_data import Person
from models.connections.repository import Connection
from worker import dispatch
from worker.cli import ACTOR, connection_argument
from worker.cli.tables import Table, output_option, output_option_of
from worker.container import get_container

TEXTS = Table(columns={name: name for name in ("table", "row", "column", "text")})
COUNTS = Table(columns={"column": "column", "texts": "texts"})


@click.command()
@connection_argument
@click.option("--confirm", prompt="To erase all its data, type its name again", help="The name, to confirm")
def erase(connection: Connection, confirm: str) -> None:
    """Erase a connection and all its data here. Nothing is erased in Moment or 24SevenOffice."""
    container = get_container()
    if confirm != connection.name:
        raise click.ClickException("The name doesn't match. Nothing was erased.")
    dispatch.forget(connection.id)
    emails = container.erase_connection(connection, actor=ACTOR)
    click.echo(f"Connection {connection.id} and all its data are erased.")
    if emails:
        click.echo(f"These users no longer have any connection: {', '.join(emails)}. To erase one: people erase.")


@click.group()
def people() -> None:
    """List or erase the data stored about a person."""


def _person(_context: click.Context, _parameter: click.Parameter, names: Sequence[str]) -> Person:
    try:
        return Person(names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


person_argument = click.argument("person", metavar="NAMES...", nargs=-1, required=True, callback=_person)


@people.command()
@person_argument
@output_option_of("json")
def show(person: Person, output: str) -> None:
    """List each text that contains one of these names or email addresses."""
    found = personal_data.find(get_container().database, person)
    rows = ([each.table, [*map(str, each.key)], each.column, each.value] for each in found)
    TEXTS.print((dict(zip(TEXTS.columns, row, strict=True)) for row in rows), output)


@people.command("erase")
@person_argument
@click.option("--dry-run", is_flag=True, help="Only show how many texts there are, and where")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation")
@output_option
def erase_person(person: Person, *, dry_run: bool, yes: bool, output: str) -> None:
    """Erase a person from every text that contains one of these names or email addresses.

    Ids, amounts and the fact that something happened stay. Erase the person in Moment and 24SevenOffice first, as
    far as bookkeeping rules allow: changes there are synced here again.
    """
    if output != "table" and not dry_run:
        raise click.UsageError("--output requires --dry-run.")
    container = get_container()
    found = Counter((match.table, match.column) for match in personal_data.find(container.database, person))
    COUNTS.print(({"column": ".".join(column), "texts": count} for column, count in found.items()), output)
    if dry_run or not found:
        return
    if not yes:
        click.confirm("Erase them? This can't be undone.", abort=True)
    erased = erasure.erase_person(container.database, person, actor=ACTOR, now=container.clock())
    click.echo(f"Texts erased: {erased.count}.")
    for match in erased.remaining:
        click.echo(f"Correct manually (see connections set): {match.column} of connection {match.key[0]}.")
