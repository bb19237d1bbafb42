"""``python -m worker users``: who may see the pages; the first administrator comes from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from models import passwords
from models import users as models
from models.users import Rights
from models.words import Role, Scope
from worker.commands import WHO
from worker.commands.columns import aligned
from worker.wiring import bridge, clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.users import User

Command = TypeVar("Command", bound="Callable[..., None]")


def password_option(command: Command) -> Command:
    """Let a command be given a password, which is made up where it is not."""
    option = click.option(
        "--password",
        envvar="USER_PASSWORD",
        show_envvar=True,
        prompt=True,
        prompt_required=False,
        hide_input=True,
        help="Asked for where it has no value; made up and shown where it is left out",
    )
    return option(command)


@click.group()
def users() -> None:
    """The people who may see the pages."""


@users.command()
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--connection", "names", multiple=True, help="Only for this one (may be repeated) [all]")
@password_option
def add(email: str, role: str, names: Sequence[str], password: str | None) -> None:
    """Add a user."""
    ids = frozenset(bridge().connections.named(name).id for name in names)
    rights, given = Rights(Role(role), Scope(ids or None)), password or passwords.made_up()
    user = models.add(bridge().database, email, rights, password=given, who=WHO, now=clock())
    click.echo(f"{user.email} may sign in at {bridge().settings.public_url}/sign-in")
    _tell(given, made_up=not password)


@users.command("list")
def list_() -> None:
    """List all users."""
    names = {each.id: each.name for each in bridge().connections.all()}
    rows = [_row(user, names) for user in models.everyone(bridge().database)]
    click.echo(aligned(rows) if rows else "There are no users yet.")


@users.command("password")
@click.argument("email")
@password_option
def password_(email: str, password: str | None) -> None:
    """Give a user a new password, and sign them out everywhere."""
    given = password or passwords.made_up()
    models.set_password(bridge().database, _id(email), given, who=WHO, now=clock())
    click.echo(f"{email} has a new password.")
    _tell(given, made_up=not password)


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut a user out, at once."""
    models.disable(bridge().database, _id(email), who=WHO, now=clock())
    click.echo(f"{email} cannot sign in any more.")


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a user in again."""
    models.enable(bridge().database, _id(email), who=WHO, now=clock())
    click.echo(f"{email} can sign in again.")


def _id(email: str) -> int:
    return models.called(bridge().database, email).id


def _tell(password: str, *, made_up: bool) -> None:
    if made_up:
        click.echo(f"Password, shown only now: {password}")


def _row(user: User, names: dict[int, str]) -> tuple[str, ...]:
    ids = user.rights.scope.connections
    of = "all connections" if ids is None else ", ".join(sorted(names[each] for each in ids))
    return (user.email, user.rights.role, of, "disabled" if user.disabled else "")
