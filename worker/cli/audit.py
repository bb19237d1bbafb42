"""Commands for the audit log."""

from collections.abc import Sequence

import click

from models.admin import audit_log
from models.connections.repository import Connection
from models.enums import Scope
from worker.cli import connections_option
from worker.container import get_container


@click.group()
def audit() -> None:
    """Export the audit log."""


@audit.command()
@connections_option("Only this connection; repeatable")
def export(connections: Sequence[Connection]) -> None:
    """Print the audit log as JSON lines, oldest entry first."""
    scope = Scope(frozenset(each.id for each in connections) if connections else None)
    for line in audit_log.export(get_container().database, scope, users=not connections):
        click.echo(line, nl=False)
