"""The commands of ``moment24``, one module per group."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from i18n.messages import msg
from models.connections.repository import Connection
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
