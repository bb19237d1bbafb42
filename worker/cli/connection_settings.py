"""``moment24 connections add``, ``set``, ``check`` and ``unlink``: settings, tested before they are saved."""

from typing import Any

import click
from pydantic import ValidationError

from i18n.formatting import OSLO
from models.admin import relink
from models.connections.repository import MAX_NAME_LENGTH, ConcurrentUpdateError, Connection
from models.connections.settings import FIRST_DAYS, ConnectionSettings, first_days_to_ask
from sync.errors import MisconfiguredError
from sync.rules.normalization import clean
from worker import dispatch
from worker.cli import ACTOR, connection_argument, examples, print_webhook_url
from worker.cli.setting_options import complaints, given, setting_options
from worker.cli.tables import aligned
from worker.container import get_container
from worker.handlers.diagnostics import check

checking = click.option(
    "--check/--no-check", default=True, show_default=True, help="Whether to test both systems first"
)


@click.command(
    epilog=examples(
        "moment24 connections add --name 'Our company' --moment-company 1001 --username api@example.com"
    )
)
@click.option("--name", required=True, help="The connection's name, here and in emails")
@setting_options(asking=True)
@checking
def add(name: str, *, check: bool, **options: Any) -> None:  # noqa: ANN401 (the settings check them)
    """Add a connection and print its webhook URL."""
    if not (name := clean(name, max_length=MAX_NAME_LENGTH)):
        raise click.UsageError("A connection needs a name.")
    settings, client_number = _valid(given(options)), None
    if check:
        settings, client_number = _tested(settings)
    container = get_container()
    connection, token = container.connections.add(
        name, settings, actor=ACTOR, now=container.clock(), client_number=client_number
    )
    click.echo(f"{name} is connection {connection.id}.")
    print_webhook_url(token)


@click.command("set")
@connection_argument
@setting_options(asking=False)
@checking
def set_(connection: Connection, *, check: bool, **options: Any) -> None:  # noqa: ANN401 (the settings check them)
    """Change settings; an empty value restores the default. Resumes a connection that paused itself."""
    values = given(options)
    if not values:
        raise click.UsageError("Specify a setting to change.")
    settings = _valid({**dict(connection.settings), **values})
    today = get_container().clock().astimezone(OSLO).date()
    values |= {name: today for name in first_days_to_ask(connection.settings, values) if name not in values}
    client_number = None
    if check:
        tried, client_number = _tested(settings)
        values |= {"identity_id": tried.identity_id} if tried != settings else {}
    try:
        updated = get_container().update_settings(connection.id, values, actor=ACTOR, client_number=client_number)
    except ConcurrentUpdateError:
        raise click.ClickException("Someone else has just changed the settings. Try again.") from None
    for name in FIRST_DAYS.values():
        if values.get(name):
            click.echo(f"Anything dated before {getattr(updated.settings, name)} is skipped ({name}).")
    click.echo(f"{updated.name} {'is still paused' if updated.paused_because else 'works'} with its new settings.")


@click.command("check")
@connection_argument
def check_(connection: Connection) -> None:
    """Test a connection's settings in both systems."""
    _tested(connection.settings)


@click.command()
@connection_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation")
def unlink(connection: Connection, *, yes: bool) -> None:
    """Set a paused connection's links aside before switching to another company or client.

    Nothing changes in Moment or 24SevenOffice. All records are matched again, and unfinished ones are verified
    before they are sent. An invoice that was posted, or an expense that was imported, is sent again only after
    someone has checked it.
    """
    container = get_container()
    if not connection.paused_because:
        raise click.ClickException("Pause the connection first.")
    if not yes:
        click.confirm(f"Set all links of {connection.name} aside? This can't be undone.", abort=True)
    count = relink.unlink(container.database, connection.id, actor=ACTOR, now=container.clock())
    dispatch.forget(connection.id)
    click.echo(f"Links set aside: {count}. Change the settings (connections set), then resume the connection.")


def _valid(values: dict[str, Any]) -> ConnectionSettings:
    try:
        return ConnectionSettings.model_validate(values)
    except ValidationError as error:
        raise click.UsageError(complaints(error)) from None  # pydantic's own text would show the input


def _tested(settings: ConnectionSettings) -> tuple[ConnectionSettings, int | None]:
    """Test settings, and fill in the identity if it is empty; return the client's number too.

    If the identity is missing or wrong, print the available ones: the operator may see them all.
    """
    try:
        identity = check(get_container(), settings)
    except MisconfiguredError as error:
        if error.error_code == "identity":
            _print_clients(settings)
        raise
    click.echo(f"Signed in to both systems (24SevenOffice client: {identity.client}, {identity.id}).")
    return settings.model_copy(update={"identity_id": identity.id}), identity.client_number or None


def _print_clients(settings: ConnectionSettings) -> None:
    usable = [each for each in get_container().erp(settings).identities() if each.usable]
    click.echo("Available clients and their ids:")
    click.echo(aligned([(f"  {each.client}", each.id) for each in usable]))
