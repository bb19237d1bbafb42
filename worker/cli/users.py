"""``moment24 users``: the users of the pages. The first administrator is created here."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from models.connections.repository import Connection
from models.enums import Role, Scope
from models.users import passwords, second_factor
from models.users import repository as models
from models.users.repository import Rights, User
from worker.cli import ACTOR, connections_option
from worker.cli.tables import Cell, Table, output_option
from worker.container import get_container

password_option = click.option(
    "--password",
    envvar="USER_PASSWORD",
    show_envvar=True,
    prompt=True,
    prompt_required=False,
    hide_input=True,
    help="Prompted for if given without a value; generated and shown if omitted",
)

USERS = Table(
    columns={
        "email": "email",
        "role": "role",
        "connections": "connections",
        "disabled": "disabled",
        "has_second_factor": "second factor",
    },
    empty="There are no users yet.",
)


@click.group()
def users() -> None:
    """Manage users."""


@users.command()
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@connections_option("Only for this connection (repeatable)  [default: all]")
@password_option
def add(email: str, role: str, connections: Sequence[Connection], password: str | None) -> None:
    """Add a user, who chooses a new password at the first sign-in."""
    container, temporary_password = get_container(), password or passwords.generate()
    rights = Rights(Role(role), Scope(frozenset(each.id for each in connections) or None))
    user = models.add(
        container.database, email, rights, password=temporary_password, actor=ACTOR, now=container.clock()
    )
    click.echo(f"{user.email} can sign in at {container.settings.public_url}/sign-in")
    _print_password(temporary_password, is_generated=not password)


@users.command("list")
@output_option
def list_(output: str) -> None:
    """List all users."""
    names = {each.id: each.name for each in get_container().connections.all_even_unreadable()}
    USERS.print((_row(user, names) for user in models.all_users(get_container().database)), output)


@users.command("password")
@click.argument("email")
@password_option
def password_(email: str, password: str | None) -> None:
    """Set a temporary password and sign the user out everywhere."""
    container, temporary_password = get_container(), password or passwords.generate()
    models.set_password(container.database, _id(email), temporary_password, actor=ACTOR, now=container.clock())
    click.echo(f"{email} has a new password.")
    _print_password(temporary_password, is_generated=not password)


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Disable a user immediately."""
    container = get_container()
    models.disable(container.database, _id(email), actor=ACTOR, now=container.clock())
    click.echo(f"{email} can no longer sign in.")


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Enable a user again."""
    container = get_container()
    models.enable(container.database, _id(email), actor=ACTOR, now=container.clock())
    click.echo(f"{email} can sign in again.")


@users.command()
@click.argument("email")
def reset_factor(email: str) -> None:
    """Remove a user's second factor and sign them out everywhere."""
    container = get_container()
    second_factor.reset(container.database, _id(email), actor=ACTOR, now=container.clock())
    click.echo(f"{email} now signs in with the password only, until they set up a second factor.")


def _id(email: str) -> int:
    return models.get_by_email(get_container().database, email).id


def _print_password(password: str, *, is_generated: bool) -> None:
    if is_generated:
        click.echo(f"Password, shown only once: {password}")


def _row(user: User, names: Mapping[int, str]) -> Mapping[str, Any]:
    ids = user.rights.scope.connections
    return {
        "email": user.email,
        "role": user.rights.role,
        "connections": Cell(None, "all") if ids is None else sorted(names[each] for each in ids),
        "disabled": user.disabled,
        "has_second_factor": user.has_factor,
    }
