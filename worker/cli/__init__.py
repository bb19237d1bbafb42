"""The commands of ``moment24``, one module per group; ``COMMANDS`` in :mod:`worker.__main__` lists them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from i18n.messages import msg
from models.connections.repository import Connection
from worker import exit_codes
from worker.container import get_container

Command = TypeVar("Command", bound="Callable[..., Any]")

ACTOR = msg("CLI")
"""The actor in the audit log."""


class ConnectionName(click.ParamType[Connection]):
    """A connection, given by its name. Raises UnknownConnectionError."""

    name = "connection"

    def convert(self, value: str, _param: click.Parameter | None, _ctx: click.Context | None) -> Connection:
        return get_container().connections.get_by_name(value)


def examples(*lines: str) -> str:
    """Return the examples at the end of a command's help."""
    return "\b\n" + "\n".join(("Examples:", *(f"  {line}" for line in lines)))


def connections_option(help_: str) -> Callable[[Command], Command]:
    return click.option("--connection", "connections", type=ConnectionName(), multiple=True, help=help_)


connection_argument = click.argument("connection", metavar="CONNECTION", type=ConnectionName())


def print_webhook_url(token: str) -> None:
    click.echo("Webhook URL for Moment's settings (customers, projects, invoices), shown only once:")
    click.echo(get_container().webhook_url(token))


class UnreachableError(click.ClickException):
    """PostgreSQL, Redis or a remote system cannot be reached."""

    exit_code = exit_codes.UNREACHABLE


@contextmanager
def on_interrupt(hint: str) -> Iterator[None]:
    """Print the hint if Ctrl-C ends the block or the decorated command."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nStopped. {hint}", err=True)
        raise click.exceptions.Exit(exit_codes.STOPPED) from None
