"""How commands end that were not simply done. docs/commands.md lists the codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

FOUND, STOPPED = 1, 130


class UnreachableError(click.ClickException):
    """PostgreSQL, Redis or a remote system cannot be reached; nothing was done."""

    exit_code = 3


@contextmanager
def if_stopped(how_to_go_on: str) -> Iterator[None]:
    """Say how to go on where Ctrl-C ends what is inside, or the command that this decorates."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nStopped. {how_to_go_on}", err=True)
        raise click.exceptions.Exit(STOPPED) from None
