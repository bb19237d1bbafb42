"""``moment24 connections`` add, set, check and unlink: settings, tested before they are saved.

The options are derived from the settings' fields, so that none is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from i18n.formatting import OSLO
from models.admin import relink
from models.connections.repository import MAX_NAME_LENGTH, SECRET_FIELDS, ConcurrentUpdateError, Connection
from models.connections.settings import FIRST_DAYS, ConnectionSettings, first_days_to_confirm
from sync.error_codes.names import IDENTITY
from sync.errors import MisconfiguredError
from sync.rules.normalization import clean
from worker import dispatch
from worker.cli import ACTOR, Command, connection_argument, examples, print_webhook_url
from worker.cli.tables import aligned
from worker.container import get_container
from worker.handlers.diagnostics import check_login

PREFIX = "CONNECTION_"
"""A secret that is prompted for may also come from the environment, such as CONNECTION_PASSWORD."""

check_option = click.option(
    "--check/--no-check", default=True, show_default=True, help="Whether to test both systems first"
)


def setting_options(*, prompts: bool) -> Callable[[Command], Command]:
    """Add an option for each setting; ``prompts`` says whether to ask for secrets whose option is omitted."""

    def decorate(command: Command) -> Command:
        for name, field in reversed(ConnectionSettings.model_fields.items()):
            command = _option(name, field, prompts=prompts)(command)
        return command

    return decorate


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings; an empty value resets a setting to its default."""
    fields = ConnectionSettings.model_fields
    return {name: _value(fields[name], value) for name, value in options.items() if value not in (None, ())}


def _option(name: str, field: FieldInfo, *, prompts: bool) -> Callable[[Command], Command]:
    more: dict[str, Any] = {"multiple": _is_repeated(field)}
    if name in SECRET_FIELDS:
        in_environment = {"prompt": field.description, "envvar": PREFIX + name.upper(), "show_envvar": True}
        more = {"hide_input": True, **(in_environment if prompts else {"prompt": True, "prompt_required": False})}
    elif choices := _choices(field):
        more = {"type": click.Choice(choices)}
    else:
        more["metavar"] = _metavar(field)
    return click.option(_flag(name), name, help=_help(field, prompts=prompts), **more)


def _help(field: FieldInfo, *, prompts: bool) -> str:
    notes = ["repeatable"] if _is_repeated(field) else []
    if field.is_required():
        notes += ["required"] if prompts else []
    elif default_value := field.get_default(call_default_factory=True):
        notes.append(f"default: {_default(default_value)}")
    return f"{field.description}  [{'; '.join(notes)}]" if notes else str(field.description)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _metavar(field: FieldInfo) -> str | None:
    """Return the placeholder for the value in the help, None for click's own. It need not show the empty value."""
    type_ = field.annotation
    if get_origin(type_) is dict:
        return "NUMBER=VALUE"
    if get_origin(type_) is frozenset:
        return f"[{'|'.join(get_args(type_)[0])}]"
    return "[yes|no]" if type_ is bool else None


def _flag(name: str) -> str:
    field = ConnectionSettings.model_fields[name]
    return "--" + (name.removesuffix("s") if _is_repeated(field) else name).replace("_", "-")


def _is_repeated(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (tuple, frozenset, dict)


def _choices(field: FieldInfo) -> Sequence[str]:
    type_ = field.annotation
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return [each.value for each in type_]  # click would use the names of the members
    return get_args(type_) if get_origin(type_) is Literal else ()


def _value(field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 (the settings validate it)
    if value in ("", ("",)) and not field.is_required():
        return field.get_default(call_default_factory=True)
    if get_origin(field.annotation) is dict:
        return dict(pair.partition("=")[::2] for pair in value)
    return value


@click.command(
    epilog=examples(
        "moment24 connections add --name 'Our company' --moment-company 1001 --username api@example.com"
    )
)
@click.option("--name", required=True, help="The connection's name, here and in emails")
@setting_options(prompts=True)
@check_option
def add(name: str, *, check: bool, **options: Any) -> None:  # noqa: ANN401 (the settings check them)
    """Add a connection and print its webhook URL."""
    if not (name := clean(name, max_length=MAX_NAME_LENGTH)):
        raise click.UsageError("A connection needs a name.")
    settings, client_number = _validate(given_settings(options)), None
    if check:
        settings, client_number = _test_login(settings)
    container = get_container()
    connection, token = container.connections.add(
        name, settings, actor=ACTOR, now=container.clock(), client_number=client_number
    )
    click.echo(f"{name} is connection {connection.id}.")
    print_webhook_url(token)


@click.command("set")
@connection_argument
@setting_options(prompts=False)
@check_option
def set_(connection: Connection, *, check: bool, **options: Any) -> None:  # noqa: ANN401 (the settings check them)
    """Change settings; an empty value restores the default. Resumes a connection that paused itself."""
    values = given_settings(options)
    if not values:
        raise click.UsageError("Specify a setting to change.")
    settings = _validate({**dict(connection.settings), **values})
    today = get_container().clock().astimezone(OSLO).date()
    values |= {name: today for name in first_days_to_confirm(connection.settings, values) if name not in values}
    client_number = None
    if check:
        tested, client_number = _test_login(settings)
        values |= {"identity_id": tested.identity_id} if tested != settings else {}
    try:
        updated = get_container().update_settings(connection.id, values, actor=ACTOR, client_number=client_number)
    except ConcurrentUpdateError:
        raise click.ClickException("Someone else has just changed the settings. Try again.") from None
    for name in FIRST_DAYS.values():
        if values.get(name):
            click.echo(f"Anything dated before {getattr(updated.settings, name)} is skipped ({name}).")
    click.echo(f"Settings of {updated.name} saved.")
    if updated.paused_because:
        click.echo("The connection is still paused.")


@click.command("check")
@connection_argument
def check_(connection: Connection) -> None:
    """Test a connection's settings in both systems."""
    _test_login(connection.settings)


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


def _validate(values: dict[str, Any]) -> ConnectionSettings:
    try:
        return ConnectionSettings.model_validate(values)
    except ValidationError as error:  # pydantic's own text would show the input
        wrong = (f"{_flag(str(each['loc'][0]))}: {each['msg']}" for each in error.errors(include_input=False))
        raise click.UsageError("\n".join(wrong)) from None


def _test_login(settings: ConnectionSettings) -> tuple[ConnectionSettings, int | None]:
    """Return the settings with the identity that the login reaches, and the client's number.

    Prints the available clients if the settings name none or a wrong one. Raises SyncError.
    """
    try:
        identity = check_login(get_container(), settings)
    except MisconfiguredError as error:
        if error.error_code == IDENTITY:
            usable = [each for each in get_container().erp(settings).identities() if each.usable]
            click.echo("Available clients and their ids:")
            click.echo(aligned([(f"  {each.client}", each.id) for each in usable]))
        raise
    click.echo(f"Signed in to both systems (24SevenOffice client: {identity.client}, {identity.id}).")
    return settings.model_copy(update={"identity_id": identity.id}), identity.client_number or None
